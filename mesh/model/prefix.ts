// CIDR ranges: strict text to a masked range, and how two ranges lie to each other. Host bits are masked and reported, never
// read as another range. A range inside ::ffff:0:0/96 is the IPv4 range it stands for.

import { addressBytes, addressFromBytes, type Family, isMapped, parseAddressBytes } from './address.ts';
import type { IpAddress } from './names.ts';
import { err, ok, type Result } from './result.ts';

export interface Prefix {
  readonly family: Family;
  /** 4 or 16 bytes in network order, host bits zero. */
  readonly bytes: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;
  /** Canonical: `10.0.0.0/8`, `fd00::/48`. */
  readonly text: string;
}

export interface ParsedPrefix {
  readonly prefix: Prefix;
  /** The text had bits set behind the prefix length. */
  readonly hostBits: boolean;
}

const MAPPED_LENGTH = 96;

export function parsePrefix(text: string): Result<ParsedPrefix, string> {
  const slash = text.indexOf('/');
  if (slash < 0) return err('has no prefix length');
  const given = parseLength(text, slash + 1);
  if (given === undefined) return err(`prefix length "${text.slice(slash + 1)}" is not a decimal number`);
  const written = text.slice(0, slash);
  const address = parseAddressBytes(written);
  if (!address.ok) return address;
  const bytes = address.value;
  const mapped = bytes.length === 4 && written.includes(':');
  if (given > (mapped ? 128 : bytes.length * 8)) return err(`prefix length ${given} is too large`);
  if (mapped && given < MAPPED_LENGTH) return err('an IPv4-mapped range reaches beyond IPv4');
  const length = mapped ? given - MAPPED_LENGTH : given;
  const hostBits = mask(bytes, length);
  // There is one way to write an IPv4 range, and it was just read.
  const canonical = bytes.length === 4 && !mapped && !hostBits;
  return ok({ prefix: prefixOf(bytes, length, canonical ? text : undefined), hostBits });
}

/** Masks the host bits. `bytes` has 4 or 16 entries; `length` is in range for them. */
export function makePrefix(bytes: Uint8Array, length: number): ParsedPrefix {
  const masked = bytes.slice();
  const hostBits = mask(masked, length);
  return { prefix: prefixOf(masked, length), hostBits };
}

/** `bytes` are masked, and nobody else's. */
const prefixOf = (bytes: Uint8Array, length: number, text = `${formatNetwork(bytes)}/${length}`): Prefix => ({
  family: bytes.length === 4 ? 4 : 6,
  bytes,
  length,
  text,
});

/** Clears everything behind the first `length` bits, and says whether there was anything. */
function mask(bytes: Uint8Array, length: number): boolean {
  let cleared = 0;
  for (let index = length >> 3; index < bytes.length; index += 1) {
    const behind = index === length >> 3 ? 0xff >> (length & 7) : 0xff;
    cleared |= (bytes[index] ?? 0) & behind;
    bytes[index] = (bytes[index] ?? 0) & ~behind;
  }
  return cleared !== 0;
}

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
  const bytes = addressBytes(address);
  const length = bytes.length * 8;
  return { family: length === 32 ? 4 : 6, bytes, length, text: `${address}/${length}` };
}

export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family && outer.length <= inner.length && sameBits(outer.bytes, inner.bytes, outer.length)
  );
}

export function containsAddress(prefix: Prefix, address: IpAddress): boolean {
  const bytes = addressBytes(address);
  return bytes.length === prefix.bytes.length && sameBits(prefix.bytes, bytes, prefix.length);
}

/** Two ranges overlap exactly when one contains the other; the intersection is the smaller one. */
export function intersection(a: Prefix, b: Prefix): Prefix | undefined {
  if (containsPrefix(a, b)) return b;
  return containsPrefix(b, a) ? a : undefined;
}

export const overlaps = (a: Prefix, b: Prefix): boolean => intersection(a, b) !== undefined;

function sameBits(a: Uint8Array, b: Uint8Array, count: number): boolean {
  const whole = count >> 3;
  for (let index = 0; index < whole; index += 1) if (a[index] !== b[index]) return false;
  const rest = count & 7;
  return rest === 0 || (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** A range above IPv4-mapped space keeps its IPv6 text, `::/0` for one. */
function formatNetwork(bytes: Uint8Array): string {
  return bytes.length === 16 && isMapped(bytes) ? '::ffff:0:0' : addressFromBytes(bytes);
}
