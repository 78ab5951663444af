// The credentials of a gRPC channel out of a certificate source. Each new connection takes what the source has at that moment, as with
// grpc-js's own credentials of a provider; but those make two secure contexts for every connection, and here one serves all
// connections that are made with the same material. Those send an address as a server name too, which TLS does not allow (RFC 6066)
// and Node warns of: an etcd is told by its address, and judged by it.

import { isIP, type Socket } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { ChannelCredentials, type ChannelOptions, credentials, experimental } from '@grpc/grpc-js';
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
    const name = serverName(target, options);
    return {
      connect: async (plain: Socket) => {
        const { certificate } = this.#source.material;
        const socket = await shake(plain, name, this.#source.clientContext);
        this.#onHandshake?.({ socket, certificate });
        return { socket, secure: true };
      },
      waitForReady: async () => {},
      getCallCredentials: () => calls ?? credentials.createEmpty(),
      destroy() {},
    };
  }
}

type Target = Parameters<ChannelCredentials['_createSecureConnector']>[0];

/** Whose certificate is expected: the name that the channel is told to ask for, else the host it connects to. */
function serverName({ path }: Target, options: ChannelOptions): string {
  return options['grpc.ssl_target_name_override'] ?? experimental.splitHostPort(path)?.host ?? path;
}

/** Rejects with the reason why this side does not accept the other, or that there was no handshake. */
function shake(socket: Socket, name: string, secureContext: SecureContext): Promise<TLSSocket> {
  const named = isIP(name) === 0 ? { servername: name } : {};
  return new Promise((resolve, reject) => {
    const made = connect({ socket, secureContext, host: name, ...named, ALPNProtocols: ['h2'] }, () => resolve(made));
    made.on('error', reject);
  });
}

/** Mutual TLS for a client. `onHandshake`: each time that a connection was made, before anything is asked over it. */
export const channelCredentials = (source: CertificateSource, onHandshake?: OnHandshake): ChannelCredentials =>
  new SharedCredentials(source, onHandshake);
