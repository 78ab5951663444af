// Ranges with something attached, in one binary trie per family whose chains without a fork are folded into one step. Answers
// which of them contain a range, lie inside it, or fit it most closely, in as many steps as there are forks on the way, and takes
// a change without looking at the rest. Pure data structure: what it means that two ranges meet is the caller's business.

import { covers, kept, type Prefix, type RangeBits, sharedBits } from './prefix.ts';

/** A range of the trie. One without values is only the fork of two others, and is folded away with the last but one of them. */
class Place<T extends Value> implements RangeBits {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly length: number;
  /** The first value stands by itself: most ranges have only one. */
  value: T | undefined;
  more: readonly T[] = NONE;
  zero: Place<T> | undefined = undefined;
  one: Place<T> | undefined = undefined;

  /** Of the first `length` bits of a range. */
  constructor({ a, b, c, d }: RangeBits, length: number, value: T | undefined) {
    this.a = kept(a, length);
    this.b = kept(b, length - 32);
    this.c = kept(c, length - 64);
    this.d = kept(d, length - 96);
    this.length = length;
    this.value = value;
  }
}

type Value = NonNullable<unknown>;
const NONE: readonly never[] = [];
const NOTHING: RangeBits = { a: 0, b: 0, c: 0, d: 0, length: 0 };

export class PrefixTrie<T extends Value> {
  readonly #v4 = new Place<T>(NOTHING, 0, undefined);
  readonly #v6 = new Place<T>(NOTHING, 0, undefined);
  #size = 0;

  /** How many values there are. */
  get size(): number {
    return this.#size;
  }

  /** Returns what was there before and shares an address with it, as `touching` would have. */
  add(prefix: Prefix, value: T): readonly T[] {
    const added = new Place<T>(prefix, prefix.length, value);
    this.#size += 1;
    let touching: T[] | undefined;
    let above = this.#root(prefix);
    for (;;) {
      if (above.value !== undefined) touching = gather(above, touching ?? []);
      if (above.length === added.length) break;
      const below = next(above, added);
      if (below === undefined) {
        attach(above, added);
        return touching ?? NONE;
      }
      const shared = Math.min(sharedBits(below, added), below.length, added.length);
      if (shared < below.length) {
        // Either the new range goes between the two, or both hang from a fork where they part.
        const between = shared === added.length ? added : new Place<T>(added, shared, undefined);
        attach(above, between);
        attach(between, below);
        if (between === added) return gatherAll(below, touching ?? []);
        attach(between, added);
        return touching ?? NONE;
      }
      above = below;
    }
    touching = gatherBelow(above, touching ?? []);
    if (above.value === undefined) above.value = value;
    else above.more = [...above.more, value];
    return touching;
  }

  /** False: there is no such value at this range. */
  delete(prefix: Prefix, value: T): boolean {
    let grandparent: Place<T> | undefined;
    let parent: Place<T> | undefined;
    let place: Place<T> | undefined = this.#root(prefix);
    while (place !== undefined && place.length < prefix.length && covers(place, prefix)) {
      grandparent = parent;
      parent = place;
      place = next(place, prefix);
    }
    if (place === undefined || place.length !== prefix.length || !covers(place, prefix)) return false;
    if (!takeValue(place, value)) return false;
    this.#size -= 1;
    if (parent !== undefined) fold(place, parent);
    if (grandparent !== undefined && parent !== undefined) fold(parent, grandparent);
    return true;
  }

  /** What is attached to ranges that contain all of `prefix`, or are it; the widest first. */
  covering(prefix: Prefix): readonly T[] {
    return this.#find(prefix, true, false);
  }

  /** What is attached to ranges inside `prefix` that are not it. */
  inside(prefix: Prefix): readonly T[] {
    return this.#find(prefix, false, true);
  }

  /** What is attached to ranges that share an address with `prefix`: two ranges do exactly when one contains the other. */
  touching(prefix: Prefix): readonly T[] {
    return this.#find(prefix, true, true);
  }

  /** What is attached to the narrowest range that contains all of `prefix`: for an address, the longest match. */
  closest(prefix: Prefix): readonly T[] {
    let narrowest: Place<T> | undefined;
    let place: Place<T> | undefined = this.#root(prefix);
    while (place !== undefined && covers(place, prefix)) {
      if (place.value !== undefined) narrowest = place;
      if (place.length === prefix.length) break;
      place = next(place, prefix);
    }
    return narrowest === undefined ? NONE : gather(narrowest, []);
  }

  /** Whether any range shares an address with `prefix`. */
  touches(prefix: Prefix): boolean {
    if (this.#size === 0) return false;
    let place: Place<T> | undefined = this.#root(prefix);
    while (place !== undefined && place.length < prefix.length && covers(place, prefix)) {
      if (place.value !== undefined) return true;
      place = next(place, prefix);
    }
    // Every place has a value, or one below it; only a root may have none at all.
    if (place === undefined || !covers(prefix, place)) return false;
    return place.length > 0 || place.value !== undefined || place.zero !== undefined || place.one !== undefined;
  }

  values(): readonly T[] {
    const found: T[] = [];
    gatherAll(this.#v4, found);
    gatherAll(this.#v6, found);
    return found;
  }

  #root(prefix: Prefix): Place<T> {
    return prefix.family === 4 ? this.#v4 : this.#v6;
  }

  #find(prefix: Prefix, around: boolean, inside: boolean): readonly T[] {
    if (this.#size === 0) return NONE;
    let found: T[] | undefined;
    let place: Place<T> | undefined = this.#root(prefix);
    while (place !== undefined && covers(place, prefix)) {
      if (around && place.value !== undefined) found = gather(place, found ?? []);
      if (place.length === prefix.length) break;
      place = next(place, prefix);
    }
    if (!inside || place === undefined || !covers(prefix, place)) return found ?? NONE;
    found ??= [];
    return place.length === prefix.length ? gatherBelow(place, found) : gatherAll(place, found);
  }
}

/** The first bit behind `above` that `place` has. */
function bitBehind(above: RangeBits, place: RangeBits): number {
  const at = above.length;
  const bits = at < 32 ? place.a : at < 64 ? place.b : at < 96 ? place.c : place.d;
  return (bits >>> (31 - (at & 31))) & 1;
}

const next = <T extends Value>(above: Place<T>, wanted: RangeBits): Place<T> | undefined =>
  bitBehind(above, wanted) === 0 ? above.zero : above.one;

function attach<T extends Value>(above: Place<T>, below: Place<T>): void {
  if (bitBehind(above, below) === 0) above.zero = below;
  else above.one = below;
}

/** Takes a place without values out, where nothing forks at it. */
function fold<T extends Value>(place: Place<T>, above: Place<T>): void {
  if (place.value !== undefined || (place.zero !== undefined && place.one !== undefined)) return;
  const below = place.zero ?? place.one;
  if (above.zero === place) above.zero = below;
  else if (above.one === place) above.one = below;
}

function takeValue<T extends Value>(place: Place<T>, value: T): boolean {
  if (place.value === value) {
    const [first, ...rest] = place.more;
    place.value = first;
    place.more = rest.length === 0 ? NONE : rest;
    return true;
  }
  const at = place.more.indexOf(value);
  if (at < 0) return false;
  place.more = place.more.filter((_, index) => index !== at);
  return true;
}

function gather<T extends Value>(place: Place<T>, found: T[]): T[] {
  if (place.value !== undefined) found.push(place.value);
  for (const value of place.more) found.push(value);
  return found;
}

function gatherBelow<T extends Value>(place: Place<T>, found: T[]): T[] {
  if (place.zero !== undefined) gatherAll(place.zero, found);
  if (place.one !== undefined) gatherAll(place.one, found);
  return found;
}

function gatherAll<T extends Value>(place: Place<T>, found: T[]): T[] {
  return gatherBelow(place, gather(place, found));
}
