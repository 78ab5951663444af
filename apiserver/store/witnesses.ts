// Entries by which a mirror that does not keep what it passes on can still tell whether an etcd has the history that it followed
// (history-check.ts). Wanted is the newest at or before the position, which a quiet prefix may hold back for long: so a few are kept,
// and thinned out among those that are beyond it.

import type { KeyValue, StoreEvent } from './port.ts';

/** Enough that a deleted one has a neighbour; an entry has some hundred bytes. */
const WITNESSES_MAX = 32;

export class Witnesses {
  #entries = new Map<string, KeyValue>();

  values(): Iterable<KeyValue> {
    return this.#entries.values();
  }

  /** All of them were listed at one revision. */
  listed(entries: readonly KeyValue[]): void {
    const newest = newestUpTo(entries, Number.POSITIVE_INFINITY);
    this.#entries = new Map(newest === undefined ? [] : [[newest.key, newest]]);
  }

  /** The events of one prefix come in order; `position` is what all of them have passed. */
  follow(event: StoreEvent, position: number): void {
    this.#entries.delete(event.type === 'put' ? event.kv.key : event.key);
    if (event.type === 'put') this.#entries.set(event.kv.key, event.kv);
    if (this.#entries.size > WITNESSES_MAX) this.#thinOut(position);
  }

  #thinOut(position: number): void {
    const witness = newestUpTo(this.#entries.values(), position);
    const beyond = [...this.#entries.values()].filter(({ modRevision }) => modRevision > position);
    const kept = [...(witness === undefined ? [] : [witness]), ...beyond.filter((_, at) => at % 2 === 0)];
    this.#entries = new Map(kept.map((kv) => [kv.key, kv]));
  }
}

export function newestUpTo(entries: Iterable<KeyValue>, revision: number): KeyValue | undefined {
  let newest: KeyValue | undefined;
  for (const kv of entries) {
    if (kv.modRevision <= revision && kv.modRevision > (newest?.modRevision ?? 0)) newest = kv;
  }
  return newest;
}
