// From addresses to whatever is kept of each: a Map for canonical texts that holds no text of an IPv4 address, but its number, at
// less than half of what an entry of a Map takes. A mesh has as many of them as it has endpoints, and mostly IPv4.

import { parseV4Number } from '../model/address.ts';

const FIRST_CAPACITY = 16;
const GROWTH = 1.5;
/** Beyond, the next free place is far away too often. */
const LOAD_MAX = 0.8;
const HASHES = 2 ** 32;

/** `undefined` is not kept. */
export class AddressTable<V> {
  /** Open addressing: the entry of a key stands at its place, or at the next free one behind it. */
  #keys = new Int32Array(FIRST_CAPACITY);
  #values: (V | undefined)[] = emptyPlaces(FIRST_CAPACITY);
  #size = 0;
  /** IPv6 addresses, and prefixes. */
  readonly #others = new Map<string, V>();

  get(address: string): V | undefined {
    const number = parseV4Number(address);
    return typeof number === 'string' ? this.#others.get(address) : this.#values[this.#find(number | 0)];
  }

  has(address: string): boolean {
    return this.get(address) !== undefined;
  }

  set(address: string, value: V): void {
    const number = parseV4Number(address);
    if (typeof number === 'string') {
      this.#others.set(address, value);
      return;
    }
    const at = this.#find(number | 0);
    if (this.#values[at] === undefined) {
      this.#size += 1;
      if (this.#size > this.#values.length * LOAD_MAX) {
        this.#grow();
        this.#put(number | 0, value);
        return;
      }
    }
    this.#keys[at] = number;
    this.#values[at] = value;
  }

  delete(address: string): void {
    const number = parseV4Number(address);
    if (typeof number === 'string') {
      this.#others.delete(address);
      return;
    }
    const at = this.#find(number | 0);
    if (this.#values[at] === undefined) return;
    this.#size -= 1;
    this.#close(at);
  }

  /** The place of the key, or the free one where it is to come. */
  #find(key: number): number {
    const capacity = this.#values.length;
    let at = placeOf(key, capacity);
    while (this.#values[at] !== undefined && this.#keys[at] !== key) at = at + 1 === capacity ? 0 : at + 1;
    return at;
  }

  #put(key: number, value: V): void {
    const at = this.#find(key);
    this.#keys[at] = key;
    this.#values[at] = value;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    const capacity = Math.ceil(values.length * GROWTH);
    this.#keys = new Int32Array(capacity);
    this.#values = emptyPlaces(capacity);
    for (const [at, value] of values.entries()) if (value !== undefined) this.#put(keys[at] ?? 0, value);
  }

  /** Entries behind the free place move up as far as they were only there because it was taken. */
  #close(free: number): void {
    const capacity = this.#values.length;
    let gap = free;
    for (let at = gap + 1 === capacity ? 0 : gap + 1; ; at = at + 1 === capacity ? 0 : at + 1) {
      const value = this.#values[at];
      if (value === undefined) break;
      const key = this.#keys[at] ?? 0;
      const place = placeOf(key, capacity);
      const between = gap <= at ? gap < place && place <= at : gap < place || place <= at;
      if (between) continue;
      this.#keys[gap] = key;
      this.#values[gap] = value;
      gap = at;
    }
    this.#values[gap] = undefined;
  }
}

const emptyPlaces = <V>(capacity: number): (V | undefined)[] => new Array<V | undefined>(capacity).fill(undefined);

/** Neighbouring addresses are far apart, so that a range that is full leaves no long run of taken places. */
function placeOf(key: number, capacity: number): number {
  let hash = Math.imul(key ^ (key >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return Math.floor(((hash ^ (hash >>> 16)) >>> 0) * (capacity / HASHES));
}
