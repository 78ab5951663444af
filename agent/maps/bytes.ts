// Numbers and addresses in the rows of maps: network order for addresses, ports and service ids, the host's, which has to be
// little endian, for everything else.

import { addressBytes, addressFromBytes, type Family, familyOf, isMapped } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';

/** Bytes of an address of that family. */
const ADDRESS_BYTES: Readonly<Record<Family, number>> = { 4: 4, 6: 16 };

export const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
export const network16 = (bytes: Uint8Array, at: number): number => (byte(bytes, at) << 8) | byte(bytes, at + 1);
export const host16 = (bytes: Uint8Array, at: number): number => byte(bytes, at) | (byte(bytes, at + 1) << 8);
export const host32 = (bytes: Uint8Array, at: number): number => host16(bytes, at) + host16(bytes, at + 2) * 0x10000;

export const network32 = (bytes: Uint8Array, at: number): number =>
  network16(bytes, at) * 0x10000 + network16(bytes, at + 2);

export function putNetwork16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function putHost16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function putHost32(bytes: Uint8Array, at: number, value: number): void {
  putHost16(bytes, at, value);
  putHost16(bytes, at + 2, value >>> 16);
}

export function putNetwork32(bytes: Uint8Array, at: number, value: number): void {
  putNetwork16(bytes, at, value >>> 16);
  putNetwork16(bytes, at + 2, value);
}

/** Undefined for an IPv4 address in an IPv6 row: it would be another service than the one of that IPv4 address. */
export function address(bytes: Uint8Array, at: number, family: Family): IpAddress | undefined {
  const own = bytes.subarray(at, at + ADDRESS_BYTES[family]);
  return family === 6 && isMapped(own) ? undefined : addressFromBytes(own);
}

const DOT = 0x2e;
const ZERO = 0x30;

/** `v4` is an IPv4 address as a number, where somebody read the text before. */
export function putAddress(bytes: Uint8Array, at: number, text: IpAddress, v4?: number): void {
  if (v4 !== undefined) {
    putNetwork32(bytes, at, v4);
    return;
  }
  if (familyOf(text) === 6) {
    bytes.set(addressBytes(text), at);
    return;
  }
  let octet = 0;
  let index = at;
  for (let position = 0; position < text.length; position += 1) {
    const code = text.charCodeAt(position);
    if (code === DOT) {
      bytes[index] = octet;
      index += 1;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  if (index !== at + 3 || !(octet <= 255)) throw new Error(`not an address: ${text}`);
  bytes[index] = octet;
}
