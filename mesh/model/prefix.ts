// CIDR ranges: strict text to a masked range, and how two ranges lie to each other. Host bits are masked and reported, never
// read as another range. A range inside ::ffff:0:0/96 is the IPv4 range it stands for.

import { addressBytes, addressFromBytes, type Family, isMapped, parseAddressBytes, parseV4Number } from './address.ts';
import type { IpAddress } from './names.ts';
import { err, ok, type Result } from './result.ts';

/**
 * The bits of a range, from the first on, as signed words of 32; host bits are zero. An IPv4 range has only the first word. Kept as
 * numbers because meshes have hundreds of thousands of ranges, and compared as such.
 */
export interface RangeBits {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;
}

export interface Prefix extends RangeBits {
  readonly family: Family;
  /** 4 or 16 bytes in network order, host bits zero; made when they are asked for. */
  readonly bytes: Uint8Array;
  /** Canonical: `10.0.0.0/8`, `fd00::/48`. */
  readonly text: string;
}

export interface ParsedPrefix {
  readonly prefix: Prefix;
  /** The text had bits set behind the prefix length. */
  readonly hostBits: boolean;
}

class Range implements Prefix {
  readonly family: Family;
  readonly length: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  #text: string | undefined;

  constructor(family: Family, length: number, a: number, b: number, c: number, d: number, text: string | undefined) {
    this.family = family;
    this.length = length;
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
    this.#text = text;
  }

  get bytes(): Uint8Array {
    const words = [this.a, this.b, this.c, this.d];
    const bytes = new Uint8Array(this.family === 4 ? 4 : 16);
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = (words[at >> 2] ?? 0) >>> (24 - 8 * (at & 3));
    return bytes;
  }

  get text(): string {
    this.#text ??= `${this.family === 4 ? formatV4(this.a) : formatNetwork(this.bytes)}/${this.length}`;
    return this.#text;
  }
}

const MAPPED_LENGTH = 96;

export function parsePrefix(text: string): Result<ParsedPrefix, string> {
  const slash = text.indexOf('/');
  if (slash < 0) return err('has no prefix length');
  const given = parseLength(text, slash + 1);
  if (given === undefined) return err(`prefix length "${text.slice(slash + 1)}" is not a decimal number`);
  const written = text.slice(0, slash);
  if (!written.includes(':')) return parseV4Range(text, written, given);
  const address = parseAddressBytes(written);
  if (!address.ok) return address;
  const bytes = address.value;
  const mapped = bytes.length === 4;
  if (given > 128) return err(`prefix length ${given} is too large`);
  if (mapped && given < MAPPED_LENGTH) return err('an IPv4-mapped range reaches beyond IPv4');
  return ok(makePrefix(bytes, mapped ? given - MAPPED_LENGTH : given));
}

function parseV4Range(text: string, written: string, length: number): Result<ParsedPrefix, string> {
  const address = parseV4Number(written);
  if (typeof address === 'string') return err(address);
  if (length > 32) return err(`prefix length ${length} is too large`);
  const bits = kept(address | 0, length);
  const hostBits = bits !== (address | 0);
  // There is one way to write an IPv4 range, and it was just read.
  return ok({ prefix: new Range(4, length, bits, 0, 0, 0, hostBits ? undefined : text), hostBits });
}

/** Masks the host bits. `bytes` has 4 or 16 entries; `length` is in range for them. */
export function makePrefix(bytes: Uint8Array, length: number): ParsedPrefix {
  const [a, b, c, d] = [0, 4, 8, 12].map((at) => wordAt(bytes, at)) as [number, number, number, number];
  const family: Family = bytes.length === 4 ? 4 : 6;
  const range = new Range(
    family,
    length,
    kept(a, length),
    kept(b, length - 32),
    kept(c, length - 64),
    kept(d, length - 96),
    undefined,
  );
  return { prefix: range, hostBits: range.a !== a || range.b !== b || range.c !== c || range.d !== d };
}

/** The first `count` bits of a word. */
export const kept = (word: number, count: number): number =>
  count <= 0 ? 0 : count >= 32 ? word : word & (0xffff_ffff << (32 - count));

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);

const ZERO = 0x30;
const LENGTH_DIGITS_MAX = 3;

/** Decimal, without leading zeros. */
function parseLength(text: string, start: number): number | undefined {
  const digits = text.length - start;
  if (digits < 1 || digits > LENGTH_DIGITS_MAX || (digits > 1 && text.charCodeAt(start) === ZERO)) return undefined;
  let length = 0;
  for (let at = start; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    length = length * 10 + digit;
  }
  return length;
}

/** The range of one address: /32 or /128. */
export function singlePrefix(address: IpAddress): Prefix {
  const number = address.includes(':') ? undefined : parseV4Number(address);
  if (typeof number === 'number') return new Range(4, 32, number | 0, 0, 0, 0, `${address}/32`);
  const bytes = addressBytes(address);
  return makePrefix(bytes, bytes.length * 8).prefix;
}

export const containsPrefix = (outer: Prefix, inner: Prefix): boolean =>
  outer.family === inner.family && covers(outer, inner);

export const containsAddress = (prefix: Prefix, address: IpAddress): boolean =>
  containsPrefix(prefix, singlePrefix(address));

/** Of bits of one family. */
export const covers = (outer: RangeBits, inner: RangeBits): boolean =>
  outer.length <= inner.length && sharedBits(outer, inner) >= outer.length;

/** How many bits from the first on are equal; bits behind the lengths count as they are. */
export function sharedBits(x: RangeBits, y: RangeBits): number {
  if (x.a !== y.a) return Math.clz32(x.a ^ y.a);
  if (x.b !== y.b) return 32 + Math.clz32(x.b ^ y.b);
  if (x.c !== y.c) return 64 + Math.clz32(x.c ^ y.c);
  return 96 + Math.clz32(x.d ^ y.d);
}

/** Two ranges overlap exactly when one contains the other; the intersection is the smaller one. */
export function intersection(a: Prefix, b: Prefix): Prefix | undefined {
  if (containsPrefix(a, b)) return b;
  return containsPrefix(b, a) ? a : undefined;
}

export const overlaps = (a: Prefix, b: Prefix): boolean => intersection(a, b) !== undefined;

const formatV4 = (word: number): string =>
  `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;

/** A range above IPv4-mapped space keeps its IPv6 text, `::/0` for one. */
function formatNetwork(bytes: Uint8Array): string {
  return bytes.length === 16 && isMapped(bytes) ? '::ffff:0:0' : addressFromBytes(bytes);
}
