// How many of a cluster's endpoints and backends lie in a range: a sorted list, built when a report is drawn and asked by
// binary search.

import { compareBytes } from '../model/address.ts';
import type { Prefix } from '../model/prefix.ts';
import type { ClusterState } from './cluster-state.ts';
import { addressUses } from './record-value.ts';

export class LiveAddresses {
  readonly #endpoints: readonly Uint8Array[];
  readonly #backends: readonly Uint8Array[];

  constructor(cluster: ClusterState) {
    const endpoints = new Map<string, Uint8Array>();
    const backends = new Map<string, Uint8Array>();
    for (const { good } of cluster.records.values()) {
      if (good === undefined) continue;
      for (const { role, text, prefix } of addressUses(good.value)) {
        if (role === 'endpoint') endpoints.set(text, prefix.bytes);
        if (role === 'backend') backends.set(text, prefix.bytes);
      }
    }
    this.#endpoints = [...endpoints.values()].sort(compareBytes);
    this.#backends = [...backends.values()].sort(compareBytes);
  }

  endpointsIn = (prefix: Prefix): number => countIn(this.#endpoints, prefix);
  backendsIn = (prefix: Prefix): number => countIn(this.#backends, prefix);
}

function countIn(sorted: readonly Uint8Array[], prefix: Prefix): number {
  const last = prefix.bytes.map((byte, at) => byte | (0xff >> Math.max(0, Math.min(8, prefix.length - at * 8))));
  return (
    firstWhere(sorted, (bytes) => compareBytes(bytes, last) > 0) -
    firstWhere(sorted, (bytes) => compareBytes(bytes, prefix.bytes) >= 0)
  );
}

/** The first place from which on the predicate holds. */
function firstWhere(sorted: readonly Uint8Array[], holds: (bytes: Uint8Array) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const bytes = sorted[middle];
    if (bytes !== undefined && holds(bytes)) high = middle;
    else low = middle + 1;
  }
  return low;
}
