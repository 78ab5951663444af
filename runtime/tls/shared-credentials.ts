// The credentials of a gRPC channel out of a certificate source. Each new connection takes what the source has at that moment, as with
// grpc-js's own credentials of a provider; but those make two secure contexts for every connection, and here one serves all
// connections that are made with the same material.

import type { Socket } from 'node:net';
import { ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { CertificateSource } from './certificate-source.ts';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

class SharedCredentials extends ChannelCredentials {
  readonly #source: CertificateSource;

  constructor(source: CertificateSource) {
    super();
    this.#source = source;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other instanceof SharedCredentials && other.#source === this.#source;
  }

  override _createSecureConnector(
    ...[target, options, calls]: Parameters<ChannelCredentials['_createSecureConnector']>
  ): SecureConnector {
    const ofNow = () =>
      credentials.createFromSecureContext(this.#source.clientContext)._createSecureConnector(target, options, calls);
    return {
      connect: async (socket: Socket) => ofNow().connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => calls ?? credentials.createEmpty(),
      destroy() {},
    };
  }
}

/** Mutual TLS for a client. */
export const channelCredentials = (source: CertificateSource): ChannelCredentials => new SharedCredentials(source);
