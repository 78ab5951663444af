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
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return err(`prefix length "${digits}" is not a decimal number`);
  const written = text.slice(0, slash);
  const address = parseAddressBytes(written);
  if (!address.ok) return address;
  const bytes = address.value;
  const given = Number(digits);
  const mapped = bytes.length === 4 && written.includes(':');
  if (given > (mapped ? 128 : bytes.length * 8)) return err(`prefix length ${given} is too large`);
  if (mapped && given < MAPPED_LENGTH) return err('an IPv4-mapped range reaches beyond IPv4');
  return ok(makePrefix(bytes, mapped ? given - MAPPED_LENGTH : given));
}

/** Masks the host bits. `bytes` has 4 or 16 entries; `length` is in range for them. */
export function makePrefix(bytes: Uint8Array, length: number): ParsedPrefix {
  const masked = bytes.slice();
  for (let index = 0; index < masked.length; index += 1) {
    const keep = Math.max(0, Math.min(8, length - index * 8));
    masked[index] = (masked[index] ?? 0) & (0xff << (8 - keep)) & 0xff;
  }
  const hostBits = masked.some((byte, index) => byte !== bytes[index]);
  const family: Family = bytes.length === 4 ? 4 : 6;
  const text = `${formatNetwork(masked)}/${length}`;
  return { prefix: { family, bytes: masked, length, text }, hostBits };
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
