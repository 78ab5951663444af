// Intervals of keys as etcd knows them: bytes from `start` up to but not including `end`. A name that ends in `/` means
// everything under it; any other name means that one key, so that `cards/west` never takes in `cards/west2`.

export interface KeyRange {
  readonly start: Uint8Array;
  /** Empty: the single key `start`. One zero byte: no upper end. */
  readonly end: Uint8Array;
}

const SINGLE_KEY = new Uint8Array(0);
const NO_END = Uint8Array.of(0);

export const keyBytes = (key: string): Uint8Array => Buffer.from(key, 'utf8');

export function singleKey(key: string): KeyRange {
  return { start: keyBytes(key), end: SINGLE_KEY };
}

/** Every key that starts with `prefix`; with an empty prefix, every key. */
export function prefixRange(prefix: string): KeyRange {
  const start = keyBytes(prefix);
  if (start.length === 0) return { start: NO_END, end: NO_END };
  return { start, end: endOfPrefix(start) };
}

export const rangeOf = (name: string): KeyRange => (name.endsWith('/') ? prefixRange(name) : singleKey(name));

export const belongsTo = (name: string, key: string): boolean =>
  name.endsWith('/') ? key.startsWith(name) : key === name;

/** The smallest interval that holds all of `names`, with whatever lies between them. */
export function spanningRange(names: readonly string[]): KeyRange {
  const ranges = names.map(rangeOf);
  const start = ranges.map((range) => range.start).reduce((a, b) => (Buffer.compare(a, b) <= 0 ? a : b));
  const ends = ranges.map((range) => (range.end.length === 0 ? afterKey(range.start) : range.end));
  const end = ends.reduce((a, b) => (isNoEnd(a) || (!isNoEnd(b) && Buffer.compare(a, b) >= 0) ? a : b));
  return { start, end };
}

/** What is left of `range` behind `key`. */
export function restAfter(range: KeyRange, key: Uint8Array): KeyRange {
  return { start: afterKey(key), end: range.end };
}

export function contains(range: KeyRange, key: Uint8Array): boolean {
  if (range.end.length === 0) return Buffer.compare(range.start, key) === 0;
  if (Buffer.compare(key, range.start) < 0) return false;
  return isNoEnd(range.end) || Buffer.compare(key, range.end) < 0;
}

/** The first key behind `key` in byte order. */
function afterKey(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

const isNoEnd = (end: Uint8Array): boolean => end.length === 1 && end[0] === 0;

function endOfPrefix(prefix: Uint8Array): Uint8Array {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] ?? 0xff;
    if (byte === 0xff) continue;
    // A copy: `slice` of a Buffer would share its memory.
    const end = new Uint8Array(prefix.subarray(0, last + 1));
    end[last] = byte + 1;
    return end;
  }
  return NO_END;
}
