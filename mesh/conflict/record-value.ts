// What the rules need to know of a stored value, whatever its kind: which addresses it uses and as what, which identity it carries,
// and the value without a part of it. The formats themselves belong to mesh/wire.

import { addressBytes, parseAddress } from '../model/address.ts';
import { type IpAddress, type ServiceKey, serviceKey } from '../model/names.ts';
import type { Prefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type ClusterServiceRecord, clusterServiceKind, type PortsByAddress } from '../wire/cluster-service.ts';
import { type IdentityRecord, identityKind, labelText, parseIdentityNumber } from '../wire/identity.ts';
import { type IpIdentityRecord, ipIdentityKind, ipPrefix } from '../wire/ip-identity.ts';
import { allocationPrefixes, type NetworkValue, type NodeRecord, networkPrefix, nodeKind } from '../wire/node.ts';
import { misfit, type RecordContext, type RecordProblem, VALUE_BYTES_MAX } from '../wire/record.ts';
import { kindOfKey, statePrefix } from '../wire/state-keys.ts';
import { type ServiceShape, serviceShape } from './service.ts';

export type RecordValue =
  | {
      readonly kind: 'services';
      readonly key: ServiceKey;
      readonly service: ClusterServiceRecord;
      /** Read once: a service may have thousands, and is judged often. */
      readonly backends: readonly AddressUse[];
    }
  | { readonly kind: 'nodes'; readonly node: NodeRecord; readonly uses: readonly AddressUse[] }
  | { readonly kind: 'identities'; readonly number: number; readonly identity: IdentityRecord }
  | { readonly kind: 'ip'; readonly ip: IpIdentityRecord; readonly prefix: Prefix };

export const UNKNOWN_IDENTITY = 0;
export const REMOTE_NODE_IDENTITY = 6;

/** Records of Cilium's own identity allocation: bookkeeping of one cluster, nothing that peers read. */
const NOT_FOR_PEERS = [`${statePrefix('identities')}value/`, `${statePrefix('identities')}locks/`];

export function kindOfRecord(key: string): RecordValue['kind'] | undefined {
  const kind = key.startsWith('cilium/state/') ? kindOfKey(key) : undefined;
  return NOT_FOR_PEERS.some((prefix) => key.startsWith(prefix)) ? undefined : kind;
}

/** Form only; whether it fits its cluster is `validateRecord`'s question. */
export function readRecord(
  kind: RecordValue['kind'],
  key: string,
  bytes: Uint8Array,
): Result<RecordValue, RecordProblem> {
  if (bytes.length > VALUE_BYTES_MAX) {
    return err(misfit('value', `${bytes.length} bytes are more than the limit of ${VALUE_BYTES_MAX}`));
  }
  switch (kind) {
    case 'services': {
      const read = clusterServiceKind.decode(bytes);
      if (!read.ok) return err(misfit('value', read.error));
      const { namespace, name, backends } = read.value;
      return ok({
        kind,
        key: serviceKey(namespace, name),
        service: read.value,
        backends: singles(Object.keys(backends), 'backend'),
      });
    }
    case 'nodes': {
      const read = nodeKind.decode(bytes);
      return read.ok
        ? ok({ kind, node: read.value, uses: nodeAddresses(read.value) })
        : err(misfit('value', read.error));
    }
    case 'identities': {
      const parts = identityKind.parseKey(key);
      const number = parts.ok ? parseIdentityNumber(parts.value.suffix) : undefined;
      if (number === undefined) return err(misfit('key', 'names no identity number'));
      const read = identityKind.decode(bytes);
      return read.ok ? ok({ kind, number, identity: read.value }) : err(misfit('value', read.error));
    }
    case 'ip': {
      const read = ipIdentityKind.decode(bytes);
      if (!read.ok) return err(misfit('value', read.error));
      const prefix = ipPrefix(read.value);
      return prefix.ok ? ok({ kind, ip: read.value, prefix: prefix.value }) : err(misfit('IP', prefix.error));
    }
  }
}

export function validateRecord(value: RecordValue, context: RecordContext): readonly RecordProblem[] {
  switch (value.kind) {
    case 'services':
      return clusterServiceKind.validate(value.service, context);
    case 'nodes':
      return nodeKind.validate(value.node, context);
    case 'identities':
      return identityKind.validate(value.identity, context);
    case 'ip':
      return ipIdentityKind.validate(value.ip, context);
  }
}

/** The cluster id that the value carries; identities and endpoints carry none. */
export function declaredClusterId(value: RecordValue): number | undefined {
  if (value.kind === 'services') return value.service.clusterID;
  return value.kind === 'nodes' ? value.node.ClusterID : undefined;
}

/** The number of an identity, or the one that an endpoint carries. */
export function identityOf(value: RecordValue): number | undefined {
  if (value.kind === 'identities') return value.number;
  return value.kind === 'ip' ? value.ip.ID : undefined;
}

export const identityLabels = (value: RecordValue): readonly string[] =>
  value.kind === 'identities' ? value.identity.labels : [];

export const identityText = (value: RecordValue): string => labelText(identityLabels(value));

/** An address, or a range of them, in the place where a value uses it. */
export interface AddressUse {
  readonly role: 'endpoint' | 'node' | 'allocation' | 'backend';
  readonly prefix: Prefix;
  /** An address without its length, a range with it. */
  readonly text: string;
}

/** Each address once; what cannot be read is the validator's business and left out. */
export function addressUses(value: RecordValue): readonly AddressUse[] {
  switch (value.kind) {
    case 'services':
      return backendAddresses(value);
    case 'nodes':
      return value.uses;
    case 'ip':
      return [{ role: 'endpoint', prefix: value.prefix, text: addressOrRange(value.prefix) }];
    case 'identities':
      return [];
  }
}

export function backendAddresses(value: RecordValue): readonly AddressUse[] {
  return value.kind === 'services' ? value.backends : [];
}

const nodeAddresses = (node: NodeRecord): readonly AddressUse[] => [
  ...singles(
    (node.IPAddresses ?? []).map(({ IP }) => IP),
    'node',
  ),
  ...allocationPrefixes(node).map((prefix) => ({ role: 'allocation' as const, prefix, text: prefix.text })),
];

function singles(texts: readonly string[], role: AddressUse['role']): readonly AddressUse[] {
  const uses = new Map<string, AddressUse>();
  for (const text of texts) {
    const parsed = parseAddress(text);
    if (parsed.ok) uses.set(parsed.value, { role, prefix: singlePrefix(parsed.value), text: parsed.value });
  }
  return [...uses.values()];
}

function singlePrefix(address: IpAddress): Prefix {
  const bytes = addressBytes(address);
  const length = bytes.length * 8;
  return { family: length === 32 ? 4 : 6, bytes, length, text: `${address}/${length}` };
}

function addressOrRange(prefix: Prefix): string {
  return prefix.length === prefix.bytes.length * 8 ? prefix.text.slice(0, prefix.text.indexOf('/')) : prefix.text;
}

/** The shape of a service's frontend; undefined for one that its cluster does not share. */
export function shapeOf(value: RecordValue): ServiceShape | undefined {
  if (value.kind !== 'services' || !value.service.shared) return undefined;
  const ports = Object.values(value.service.frontends).flatMap((byName) => Object.entries(byName));
  return serviceShape(ports.map(([name, { Protocol, Port }]) => ({ name, port: `${Protocol}/${Port}` })));
}

/** The endpoint with another identity. */
export function withIdentity(value: RecordValue, identity: number): Uint8Array | undefined {
  return value.kind === 'ip' ? ipIdentityKind.encode({ ...value.ip, ID: identity }) : undefined;
}

/** The service without the backends at these addresses and without the ports of these names. */
export function withoutBackends(
  value: RecordValue,
  addresses: ReadonlySet<string>,
  ports: ReadonlySet<string>,
): Uint8Array | undefined {
  if (value.kind !== 'services') return undefined;
  const { service } = value;
  const gone = (text: string) => {
    const parsed = parseAddress(text);
    return !parsed.ok || addresses.has(parsed.value);
  };
  const byAddress = <T>(map: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(map).filter(([address]) => !gone(address)));
  const withoutPorts = (map: PortsByAddress): PortsByAddress =>
    Object.fromEntries(
      Object.entries(map)
        .map(
          ([address, byName]) =>
            [address, byName, Object.entries(byName).filter(([name]) => !ports.has(name))] as const,
        )
        // An address that only had withheld ports is not a backend any more.
        .filter(([, all, left]) => left.length > 0 || Object.keys(all).length === 0)
        .map(([address, , left]) => [address, Object.fromEntries(left)]),
    );
  return clusterServiceKind.encode({
    ...service,
    frontends: withoutPorts(service.frontends),
    backends: withoutPorts(byAddress(service.backends)),
    ...(service.hostnames === undefined ? {} : { hostnames: byAddress(service.hostnames) }),
    ...(service.zones === undefined ? {} : { zones: byAddress(service.zones) }),
  });
}

/** The node without these addresses and allocation ranges; undefined when no address of its own is left. */
export function withoutAddresses(value: RecordValue, dropped: ReadonlySet<string>): Uint8Array | undefined {
  if (value.kind !== 'nodes') return undefined;
  const { node } = value;
  const keepsAddress = (text: string) => {
    const parsed = parseAddress(text);
    return parsed.ok && !dropped.has(parsed.value);
  };
  const keepsRange = (network: NetworkValue) => {
    const prefix = networkPrefix(network);
    return prefix.ok && !dropped.has(prefix.value.text);
  };
  const addresses = (node.IPAddresses ?? []).filter(({ IP }) => keepsAddress(IP));
  // A node that never had an internal address loses nothing by being without one.
  const isInternal = ({ Type }: { readonly Type: string }) => Type === 'InternalIP';
  if (!addresses.some(isInternal) && (node.IPAddresses ?? []).some(isInternal)) return undefined;
  const one = (network: NetworkValue | null) =>
    network === null || network === undefined || keepsRange(network) ? network : null;
  const many = (networks: readonly NetworkValue[] | null) => networks?.filter(keepsRange) ?? networks;
  return nodeKind.encode({
    ...node,
    IPAddresses: addresses,
    IPv4AllocCIDR: one(node.IPv4AllocCIDR),
    IPv4SecondaryAllocCIDRs: many(node.IPv4SecondaryAllocCIDRs),
    IPv6AllocCIDR: one(node.IPv6AllocCIDR),
    IPv6SecondaryAllocCIDRs: many(node.IPv6SecondaryAllocCIDRs),
  });
}
