// An entry that was written once and under no lease, as nearly all are that stem from peers: what the rest of it is follows from that.
// An object of three parts takes 48 bytes and one of six 72, of each record of every peer. Its other parts are no properties of its
// own, so that a copy is made by name and never with a spread.

import type { KeyValue } from './port.ts';

const NO_LEASE = '0';

class OnceWritten implements KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly modRevision: number;

  constructor(key: string, value: Uint8Array, modRevision: number) {
    this.key = key;
    this.value = value;
    this.modRevision = modRevision;
  }

  get createRevision(): number {
    return this.modRevision;
  }

  get version(): number {
    return 1;
  }

  get lease(): string {
    return NO_LEASE;
  }
}

/** The same entry, in as little memory as it can be in. */
export function compactEntry(kv: KeyValue): KeyValue {
  const { key, value, createRevision, modRevision, version, lease } = kv;
  const isOnce = version === 1 && createRevision === modRevision && lease === NO_LEASE;
  return isOnce ? new OnceWritten(key, value, modRevision) : kv;
}
