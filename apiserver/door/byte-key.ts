// Intervals of keys as the door works with them. A key is held as Latin-1 text, one character per byte, so that JavaScript's
// own order of strings is etcd's order of bytes, for keys that are no UTF-8 text too. Pure.

declare const brand: unique symbol;
/** The bytes of a key, one character each. */
export type ByteKey = string & { readonly [brand]: 'ByteKey' };

/** From `start` up to but not including `end`; without an end, to the last key there is. */
export interface KeyInterval {
  readonly start: ByteKey;
  readonly end: ByteKey | undefined;
}

const ASCII = /^[\0-\x7f]*$/;

export const byteKeyOf = (bytes: Uint8Array): ByteKey =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as ByteKey;

/** Keys are ASCII nearly always, and then are their own bytes. */
export const byteKeyOfText = (key: string): ByteKey =>
  (ASCII.test(key) ? key : Buffer.from(key, 'utf8').toString('latin1')) as ByteKey;

export const bytesOf = (key: ByteKey): Uint8Array => Buffer.from(key, 'latin1');

export const singleKey = (key: ByteKey): KeyInterval => ({ start: key, end: `${key}\0` as ByteKey });

/** What starts with `prefix`, which ends in an ASCII character. */
export function prefixInterval(prefix: string): KeyInterval {
  const start = byteKeyOfText(prefix);
  const last = start.charCodeAt(start.length - 1);
  return { start, end: (start.slice(0, -1) + String.fromCharCode(last + 1)) as ByteKey };
}

/** As etcd reads a request: no end means the one key, an end of one zero byte means everything from the key on. */
export function requestedInterval(key: Uint8Array, rangeEnd: Uint8Array): KeyInterval {
  const start = byteKeyOf(key);
  if (rangeEnd.length === 0) return singleKey(start);
  return { start, end: rangeEnd.length === 1 && rangeEnd[0] === 0 ? undefined : byteKeyOf(rangeEnd) };
}

export const holdsKey = ({ start, end }: KeyInterval, key: ByteKey): boolean =>
  key >= start && (end === undefined || key < end);

/** Whether all of `inner` lies in `outer`; one that is empty must at least start there. */
export function holdsInterval(outer: KeyInterval, inner: KeyInterval): boolean {
  if (!holdsKey(outer, inner.start)) return false;
  return outer.end === undefined || (inner.end !== undefined && inner.end <= outer.end);
}

export const isEmpty = ({ start, end }: KeyInterval): boolean => end !== undefined && end <= start;

/** For messages: `[a, b)`, with what is not printable escaped. */
export function intervalText({ start, end }: KeyInterval): string {
  if (end === `${start}\0`) return printable(start);
  return `[${printable(start)}, ${end === undefined ? 'the last key' : printable(end)})`;
}

/** What a client sends may be long, and may hold anything; a gRPC message is one line. */
const PRINTED_CHARACTERS_MAX = 200;
const printable = (key: string): string =>
  JSON.stringify(key.slice(0, PRINTED_CHARACTERS_MAX)).replace(/[^\x20-\x7e]/g, '?');
