// What a peer said and what the own etcd has of it are the same bytes, received twice. Whoever has compared them lets the entry
// use those that are held anyway, so that a record of a peer is in memory once. Nobody who reads the entry can tell.

import type { KeyValue } from './port.ts';

/** `bytes` are equal to the entry's value. */
export function keepOnce(entry: KeyValue, bytes: Uint8Array): void {
  (entry as { value: Uint8Array }).value = bytes;
}
