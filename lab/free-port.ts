// A TCP port on loopback that nobody listens on right now, for programs that must be told one before they start. It is none of those that
// the kernel gives to connections that go out (32,768 and above): between the look and the start, such a one may be somebody's.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST = 20_000;
const LAST = 32_767;

/** Each process begins elsewhere and goes on from there, so that two of them seldom look at the same one. */
let next = randomInt(FIRST, LAST + 1);

export async function freePort(): Promise<number> {
  for (let tries = FIRST; tries <= LAST; tries += 1) {
    const port = next;
    next = port === LAST ? FIRST : port + 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`somebody listens on every port from ${FIRST} to ${LAST}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
