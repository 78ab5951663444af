// Dials a service from inside a node until the answer changes, and says when: the first connect that succeeds, or the first that
// is rejected. Plain blocking calls into the C library, one after the other, so that the moment is exact to a tenth of a
// millisecond and no event loop stands in between.

import koffi from 'koffi';
import { nowMs } from './moments.ts';
import { serveRequests, setupOf } from './worker.ts';

export interface DialRequest {
  readonly until: 'connected' | 'rejected';
  readonly timeoutMs: number;
}

export interface DialAnswer {
  /** When the call was made that had the wanted outcome; absent when time was up. */
  readonly at?: number;
  /** When that call returned. */
  readonly returnedAt?: number;
}

/** Between two calls: the resolution, and what keeps this process from taking a whole processor. */
const PAUSE_MS = 0.1;
const [AF_INET, SOCK_STREAM] = [2, 1];

const { address, port } = setupOf<{ readonly address: string; readonly port: number }>();
const libc = koffi.load('libc.so.6');
const socket: (family: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
const connect: (fd: number, name: Uint8Array, length: number) => number = libc.func(
  'int connect(int, const uint8_t *, uint32_t)',
);
const close: (fd: number) => number = libc.func('int close(int)');
const paused = new Int32Array(new SharedArrayBuffer(4));

/** struct sockaddr_in. */
const name = Buffer.alloc(16);
name.writeUInt16LE(AF_INET, 0);
name.writeUInt16BE(port, 2);
for (const [index, octet] of address.split('.').entries()) name[4 + index] = Number(octet);

function connects(): boolean {
  const fd = socket(AF_INET, SOCK_STREAM, 0);
  const connected = connect(fd, name, name.length) === 0;
  close(fd);
  return connected;
}

await serveRequests<DialRequest>(({ until, timeoutMs }): DialAnswer => {
  const deadline = nowMs() + timeoutMs;
  for (;;) {
    const at = nowMs();
    const connected = connects();
    const returnedAt = nowMs();
    if (connected === (until === 'connected')) return { at, returnedAt };
    if (returnedAt > deadline) return {};
    Atomics.wait(paused, 0, 0, PAUSE_MS);
  }
});
