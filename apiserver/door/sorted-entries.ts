// The entries that exist, in the order of their keys, with their ranks: what pages and counts are read from. A list of short sorted
// runs: adding and removing moves a few hundred entries instead of all, a rank is a sum over runs instead of a walk over keys, and no
// map beside them is needed to find one.

import type { KeyValue } from '../store/port.ts';
import type { ByteKey, KeyInterval } from './byte-key.ts';

/** Moving half a run costs about as much as finding it among the thousand runs of half a million keys. */
const RUN_ENTRIES_MAX = 512;

const HALVES = [
  [0, RUN_ENTRIES_MAX / 2],
  [RUN_ENTRIES_MAX / 2, RUN_ENTRIES_MAX + 1],
] as const;

/** Two lists of one length: keys lie beside each other for whoever searches them. */
interface Run {
  readonly keys: ByteKey[];
  readonly entries: KeyValue[];
}

export interface SortedEntry {
  readonly key: ByteKey;
  readonly kv: KeyValue;
}

export class SortedEntries {
  /** None is empty, save the only one. */
  readonly #runs: Run[] = [{ keys: [], entries: [] }];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(key: ByteKey): boolean {
    const run = this.#run(this.#runOf(key));
    return run.keys[lowerBound(run.keys, key)] === key;
  }

  /** Returns what was there before. */
  set(key: ByteKey, kv: KeyValue): KeyValue | undefined {
    const at = this.#runOf(key);
    const { keys, entries } = this.#run(at);
    const index = lowerBound(keys, key);
    if (keys[index] === key) {
      const before = entries[index];
      entries[index] = kv;
      return before;
    }
    keys.splice(index, 0, key);
    entries.splice(index, 0, kv);
    this.#size += 1;
    // In their size: a list that is cut keeps the room that it had, and many a half never grows again.
    if (keys.length > RUN_ENTRIES_MAX) {
      this.#runs.splice(
        at,
        1,
        ...HALVES.map(([from, to]) => ({ keys: keys.slice(from, to), entries: entries.slice(from, to) })),
      );
    }
    return undefined;
  }

  /** Returns what was there before. */
  delete(key: ByteKey): KeyValue | undefined {
    const at = this.#runOf(key);
    const { keys, entries } = this.#run(at);
    const index = lowerBound(keys, key);
    if (keys[index] !== key) return undefined;
    keys.splice(index, 1);
    const [before] = entries.splice(index, 1);
    this.#size -= 1;
    if (keys.length === 0 && this.#runs.length > 1) this.#runs.splice(at, 1);
    return before;
  }

  /** Nothing must be set or deleted while this is iterated. */
  *within({ start, end }: KeyInterval): Generator<SortedEntry> {
    const first = this.#runOf(start);
    for (let at = first; at < this.#runs.length; at++) {
      const { keys, entries } = this.#run(at);
      for (let index = at === first ? lowerBound(keys, start) : 0; index < keys.length; index++) {
        const key = keys[index];
        const kv = entries[index];
        if (key === undefined || kv === undefined || (end !== undefined && key >= end)) return;
        yield { key, kv };
      }
    }
  }

  /** The same from the last key to the first. */
  *withinDescending({ start, end }: KeyInterval): Generator<SortedEntry> {
    const last = end === undefined ? this.#runs.length - 1 : this.#runOf(end);
    for (let at = last; at >= 0; at--) {
      const { keys, entries } = this.#run(at);
      const behind = at === last && end !== undefined ? lowerBound(keys, end) : keys.length;
      for (let index = behind - 1; index >= 0; index--) {
        const key = keys[index];
        const kv = entries[index];
        if (key === undefined || kv === undefined || key < start) return;
        yield { key, kv };
      }
    }
  }

  count({ start, end }: KeyInterval): number {
    return Math.max(0, (end === undefined ? this.#size : this.#rank(end)) - this.#rank(start));
  }

  /** How many keys stand before `key`. */
  #rank(key: ByteKey): number {
    const at = this.#runOf(key);
    let rank = lowerBound(this.#run(at).keys, key);
    for (let before = 0; before < at; before++) rank += this.#run(before).keys.length;
    return rank;
  }

  /** The run that holds `key`, or would: the last one that starts at or before it. */
  #runOf(key: ByteKey): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#runs[middle]?.keys[0];
      if (first !== undefined && first <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #run(at: number): Run {
    return this.#runs[at] ?? { keys: [], entries: [] };
  }
}

/** Index of the first key at or behind `key`. */
function lowerBound(keys: readonly ByteKey[], key: ByteKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = keys[middle];
    if (at !== undefined && at < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
