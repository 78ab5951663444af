// STABLE: `cilium/state/nodes/v1/<cluster>/<node>`, JSON Node with Go field names. Source: Cilium v1.20 pkg/node/types.

import { addressFromBytes, parseAddress, parseAddressBytes } from '../model/address.ts';
import type { ClusterName } from '../model/names.ts';
import { makePrefix, type Prefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import { checkFields, decodeObject, encodeObject, isObject, type JsonObject } from './json.ts';
import { misfit, type RecordContext, type RecordKind, type RecordProblem, VALUE_BYTES_MAX } from './record.ts';
import { cacheKey, KEY_LAYOUTS, parseRecordKey, stateKey, statePrefix } from './state-keys.ts';

/** Go's net.IPNet: text address, mask in base64. */
export interface NetworkValue {
  readonly IP: string;
  readonly Mask: string;
}

export interface NodeAddressValue {
  readonly Type: string;
  readonly IP: string;
}

export interface NodeRecord {
  readonly Name: string;
  readonly Cluster: string;
  readonly IPAddresses: readonly NodeAddressValue[] | null;
  readonly IPv4AllocCIDR: NetworkValue | null;
  readonly IPv4SecondaryAllocCIDRs: readonly NetworkValue[] | null;
  readonly IPv6AllocCIDR: NetworkValue | null;
  readonly IPv6SecondaryAllocCIDRs: readonly NetworkValue[] | null;
  readonly IPv4HealthIP: string;
  readonly IPv6HealthIP: string;
  readonly IPv4IngressIP: string;
  readonly IPv6IngressIP: string;
  readonly ClusterID: number;
  readonly Source: string;
  readonly EncryptionKey: number;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Annotations: Readonly<Record<string, string>> | null;
  readonly WireguardPubKey: string;
  readonly BootID: string;
}

const LAYOUT = KEY_LAYOUTS.nodes;
const FIELD_ORDER = [
  'Name',
  'Cluster',
  'IPAddresses',
  'IPv4AllocCIDR',
  'IPv4SecondaryAllocCIDRs',
  'IPv6AllocCIDR',
  'IPv6SecondaryAllocCIDRs',
  'IPv4HealthIP',
  'IPv6HealthIP',
  'IPv4IngressIP',
  'IPv6IngressIP',
  'ClusterID',
  'Source',
  'EncryptionKey',
  'Labels',
  'Annotations',
  'WireguardPubKey',
  'BootID',
];

export const nodeKey = (cluster: ClusterName, node: string): string => stateKey(LAYOUT, cluster, node);

export const nodeKind: RecordKind<NodeRecord> = {
  kind: 'nodes',
  statePrefix: statePrefix('nodes'),
  stateKey: (cluster, suffix) => stateKey(LAYOUT, cluster, suffix),
  cacheKey: (cluster, key) => {
    const parts = parseRecordKey(LAYOUT, key);
    return cacheKey(LAYOUT, cluster, parts.ok ? parts.value.suffix : key);
  },
  parseKey: (key) => parseRecordKey(LAYOUT, key),
  decode,
  encode: (value) => encodeObject(value, FIELD_ORDER),
  validate,
};

function decode(bytes: Uint8Array): Result<NodeRecord, string> {
  const object = decodeObject(bytes, VALUE_BYTES_MAX);
  if (!object.ok) return object;
  const wrong = checkFields(object.value, {
    Name: 'string',
    Cluster: 'string',
    IPAddresses: 'array?',
    IPv4AllocCIDR: 'object?',
    IPv4SecondaryAllocCIDRs: 'array?',
    IPv6AllocCIDR: 'object?',
    IPv6SecondaryAllocCIDRs: 'array?',
    IPv4HealthIP: 'string?',
    IPv6HealthIP: 'string?',
    ClusterID: 'number?',
    Labels: 'object?',
    Annotations: 'object?',
  });
  if (wrong !== undefined) return err(wrong);
  for (const address of (object.value.IPAddresses ?? []) as readonly unknown[]) {
    if (!isObject(address) || typeof address.IP !== 'string' || typeof address.Type !== 'string') {
      return err('IPAddresses holds an entry without Type and IP');
    }
  }
  const networks = networkFields(object.value);
  if (
    networks.some(({ value }) => !isObject(value) || typeof value.IP !== 'string' || typeof value.Mask !== 'string')
  ) {
    return err('an allocation CIDR has no IP and Mask');
  }
  return ok({ ClusterID: 0, ...object.value } as unknown as NodeRecord);
}

function networkFields(value: JsonObject | NodeRecord): readonly { readonly field: string; readonly value: unknown }[] {
  const fields = value as JsonObject;
  const one = (field: string) =>
    fields[field] === null || fields[field] === undefined ? [] : [{ field, value: fields[field] }];
  const many = (field: string) =>
    ((fields[field] ?? []) as readonly unknown[]).map((entry) => ({ field, value: entry }));
  return [
    ...one('IPv4AllocCIDR'),
    ...many('IPv4SecondaryAllocCIDRs'),
    ...one('IPv6AllocCIDR'),
    ...many('IPv6SecondaryAllocCIDRs'),
  ];
}

/** Pod ranges that the node allocates from. Those that cannot be read are left out; validate reports them. */
export function allocationPrefixes(value: NodeRecord): readonly Prefix[] {
  return networkFields(value).flatMap(({ value: network }) => {
    const prefix = networkPrefix(network as NetworkValue);
    return prefix.ok ? [prefix.value] : [];
  });
}

export function networkPrefix({ IP: ip, Mask: mask }: NetworkValue): Result<Prefix, string> {
  const address = parseAddressBytes(ip);
  if (!address.ok) return address;
  const bits = maskLength(mask);
  if (bits === undefined) return err(`mask "${mask}" is not one run of ones`);
  const { length } = address.value;
  if (bits.bytes !== length) return err(`mask "${mask}" is not of the address's family`);
  return ok(makePrefix(address.value, bits.ones).prefix);
}

export function networkValue(prefix: Prefix): NetworkValue {
  const mask = prefix.bytes.map(
    (_, index) => (0xff << (8 - Math.max(0, Math.min(8, prefix.length - index * 8)))) & 0xff,
  );
  return { IP: addressFromBytes(prefix.bytes), Mask: btoa(String.fromCharCode(...mask)) };
}

function maskLength(mask: string): { readonly bytes: number; readonly ones: number } | undefined {
  let raw: string;
  try {
    raw = atob(mask);
  } catch {
    return undefined;
  }
  const bits = Array.from(raw, (character) => character.charCodeAt(0).toString(2).padStart(8, '0')).join('');
  const ones = bits.indexOf('0') < 0 ? bits.length : bits.indexOf('0');
  return bits.includes('1', ones) ? undefined : { bytes: raw.length, ones };
}

function validate(value: NodeRecord, { key, cluster, clusterId }: RecordContext): readonly RecordProblem[] {
  const parts = parseRecordKey(LAYOUT, key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const problems: RecordProblem[] = [];
  if (parts.value.cluster !== cluster)
    problems.push(misfit('key', `names cluster ${parts.value.cluster}, not ${cluster}`));
  if (value.Cluster !== cluster) problems.push(misfit('Cluster', `is "${value.Cluster}", not ${cluster}`));
  if (value.ClusterID !== clusterId) problems.push(misfit('ClusterID', `is ${value.ClusterID}, not ${clusterId}`));
  if (value.Name !== parts.value.suffix)
    problems.push(misfit('Name', `is "${value.Name}", the key names ${parts.value.suffix}`));
  for (const { IP: ip } of value.IPAddresses ?? []) {
    const parsed = parseAddress(ip);
    if (!parsed.ok) problems.push(misfit('IPAddresses', `"${ip}": ${parsed.error}`));
  }
  for (const { field, value: network } of networkFields(value)) {
    const prefix = networkPrefix(network as NetworkValue);
    if (!prefix.ok) problems.push(misfit(field, prefix.error));
  }
  return problems;
}
