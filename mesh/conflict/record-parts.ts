// Stored values without a part of them, or with another identity: what is admitted where only a part is withheld. Everything
// else of the value stays as it was. Undefined where nothing useful would be left.

import { parseAddress } from '../model/address.ts';
import { type ClusterServiceRecord, clusterServiceKind, type PortsByAddress } from '../wire/cluster-service.ts';
import { ipIdentityKind } from '../wire/ip-identity.ts';
import { type NetworkValue, NODE_ENDPOINT_FIELDS, networkPrefix, nodeKind } from '../wire/node.ts';
import { serviceSliceKind } from '../wire/service-slice.ts';
import type { GoodValue } from './record-state.ts';

/** The endpoint with another identity. */
export function withIdentity(bytes: Uint8Array, identity: number): Uint8Array | undefined {
  const ip = ipIdentityKind.decode(bytes);
  return ip.ok ? ipIdentityKind.encode({ ...ip.value, ID: identity }) : undefined;
}

/** The service, or the piece of one, without the backends at these addresses and without the ports of these names. */
export function withoutBackends(
  { bytes, value: { kind } }: Pick<GoodValue, 'bytes' | 'value'>,
  addresses: ReadonlySet<string>,
  ports: ReadonlySet<string>,
): Uint8Array | undefined {
  if (kind === 'slices') {
    const slice = serviceSliceKind.decode(bytes);
    return slice.ok ? serviceSliceKind.encode(lessBackends(slice.value, addresses, ports)) : undefined;
  }
  // A head has the form of a whole service.
  const service = clusterServiceKind.decode(bytes);
  if (!service.ok) return undefined;
  const less = lessBackends(service.value, addresses, ports);
  return clusterServiceKind.encode({ ...less, frontends: withoutPorts(less.frontends, ports) });
}

function lessBackends<T extends Pick<ClusterServiceRecord, 'backends' | 'hostnames' | 'zones'>>(
  value: T,
  addresses: ReadonlySet<string>,
  ports: ReadonlySet<string>,
): T {
  const byAddress = <V>(map: Readonly<Record<string, V>>) =>
    Object.fromEntries(Object.entries(map).filter(([address]) => keeps(address, addresses)));
  return {
    ...value,
    backends: withoutPorts(byAddress(value.backends), ports),
    ...(value.hostnames === undefined ? {} : { hostnames: byAddress(value.hostnames) }),
    ...(value.zones === undefined ? {} : { zones: byAddress(value.zones) }),
  };
}

/** An address that only had withheld ports goes with them. */
function withoutPorts(map: PortsByAddress, ports: ReadonlySet<string>): PortsByAddress {
  if (ports.size === 0) return map;
  const left = Object.entries(map).map(
    ([address, byName]) => [address, Object.entries(byName).filter(([name]) => !ports.has(name))] as const,
  );
  return Object.fromEntries(
    left.filter(([, named]) => named.length > 0).map(([address, named]) => [address, Object.fromEntries(named)]),
  );
}

/** The node without these addresses and allocation ranges; undefined when no internal address is left of those it had. */
export function withoutAddresses(bytes: Uint8Array, dropped: ReadonlySet<string>): Uint8Array | undefined {
  const read = nodeKind.decode(bytes);
  if (!read.ok) return undefined;
  const node = read.value;
  const addresses = (node.IPAddresses ?? []).filter(({ IP }) => keeps(IP, dropped));
  const isInternal = ({ Type }: { readonly Type: string }) => Type === 'InternalIP';
  if (!addresses.some(isInternal) && (node.IPAddresses ?? []).some(isInternal)) return undefined;
  const one = (network: NetworkValue | null) => (network !== null && keepsRange(network, dropped) ? network : null);
  const many = (networks: readonly NetworkValue[] | null) =>
    networks?.filter((network) => keepsRange(network, dropped)) ?? networks;
  const endpoints = NODE_ENDPOINT_FIELDS.map(
    (field) => [field, keeps(node[field], dropped) ? node[field] : ''] as const,
  );
  return nodeKind.encode({
    ...node,
    ...Object.fromEntries(endpoints),
    IPAddresses: addresses,
    IPv4AllocCIDR: one(node.IPv4AllocCIDR ?? null),
    IPv4SecondaryAllocCIDRs: many(node.IPv4SecondaryAllocCIDRs),
    IPv6AllocCIDR: one(node.IPv6AllocCIDR ?? null),
    IPv6SecondaryAllocCIDRs: many(node.IPv6SecondaryAllocCIDRs),
  });
}

function keeps(text: string, dropped: ReadonlySet<string>): boolean {
  const parsed = parseAddress(text);
  return parsed.ok && !dropped.has(parsed.value);
}

function keepsRange(network: NetworkValue, dropped: ReadonlySet<string>): boolean {
  const prefix = networkPrefix(network);
  return prefix.ok && !dropped.has(prefix.value.text);
}
