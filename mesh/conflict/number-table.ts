// From 32-bit numbers to whatever is kept of each, in two plain arrays with open addressing: an entry takes less than half of what one
// of a Map takes. Growing it moves everything at once, so that a large one is better kept as several (address-table.ts).

const FIRST_CAPACITY = 16;
const GROWTH = 1.5;
/** Beyond, the next free place is far away too often. */
const LOAD_MAX = 0.8;
const HASHES = 2 ** 32;

/** Keys are signed numbers of 32 bits; `undefined` is not kept. */
export class NumberTable<V> {
  /** The entry of a key stands at its place, or at the next free one behind it. */
  #keys = new Int32Array(FIRST_CAPACITY);
  #values: (V | undefined)[] = emptyPlaces(FIRST_CAPACITY);
  #size = 0;

  get(key: number): V | undefined {
    return this.#values[this.#find(key)];
  }

  set(key: number, value: V): void {
    if (this.get(key) === undefined) {
      this.#size += 1;
      if (this.#size > this.#values.length * LOAD_MAX) this.#grow();
    }
    this.#put(key, value);
  }

  delete(key: number): void {
    const at = this.#find(key);
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
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at];
      if (value !== undefined) this.#put(keys[at] ?? 0, value);
    }
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
const placeOf = (key: number, capacity: number): number => Math.floor(hashOf(key) * (capacity / HASHES));

/** From 0 to 2^32. */
export function hashOf(key: number): number {
  let hash = Math.imul(key ^ (key >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
