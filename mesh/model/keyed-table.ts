// Entries by a text of their own: a Map whose keys are in its values, which takes less than half of what an entry of a Map does. In memory
// of a large mesh, tables of this kind are among the largest things. The index beside the entries is plain numbers with open
// addressing, and the hash of each key is kept, so that growing reads no key again. Growing moves everything at once, as a Map does.

export interface Keyed {
  readonly key: string;
}

const FIRST_CAPACITY = 16;
const GROWTH = 1.5;
/** Beyond, the next free place is far away too often. */
const LOAD_MAX = 0.75;
/** Of gaps among the entries, before they are closed. */
const GAPS_MAX = 0.25;
const HASHES = 2 ** 32;

/** Whoever iterates while it changes sees all entries that are there from begin to end, and none that is gone. */
export class KeyedTable<E extends Keyed> implements ReadonlyMap<string, E> {
  readonly #seed: number;
  /** In the order in which they came, with a gap where one was taken away. Replaced, not moved, where gaps are closed. */
  #entries: (E | undefined)[] = [];
  /** Of the key at each place of `#entries`. */
  #hashes = new Int32Array(FIRST_CAPACITY);
  /** By hash, at its place or at the next free one behind it: where in `#entries` it is, counted from 1. */
  #index = new Int32Array(FIRST_CAPACITY);
  #size = 0;
  /** Whoever looks for a key looks again: what is there, what was there, and then to change it. */
  #lastKey = '';
  #lastHash: number;

  /** `seed`: 32 bits. Where nobody outside knows them, nobody can choose keys that are all in each other's way. */
  constructor(seed = 0) {
    this.#seed = seed | 0;
    this.#lastHash = hashOf('', this.#seed);
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): E | undefined {
    return this.#entryAt(this.#find(key, this.#hashOf(key)));
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** In the place of the one that has its key. */
  put(entry: E): void {
    const hash = this.#hashOf(entry.key);
    let at = this.#find(entry.key, hash);
    const known = this.#index[at] ?? 0;
    if (known > 0) {
      this.#entries[known - 1] = entry;
      return;
    }
    if (this.#entries.length >= this.#index.length * LOAD_MAX) {
      this.#makeRoom();
      at = this.#find(entry.key, hash);
    }
    this.#hashes[this.#entries.length] = hash;
    this.#index[at] = this.#entries.push(entry);
    this.#size += 1;
  }

  delete(key: string): boolean {
    const at = this.#find(key, this.#hashOf(key));
    const known = this.#index[at] ?? 0;
    if (known === 0) return false;
    this.#entries[known - 1] = undefined;
    this.#size -= 1;
    this.#close(at);
    return true;
  }

  *values(): MapIterator<E> {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 1) {
      const entry = entries[at];
      if (entry === undefined) continue;
      // What is iterated is no longer what is in use once gaps were closed: what went since must not be shown.
      const current = entries === this.#entries ? entry : this.get(entry.key);
      if (current !== undefined) yield current;
    }
    return undefined;
  }

  *keys(): MapIterator<string> {
    for (const { key } of this.values()) yield key;
    return undefined;
  }

  *entries(): MapIterator<[string, E]> {
    for (const entry of this.values()) yield [entry.key, entry];
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[string, E]> {
    return this.entries();
  }

  forEach(visit: (entry: E, key: string, map: ReadonlyMap<string, E>) => void): void {
    for (const entry of this.values()) visit(entry, entry.key, this);
  }

  #entryAt(at: number): E | undefined {
    const known = this.#index[at] ?? 0;
    return known === 0 ? undefined : this.#entries[known - 1];
  }

  /** The place of the key, or the free one where it is to come. */
  #find(key: string, hash: number): number {
    const index = this.#index;
    for (let at = placeOf(hash, index.length); ; at = at + 1 === index.length ? 0 : at + 1) {
      const known = index[at] ?? 0;
      if (known === 0) return at;
      if (this.#hashes[known - 1] === hash && this.#entries[known - 1]?.key === key) return at;
    }
  }

  /** Closes the gaps, where there are many, or grows. */
  #makeRoom(): void {
    const [entries, hashes] = [this.#entries, this.#hashes];
    const gaps = entries.length - this.#size;
    const capacity = gaps > entries.length * GAPS_MAX ? this.#index.length : Math.ceil(this.#index.length * GROWTH);
    this.#index = new Int32Array(capacity);
    this.#hashes = new Int32Array(Math.ceil(capacity * LOAD_MAX) + 1);
    if (gaps > 0) this.#entries = entries.filter((entry) => entry !== undefined);
    let moved = 0;
    for (let at = 0; at < entries.length; at += 1) {
      if (entries[at] === undefined) continue;
      const hash = hashes[at] ?? 0;
      this.#hashes[moved] = hash;
      moved += 1;
      this.#index[this.#freePlace(hash)] = moved;
    }
  }

  #freePlace(hash: number): number {
    const index = this.#index;
    let at = placeOf(hash, index.length);
    while (index[at] !== 0) at = at + 1 === index.length ? 0 : at + 1;
    return at;
  }

  /** Those behind the free place move up as far as they were only there because it was taken. */
  #close(free: number): void {
    const index = this.#index;
    let gap = free;
    for (let at = gap + 1 === index.length ? 0 : gap + 1; ; at = at + 1 === index.length ? 0 : at + 1) {
      const known = index[at] ?? 0;
      if (known === 0) break;
      const place = placeOf(this.#hashes[known - 1] ?? 0, index.length);
      const between = gap <= at ? gap < place && place <= at : gap < place || place <= at;
      if (between) continue;
      index[gap] = known;
      gap = at;
    }
    index[gap] = 0;
  }

  #hashOf(key: string): number {
    if (key !== this.#lastKey) {
      this.#lastKey = key;
      this.#lastHash = hashOf(key, this.#seed);
    }
    return this.#lastHash;
  }
}

function hashOf(key: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const placeOf = (hash: number, capacity: number): number => Math.floor((hash >>> 0) * (capacity / HASHES));
