// The credentials of a gRPC channel out of a certificate source. Each new connection takes what the source has at that moment, as with
// grpc-js's own credentials of a provider; but those make two secure contexts for every connection, and here one serves all
// connections that are made with the same material.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { CertificateSource } from './certificate-source.ts';

/** A handshake that both sides were content with; `certificate`: PEM of what this side has shown. */
export interface Handshake {
  readonly socket: TLSSocket;
  readonly certificate: string;
}

type OnHandshake = (handshake: Handshake) => void;

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

class SharedCredentials extends ChannelCredentials {
  readonly #source: CertificateSource;
  readonly #onHandshake: OnHandshake | undefined;

  constructor(source: CertificateSource, onHandshake: OnHandshake | undefined) {
    super();
    this.#source = source;
    this.#onHandshake = onHandshake;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return (
      other instanceof SharedCredentials && other.#source === this.#source && other.#onHandshake === this.#onHandshake
    );
  }

  override _createSecureConnector(
    ...[target, options, calls]: Parameters<ChannelCredentials['_createSecureConnector']>
  ): SecureConnector {
    const ofNow = () =>
      credentials.createFromSecureContext(this.#source.clientContext)._createSecureConnector(target, options, calls);
    return {
      connect: async (socket: Socket) => {
        const { certificate } = this.#source.material;
        const made = await ofNow().connect(socket);
        if (made.socket instanceof TLSSocket) this.#onHandshake?.({ socket: made.socket, certificate });
        return made;
      },
      waitForReady: async () => {},
      getCallCredentials: () => calls ?? credentials.createEmpty(),
      destroy() {},
    };
  }
}

/** Mutual TLS for a client. `onHandshake`: each time that a connection was made, before anything is asked over it. */
export const channelCredentials = (source: CertificateSource, onHandshake?: OnHandshake): ChannelCredentials =>
  new SharedCredentials(source, onHandshake);
