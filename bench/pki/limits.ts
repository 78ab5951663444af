// What the benchmark must not exceed: ratios to what was measured beside it in the same run, so that they say the same on any machine.

import type { Measured } from './way.ts';

export const LIMITS = [
  // A certificate is encoded by a library in JavaScript, through the asynchronous interface to keys; a day's leaf of each node is made once a day.
  { operation: 'issue a leaf', way: 'openssl, a process each', ratioMax: 3 },
  // Each certificate is read twice, by OpenSSL and for what OpenSSL does not show, and its key is written once to be pinned.
  { operation: 'verify a chain of two', way: 'node:crypto, signatures alone', ratioMax: 10 },
  { operation: 'handshake', way: 'node:tls', ratioMax: 2 },
  // gRPC, and who asks: verified once for a certificate, and remembered.
  { operation: 'handshake to the first answer', way: 'node:http2', ratioMax: 3 },
] as const;

/** A sentence for each limit that was missed. */
export const exceeded = (measured: readonly Measured[]): readonly string[] =>
  LIMITS.flatMap(({ operation, way, ratioMax }) => {
    const row = measured.find((one) => one.operation === operation && one.way === way);
    if (row !== undefined && row.ratio <= ratioMax) return [];
    return [`${operation}: ${row?.ratio.toFixed(2) ?? 'not measured'} × ${way}, limit ${ratioMax}`];
  });
