// IP addresses: strict text to canonical text and bytes. IPv4 is four decimal octets without leading zeros and nothing else;
// IPv6 takes RFC 4291 forms without a zone and is written as RFC 5952 says. An IPv4-mapped IPv6 address is that IPv4 address.

import type { IpAddress } from './names.ts';
import { err, ok, type Result } from './result.ts';

export type Family = 4 | 6;

/** The longest text of an address: an IPv6 address that ends in an IPv4 one. */
const TEXT_LENGTH_MAX = 45;

export function parseAddress(text: string): Result<IpAddress, string> {
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

export const familyOf = (address: IpAddress): Family => (address.includes(':') ? 6 : 4);

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

/** Read unit by unit: an update of a large service brings thousands of addresses. */
function parseV4(text: string): Result<Uint8Array, string> {
  const bytes = new Uint8Array(4);
  let octet = 0;
  let digits = 0;
  let index = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === DOT) {
      if (digits === 0 || index === 3) return err('not four octets');
      bytes[index] = octet;
      index += 1;
      octet = 0;
      digits = 0;
      continue;
    }
    if (unit < ZERO || unit > NINE) return err(`"${text}" is not four decimal octets`);
    if (digits > 0 && octet === 0) return err('an octet has a leading zero');
    octet = octet * 10 + unit - ZERO;
    digits += 1;
    if (octet > 255) return err('an octet is larger than 255');
  }
  if (digits === 0 || index !== 3) return err('not four octets');
  bytes[3] = octet;
  return ok(bytes);
}

function parseV6(text: string): Result<Uint8Array, string> {
  if (text.includes('%')) return err('has a zone');
  const gap = text.indexOf('::');
  if (gap < 0) {
    const groups = parseGroups(text);
    if (!groups.ok) return groups;
    return groups.value.length === 16 ? ok(Uint8Array.from(groups.value)) : err('does not have eight groups');
  }
  // A third colon, or a second "::", is an empty group on one of the sides.
  const head = gap === 0 ? NO_GROUPS : parseGroups(text.slice(0, gap), false);
  if (!head.ok) return head;
  const tail = gap + 2 === text.length ? NO_GROUPS : parseGroups(text.slice(gap + 2));
  if (!tail.ok) return tail;
  // "::" stands for at least one group (RFC 4291).
  if (head.value.length + tail.value.length > 14) return err('has more than seven groups beside "::"');
  const bytes = new Uint8Array(16);
  bytes.set(head.value, 0);
  bytes.set(tail.value, 16 - tail.value.length);
  return ok(bytes);
}

const NO_GROUPS: Result<readonly number[], string> = ok([]);
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** The bytes of groups between colons; where the text of the address ends here, its last group may be an IPv4 address. */
function parseGroups(text: string, last = true): Result<readonly number[], string> {
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (last && index === groups.length - 1 && group.includes('.')) {
      const embedded = parseV4(group);
      if (!embedded.ok) return embedded;
      bytes.push(...embedded.value);
    } else if (GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return err(`group "${group}" is not one to four hexadecimal digits`);
  }
  return ok(bytes);
}

function formatV6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length === 1) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}
