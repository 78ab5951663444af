// The keys that exist, in order, with their ranks: what pages and counts are read from. A list of short sorted runs: adding and
// removing moves a few hundred entries instead of all, and a rank is a sum over runs instead of a walk over keys.

import type { ByteKey, KeyInterval } from './byte-key.ts';

/** Moving half a run costs about as much as finding it among the thousand runs of half a million keys. */
const RUN_KEYS_MAX = 512;

export class SortedKeys {
  /** None is empty, save the only one. */
  readonly #runs: ByteKey[][] = [[]];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: ByteKey): void {
    const at = this.#runOf(key);
    const run = this.#run(at);
    const index = lowerBound(run, key);
    if (run[index] === key) return;
    run.splice(index, 0, key);
    this.#size += 1;
    if (run.length > RUN_KEYS_MAX) this.#runs.splice(at + 1, 0, run.splice(RUN_KEYS_MAX / 2));
  }

  remove(key: ByteKey): void {
    const at = this.#runOf(key);
    const run = this.#run(at);
    const index = lowerBound(run, key);
    if (run[index] !== key) return;
    run.splice(index, 1);
    this.#size -= 1;
    if (run.length === 0 && this.#runs.length > 1) this.#runs.splice(at, 1);
  }

  /** Keys must not be added or removed while this is iterated. */
  *within({ start, end }: KeyInterval): Generator<ByteKey> {
    const first = this.#runOf(start);
    for (let at = first; at < this.#runs.length; at++) {
      const run = this.#run(at);
      for (let index = at === first ? lowerBound(run, start) : 0; index < run.length; index++) {
        const key = run[index];
        if (key === undefined || (end !== undefined && key >= end)) return;
        yield key;
      }
    }
  }

  /** The same from the last key to the first. */
  *withinDescending({ start, end }: KeyInterval): Generator<ByteKey> {
    const last = end === undefined ? this.#runs.length - 1 : this.#runOf(end);
    for (let at = last; at >= 0; at--) {
      const run = this.#run(at);
      const behind = at === last && end !== undefined ? lowerBound(run, end) : run.length;
      for (let index = behind - 1; index >= 0; index--) {
        const key = run[index];
        if (key === undefined || key < start) return;
        yield key;
      }
    }
  }

  count({ start, end }: KeyInterval): number {
    return Math.max(0, (end === undefined ? this.#size : this.#rank(end)) - this.#rank(start));
  }

  /** How many keys stand before `key`. */
  #rank(key: ByteKey): number {
    const at = this.#runOf(key);
    let rank = lowerBound(this.#run(at), key);
    for (let before = 0; before < at; before++) rank += this.#run(before).length;
    return rank;
  }

  /** The run that holds `key`, or would: the last one that starts at or before it. */
  #runOf(key: ByteKey): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#runs[middle]?.[0];
      if (first !== undefined && first <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #run(at: number): ByteKey[] {
    return this.#runs[at] ?? [];
  }
}

/** Index of the first key at or behind `key`. */
function lowerBound(run: readonly ByteKey[], key: ByteKey): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = run[middle];
    if (at !== undefined && at < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
