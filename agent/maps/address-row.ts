// STABLE: a row of the ipcache as bytes, byte for byte as Cilium's, but for the owner's cluster id in what is padding there. The
// C side is bpf/include/ipcache.h. An address is looked up by the longest prefix that has it.

import { addressFromBytes } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { makePrefix, type Prefix, singlePrefix } from '../../mesh/model/prefix.ts';
import { byte, host16, host32, network32, putAddress, putHost16, putHost32 } from './bytes.ts';
import { IPCACHE_KEY, IPCACHE_VALUE } from './structs.ts';

export interface AddressRow {
  readonly identity: number;
  readonly clusterId: number;
  /** The node that has it, where that is known. */
  readonly node: IpAddress | undefined;
  /** Of encryption; 0 for none. */
  readonly keyIndex: number;
}

/** Bits of a key before the address. */
const STATIC_BITS = 32;
const FAMILY_CODES = { 4: 1, 6: 2 } as const;
const FLAG_HAS_NODE = 0x02;
const FLAG_NODE_IS_IPV6 = 0x04;
const FLAG_REMOTE_CLUSTER = 0x08;
const KEY = IPCACHE_KEY.offsets;
const VALUE = IPCACHE_VALUE.offsets;

export function addressKey({ family, length, bytes }: Prefix): Uint8Array {
  const key = new Uint8Array(IPCACHE_KEY.size);
  putHost32(key, KEY.prefix_length, STATIC_BITS + length);
  key[KEY.family] = FAMILY_CODES[family];
  key.set(bytes, KEY.address);
  return key;
}

export const lookupKey = (address: IpAddress): Uint8Array => addressKey(singlePrefix(address));

/** Undefined for a key that `addressKey` would not write. */
export function parseAddressKey(key: Uint8Array): Prefix | undefined {
  if (key.length !== IPCACHE_KEY.size || host16(key, KEY.cluster_id) !== 0 || byte(key, KEY.pad) !== 0)
    return undefined;
  const code = byte(key, KEY.family);
  if (code !== FAMILY_CODES[4] && code !== FAMILY_CODES[6]) return undefined;
  const size = code === FAMILY_CODES[4] ? 4 : 16;
  const length = host32(key, KEY.prefix_length) - STATIC_BITS;
  if (length < 0 || length > size * 8) return undefined;
  if (key.subarray(KEY.address + size).some((rest) => rest !== 0)) return undefined;
  const { prefix, hostBits } = makePrefix(key.slice(KEY.address, KEY.address + size), length);
  return hostBits ? undefined : prefix;
}

/** The number of a single IPv4 address; undefined for every other key, also for one that `addressKey` would not write. */
export function singleAddress(key: Uint8Array): number | undefined {
  if (key.length !== IPCACHE_KEY.size || byte(key, KEY.family) !== FAMILY_CODES[4]) return undefined;
  if (host32(key, KEY.prefix_length) !== STATIC_BITS + 32) return undefined;
  if (host16(key, KEY.cluster_id) !== 0 || byte(key, KEY.pad) !== 0) return undefined;
  for (let at = KEY.address + 4; at < key.length; at += 1) if (key[at] !== 0) return undefined;
  return network32(key, KEY.address);
}

export function addressValue({ identity, clusterId, node, keyIndex }: AddressRow): Uint8Array {
  const value = new Uint8Array(IPCACHE_VALUE.size);
  let flags = FLAG_REMOTE_CLUSTER;
  putHost32(value, VALUE.identity, identity);
  if (node !== undefined) {
    putAddress(value, VALUE.tunnel_endpoint, node);
    flags |= FLAG_HAS_NODE | (node.includes(':') ? FLAG_NODE_IS_IPV6 : 0);
  }
  putHost16(value, VALUE.cluster_id, clusterId);
  value[VALUE.key] = keyIndex;
  value[VALUE.flags] = flags;
  return value;
}

/** Undefined for a value of another size. */
export function parseAddressValue(value: Uint8Array): AddressRow | undefined {
  if (value.length !== IPCACHE_VALUE.size) return undefined;
  const flags = byte(value, VALUE.flags);
  const size = (flags & FLAG_NODE_IS_IPV6) === 0 ? 4 : 16;
  const endpoint = value.slice(VALUE.tunnel_endpoint, VALUE.tunnel_endpoint + size);
  return {
    identity: host32(value, VALUE.identity),
    clusterId: host16(value, VALUE.cluster_id),
    node: (flags & FLAG_HAS_NODE) === 0 ? undefined : addressFromBytes(endpoint),
    keyIndex: byte(value, VALUE.key),
  };
}
