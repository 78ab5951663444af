// STABLE: `cilium/state/nodes/v1/<cluster>/<node>`, JSON Node with Go field names. Source: Cilium v1.20 pkg/node/types.

import { addressFromBytes, type Family, parseAddress, parseAddressBytes } from '../model/address.ts';
import { type ClusterName, isDnsSubdomain } from '../model/names.ts';
import { makePrefix, type Prefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import {
  decodeShaped,
  encodeShaped,
  list,
  map,
  object,
  optional,
  required,
  text,
  whole,
  withZeros,
} from './json-shape.ts';
import {
  misfit,
  type RecordContext,
  type RecordKind,
  type RecordProblem,
  UINT32_MAX,
  VALUE_BYTES_MAX,
} from './record.ts';
import { KEY_LAYOUTS, parseRecordKey, recordKeys, stateKey } from './state-keys.ts';

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

/** An encryption key index is a byte. */
const KEY_INDEX_MAX = 255;
const NETWORK = object({ IP: required(text), Mask: required(text) });
const SHAPE = object({
  Name: required(text),
  Cluster: required(text),
  IPAddresses: optional(list(object({ Type: required(text), IP: required(text) }))),
  IPv4AllocCIDR: optional(NETWORK),
  IPv4SecondaryAllocCIDRs: optional(list(NETWORK)),
  IPv6AllocCIDR: optional(NETWORK),
  IPv6SecondaryAllocCIDRs: optional(list(NETWORK)),
  IPv4HealthIP: optional(text),
  IPv6HealthIP: optional(text),
  IPv4IngressIP: optional(text),
  IPv6IngressIP: optional(text),
  ClusterID: optional(whole(UINT32_MAX)),
  Source: optional(text),
  EncryptionKey: optional(whole(KEY_INDEX_MAX)),
  Labels: optional(map(text)),
  Annotations: optional(map(text)),
  WireguardPubKey: optional(text),
  BootID: optional(text),
});
const LAYOUT = KEY_LAYOUTS.nodes;

export const nodeKey = (cluster: ClusterName, node: string): string => stateKey(LAYOUT, cluster, node);

export const nodeKind: RecordKind<NodeRecord> = {
  ...recordKeys(LAYOUT),
  decode(bytes) {
    const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
    return read.ok ? ok(withZeros(read.value, NODE_ZEROS) as unknown as NodeRecord) : read;
  },
  encode: (value) => encodeShaped(value, SHAPE),
  validate,
};

/** A node of which nothing is known but its name. */
export const NODE_ZEROS = {
  IPAddresses: null,
  IPv4AllocCIDR: null,
  IPv4SecondaryAllocCIDRs: null,
  IPv6AllocCIDR: null,
  IPv6SecondaryAllocCIDRs: null,
  IPv4HealthIP: '',
  IPv6HealthIP: '',
  IPv4IngressIP: '',
  IPv6IngressIP: '',
  ClusterID: 0,
  Source: '',
  EncryptionKey: 0,
  Labels: null,
  Annotations: null,
  WireguardPubKey: '',
  BootID: '',
} satisfies Omit<NodeRecord, 'Name' | 'Cluster'>;

interface NetworkField {
  readonly field: 'IPv4AllocCIDR' | 'IPv4SecondaryAllocCIDRs' | 'IPv6AllocCIDR' | 'IPv6SecondaryAllocCIDRs';
  readonly family: Family;
  readonly network: NetworkValue;
}

function networkFields(node: NodeRecord): readonly NetworkField[] {
  const one = (field: 'IPv4AllocCIDR' | 'IPv6AllocCIDR', family: Family): readonly NetworkField[] => {
    const network = node[field] ?? undefined;
    return network === undefined ? [] : [{ field, family, network }];
  };
  const many = (field: 'IPv4SecondaryAllocCIDRs' | 'IPv6SecondaryAllocCIDRs', family: Family) =>
    (node[field] ?? []).map((network): NetworkField => ({ field, family, network }));
  return [
    ...one('IPv4AllocCIDR', 4),
    ...many('IPv4SecondaryAllocCIDRs', 4),
    ...one('IPv6AllocCIDR', 6),
    ...many('IPv6SecondaryAllocCIDRs', 6),
  ];
}

/** Pod ranges that the node allocates from. Those that cannot be read are left out; validate reports them. */
export function allocationPrefixes(value: NodeRecord): readonly Prefix[] {
  return networkFields(value).flatMap(({ network }) => {
    const prefix = networkPrefix(network);
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

/** Of a mask of 4 or 16 bytes in base64: one run of ones, then zeros. */
function maskLength(mask: string): { readonly bytes: number; readonly ones: number } | undefined {
  let raw: string;
  try {
    raw = atob(mask);
  } catch {
    return undefined;
  }
  let ones = 0;
  while (ones < raw.length * 8 && bitOf(raw, ones)) ones += 1;
  for (let at = ones; at < raw.length * 8; at += 1) if (bitOf(raw, at)) return undefined;
  return { bytes: raw.length, ones };
}

const bitOf = (bytes: string, at: number): boolean => ((bytes.charCodeAt(at >> 3) >> (7 - (at & 7))) & 1) === 1;

/** Addresses of endpoints that Cilium runs on the node itself, for health and for ingress. */
export const NODE_ENDPOINT_FIELDS = ['IPv4HealthIP', 'IPv6HealthIP', 'IPv4IngressIP', 'IPv6IngressIP'] as const;

function validate(value: NodeRecord, { key, cluster, clusterId }: RecordContext): readonly RecordProblem[] {
  const parts = parseRecordKey(LAYOUT, key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const problems: RecordProblem[] = [];
  const { cluster: keyCluster, suffix } = parts.value;
  if (keyCluster !== cluster) problems.push(misfit('key', `names cluster ${keyCluster}, not ${cluster}`));
  if (value.Cluster !== cluster) problems.push(misfit('Cluster', `is "${value.Cluster}", not ${cluster}`));
  if (value.ClusterID !== clusterId) problems.push(misfit('ClusterID', `is ${value.ClusterID}, not ${clusterId}`));
  if (value.Name !== suffix) problems.push(misfit('Name', `is "${value.Name}", the key names ${suffix}`));
  if (!isDnsSubdomain(value.Name)) problems.push(misfit('Name', `"${value.Name}" is not an RFC 1123 subdomain`));
  for (const { IP: ip } of value.IPAddresses ?? []) problems.push(...addressProblem('IPAddresses', ip));
  for (const field of NODE_ENDPOINT_FIELDS) {
    const ip = value[field] ?? '';
    if (ip !== '') problems.push(...addressProblem(field, ip));
  }
  for (const { field, family, network } of networkFields(value)) {
    const prefix = networkPrefix(network);
    if (!prefix.ok) problems.push(misfit(field, `"${network.IP}": ${prefix.error}`));
    else if (prefix.value.family !== family) problems.push(misfit(field, `${prefix.value.text} is not IPv${family}`));
  }
  return problems;
}

function addressProblem(field: string, ip: string): readonly RecordProblem[] {
  const parsed = parseAddress(ip);
  return parsed.ok ? [] : [misfit(field, `"${ip}": ${parsed.error}`)];
}
