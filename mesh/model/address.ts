// IP addresses: strict text to canonical text and bytes. IPv4 is four decimal octets without leading zeros and nothing else;
// IPv6 takes RFC 4291 forms without a zone and is written as RFC 5952 says. An IPv4-mapped IPv6 address is that IPv4 address.

import type { IpAddress } from './names.ts';
import { err, ok, type Result } from './result.ts';

export type Family = 4 | 6;

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
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

export const isMapped = (bytes: Uint8Array): boolean => MAPPED_PREFIX.every((byte, index) => bytes[index] === byte);

function parseV4(text: string): Result<Uint8Array, string> {
  const parts = text.split('.');
  if (parts.length !== 4) return err('not four octets');
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return err(`octet "${part}" is not a decimal number without leading zeros`);
    const octet = Number(part);
    if (octet > 255) return err(`octet ${part} is larger than 255`);
    bytes[index] = octet;
  }
  return ok(bytes);
}

function parseV6(text: string): Result<Uint8Array, string> {
  if (text.includes('%')) return err('has a zone');
  const halves = text.split('::');
  if (halves.length > 2) return err('has more than one "::"');
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  if (!head.ok) return head;
  const tail = halves.length === 1 ? ok([]) : parseGroups(halves[1] ?? '', true);
  if (!tail.ok) return tail;
  const given = head.value.length + tail.value.length;
  if (halves.length === 1 ? given !== 16 : given > 14) return err('does not have eight groups');
  const bytes = new Uint8Array(16);
  bytes.set(head.value, 0);
  bytes.set(tail.value, 16 - tail.value.length);
  return ok(bytes);
}

/** Groups of one side of "::" as bytes; the last may be an IPv4 address where `last` says that the text ends here. */
function parseGroups(text: string, last: boolean): Result<number[], string> {
  if (text === '') return ok([]);
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (last && index === groups.length - 1 && group.includes('.')) {
      const embedded = parseV4(group);
      if (!embedded.ok) return embedded;
      bytes.push(...embedded.value);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
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
