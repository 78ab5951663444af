// What a request must be before it may change anything: from this machine, not sent by a web page behind its reader's back, and with a
// small JSON body or none.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** A request of ours carries a name, a token, a few options. */
const BODY_BYTES_MAX = 64 * 1024;

export type BodyRead = { readonly body: unknown } | { readonly status: 400 | 413 | 415; readonly reason: string };

/** An empty body is `undefined`. JSON must be called so: a form of another site can send other types without being asked. */
export async function readJsonBody(request: IncomingMessage): Promise<BodyRead> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return { status: 413, reason: `the body exceeds ${BODY_BYTES_MAX} bytes` };
    chunks.push(chunk);
  }
  if (size === 0) return { body: undefined };
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return { status: 415, reason: 'the body is not declared as application/json' };
  }
  try {
    return { body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown };
  } catch {
    return { status: 400, reason: 'the body is not JSON' };
  }
}

/** Why a request is not one of this machine's own tools; undefined when it is. */
export function foreignReason(request: IncomingMessage): string | undefined {
  const address = request.socket.remoteAddress;
  // A unix socket has no address: who may open it is for the file system to say.
  if (address === undefined) return request.socket.destroyed ? 'the connection is gone' : undefined;
  if (!/^(127\.|::1$|::ffff:127\.)/.test(address)) return 'it is answered on loopback and unix sockets only';
  // A name in the Host header that leads here may be a web page's (DNS rebinding).
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const known = host === '' || host === 'localhost' || isIP(host) !== 0;
  return known && request.headers.origin === undefined ? undefined : 'it comes from a web page';
}
