// The HTTP server's TLS: 1.3, a client certificate that some authority of the source vouches for, and certificates that change
// without a restart and without ending a stream. Whose certificate it is, and what that person may ask for, is for the server's owner.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { timesOf } from './http-limits.ts';
import type { CertificateSource } from './tls/certificate-source.ts';
import type { TlsMaterial } from './tls/material.ts';

export interface HttpsDeps {
  readonly source: CertificateSource;
  /** A handshake that came to nothing; `address` is `host:port`, `unknown:0` where Node does not know it any more. */
  readonly onFailedHandshake: (address: string, reason: string) => void;
  readonly headerBytesMax: number;
  readonly times: ReturnType<typeof timesOf>;
}

/** Over a slow link, twice. */
const HANDSHAKE_MS_MAX = 10_000;

export function createHttpsServer(
  { source, onFailedHandshake, headerBytesMax, times }: HttpsDeps,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer(
    {
      ...secureContext(source.material),
      ...times,
      requestCert: true,
      rejectUnauthorized: true,
      maxHeaderSize: headerBytesMax,
      handshakeTimeout: HANDSHAKE_MS_MAX,
    },
    handle,
  );
  // What is open goes on with what it was opened with.
  server.once(
    'close',
    source.onChange(() => server.setSecureContext(secureContext(source.material))),
  );
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    // Node ends a connection whose certificate it does not take without a word: the reason is on the socket, and the address gone.
    const refused: unknown = socket.authorizationError ?? undefined;
    const { remoteAddress: host = 'unknown', remotePort: port = 0 } = socket;
    onFailedHandshake(`${host}:${port}`, String(refused ?? error.code ?? error.message));
  });
  return server;
}

/** Every option again, each time: what `setSecureContext` is not given falls back to Node's defaults. */
const secureContext = ({ ca, certificate, key }: TlsMaterial) =>
  ({ ca, cert: certificate, key, minVersion: 'TLSv1.3' }) as const;

/** DER of the certificate that the client proved to hold the key of; undefined where there is none, or no connection any more. */
export const shownCertificate = ({ socket }: IncomingMessage): Uint8Array | undefined =>
  socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
