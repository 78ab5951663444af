// IP addresses: strict text to canonical text and bytes. IPv4 is four decimal octets without leading zeros and nothing else;
// IPv6 takes RFC 4291 forms without a zone and is written as RFC 5952 says. An IPv4-mapped IPv6 address is that IPv4 address.

import type { IpAddress } from './names.ts';
import { err, ok, type Result } from './result.ts';

export type Family = 4 | 6;

/** The longest text of an address: an IPv6 address that ends in an IPv4 one. */
const TEXT_LENGTH_MAX = 45;

export function parseAddress(text: string): Result<IpAddress, string> {
  if (text.length <= TEXT_LENGTH_MAX && !text.includes(':')) {
    // What is taken has but one spelling: the canonical one.
    const number = parseV4Number(text);
    return typeof number === 'string' ? err(number) : ok(text as IpAddress);
  }
  const bytes = parseAddressBytes(text);
  return bytes.ok ? ok(addressFromBytes(bytes.value)) : bytes;
}

/** 4 or 16 bytes in network order; 4 for an IPv4-mapped IPv6 address. */
export function parseAddressBytes(text: string): Result<Uint8Array, string> {
  if (text.length > TEXT_LENGTH_MAX) return err('longer than any address');
  if (!text.includes(':')) return parseV4(text);
  const bytes = parseV6(text);
  return bytes.ok && isMapped(bytes.value) ? ok(bytes.value.slice(12)) : bytes;
}

const COLON = 0x3a;
/** An IPv6 address has a colon among its first characters: a group has at most four digits. */
const COLON_WITHIN = 5;

/** Looks at no more than it has to: this is asked for every address of every change. */
export function familyOf(address: IpAddress): Family {
  for (let at = 0; at < COLON_WITHIN; at += 1) if (address.charCodeAt(at) === COLON) return 6;
  return 4;
}

/** The bytes of an address that was parsed before. */
export function addressBytes(address: IpAddress): Uint8Array {
  const bytes = parseAddressBytes(address);
  if (!bytes.ok) throw new Error(`not an address: ${address}`);
  return bytes.value;
}

export function addressFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return bytes.join('.') as IpAddress;
  return (isMapped(bytes) ? bytes.slice(12).join('.') : formatV6(bytes)) as IpAddress;
}

/** IPv4 before IPv6, then by number. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  return a === b ? 0 : compareBytes(addressBytes(a), addressBytes(b));
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let index = 0; index < a.length; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Of 16 bytes: ::ffff:0:0/96, the IPv6 spelling of IPv4 addresses. */
export function isMapped(bytes: Uint8Array): boolean {
  for (let index = 0; index < 10; index += 1) if (bytes[index] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

function parseV4(text: string): Result<Uint8Array, string> {
  const number = parseV4Number(text);
  if (typeof number === 'string') return err(number);
  return ok(Uint8Array.of(number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff));
}

/**
 * The address as an unsigned number, or what is wrong with the text. Read unit by unit: an update of a large service brings
 * thousands of addresses.
 */
export function parseV4Number(text: string): number | string {
  let address = 0;
  let octet = 0;
  let digits = 0;
  let index = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === DOT) {
      if (digits === 0 || index === 3) return 'not four octets';
      address = address * 256 + octet;
      index += 1;
      octet = 0;
      digits = 0;
      continue;
    }
    if (unit < ZERO || unit > NINE) return `"${text}" is not four decimal octets`;
    if (digits > 0 && octet === 0) return 'an octet has a leading zero';
    octet = octet * 10 + unit - ZERO;
    digits += 1;
    if (octet > 255) return 'an octet is larger than 255';
  }
  return digits === 0 || index !== 3 ? 'not four octets' : address * 256 + octet;
}

const GROUP_DIGITS_MAX = 4;

/** Groups from left to right; what stands behind "::" is moved to the end in the end. */
function parseV6(text: string): Result<Uint8Array, string> {
  if (text.includes('%')) return err('has a zone');
  const bytes = new Uint8Array(16);
  let filled = 0;
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === COLON && text.charCodeAt(1) === COLON) {
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    const start = at;
    let group = 0;
    for (let digit = hexDigit(text, at); digit >= 0; digit = hexDigit(text, at)) {
      group = group * 16 + digit;
      at += 1;
    }
    if (text.charCodeAt(at) === DOT) {
      // The last 32 bits may be written as an IPv4 address.
      const embedded = parseV4(text.slice(start));
      if (!embedded.ok) return embedded;
      if (filled > 12) return err('has more than eight groups');
      bytes.set(embedded.value, filled);
      filled += 4;
      break;
    }
    if (at === start || at - start > GROUP_DIGITS_MAX) return err('a group is not one to four hexadecimal digits');
    if (filled === 16) return err('has more than eight groups');
    bytes[filled] = group >> 8;
    bytes[filled + 1] = group & 0xff;
    filled += 2;
    if (at === text.length) break;
    if (text.charCodeAt(at) !== COLON) return err('a group is not one to four hexadecimal digits');
    at += 1;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return err('has "::" twice');
      gap = filled;
      at += 1;
    } else if (at === text.length) return err('ends in a colon');
  }
  if (gap < 0) return filled === 16 ? ok(bytes) : err('does not have eight groups');
  // "::" stands for at least one group (RFC 4291).
  if (filled > 14) return err('has more than seven groups beside "::"');
  const moved = 16 - (filled - gap);
  bytes.copyWithin(moved, gap, filled);
  bytes.fill(0, gap, moved);
  return ok(bytes);
}

/** Negative for anything else, also behind the end. */
function hexDigit(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit >= ZERO && unit <= NINE) return unit - ZERO;
  const letter = unit | 0x20;
  return letter >= 0x61 && letter <= 0x66 && unit < 0x80 ? letter - 0x57 : -1;
}

/** RFC 5952: the longest run of zero groups is left out, the first of several, and never a single one. */
function formatV6(bytes: Uint8Array): string {
  let start = -1;
  let longest = 1;
  for (let from = 0; from < 8; from += 1) {
    let length = 0;
    while (from + length < 8 && groupAt(bytes, from + length) === 0) length += 1;
    if (length > longest) {
      start = from;
      longest = length;
    }
    from += length;
  }
  if (start < 0) return groupsText(bytes, 0, 8);
  return `${groupsText(bytes, 0, start)}::${groupsText(bytes, start + longest, 8)}`;
}

function groupsText(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at += 1) text += `${at === from ? '' : ':'}${groupAt(bytes, at).toString(16)}`;
  return text;
}

const groupAt = (bytes: Uint8Array, group: number): number =>
  ((bytes[group * 2] ?? 0) << 8) | (bytes[group * 2 + 1] ?? 0);
