// What the own etcd's copies of peers' records say of addresses and nodes, as agents are told it. Only what was admitted is copied
// there, so that nothing is judged here; a value that cannot be read says nothing.

import { parseAddress } from '../../mesh/model/address.ts';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import type { PeerAddress, PeerAddressRef, PeerNode } from '../../mesh/model/peer-address.ts';
import { parsePrefix, singlePrefix } from '../../mesh/model/prefix.ts';
import type { AddressChanges } from '../../mesh/wire/addresses.ts';
import { ipIdentityKind, ipPrefix } from '../../mesh/wire/ip-identity.ts';
import { nodeKind } from '../../mesh/wire/node.ts';
import { KEY_LAYOUTS } from '../../mesh/wire/state-keys.ts';

export const ADDRESSES_PREFIX = KEY_LAYOUTS.ip.cachePrefix;
export const NODES_PREFIX = KEY_LAYOUTS.nodes.cachePrefix;

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? Item[] : never };

/** What some keys have now: a key without a value, or with one that says nothing, is a removal. */
export function describeKeys(keys: Iterable<string>, read: (key: string) => Uint8Array | undefined): AddressChanges {
  const changes: Mutable<AddressChanges> = { addresses: [], removed: [], nodes: [], removedNodes: [] };
  for (const key of keys) {
    const value = read(key);
    if (key.startsWith(ADDRESSES_PREFIX)) {
      const ref = addressRef(key.slice(ADDRESSES_PREFIX.length));
      if (ref === undefined) continue;
      const address = value === undefined ? undefined : readAddress(ref.cluster, value);
      if (address !== undefined && address.prefix === ref.prefix) changes.addresses.push(address);
      else changes.removed.push(ref);
    } else {
      const ref = clusterAndRest(key.slice(NODES_PREFIX.length));
      if (ref === undefined) continue;
      const node = value === undefined ? undefined : readNode(ref.cluster, ref.rest, value);
      if (node !== undefined) changes.nodes.push(node);
      else changes.removedNodes.push({ cluster: ref.cluster, name: ref.rest });
    }
  }
  return changes;
}

function readAddress(cluster: ClusterName, value: Uint8Array): PeerAddress | undefined {
  const record = ipIdentityKind.decode(value);
  if (!record.ok) return undefined;
  const prefix = ipPrefix(record.value);
  if (!prefix.ok) return undefined;
  const { HostIP, ID, Key, K8sNamespace, K8sPodName } = record.value;
  const host = HostIP === '' ? undefined : parseAddress(HostIP);
  return {
    cluster,
    prefix: prefix.value.text,
    identity: ID,
    host: host?.ok === true ? host.value : undefined,
    keyIndex: Key,
    pod: K8sPodName ? `${K8sNamespace ?? ''}/${K8sPodName}` : undefined,
  };
}

function readNode(cluster: ClusterName, name: string, value: Uint8Array): PeerNode | undefined {
  const record = nodeKind.decode(value);
  if (!record.ok) return undefined;
  const addresses = (record.value.IPAddresses ?? []).flatMap(({ IP }) => {
    const address = parseAddress(IP);
    return address.ok ? [address.value] : [];
  });
  return { cluster, name, addresses };
}

/** `<cluster>/<address>` or `<cluster>/<address>/<length>`. */
function addressRef(suffix: string): PeerAddressRef | undefined {
  const parts = clusterAndRest(suffix);
  if (parts === undefined) return undefined;
  const { cluster, rest } = parts;
  if (rest.includes('/')) {
    const range = parsePrefix(rest);
    return range.ok && !range.value.hostBits ? { cluster, prefix: range.value.prefix.text } : undefined;
  }
  const address = parseAddress(rest);
  return address.ok ? { cluster, prefix: singlePrefix(address.value).text } : undefined;
}

function clusterAndRest(suffix: string): { readonly cluster: ClusterName; readonly rest: string } | undefined {
  const slash = suffix.indexOf('/');
  const cluster = parseClusterName(suffix.slice(0, Math.max(slash, 0)));
  return cluster.ok && slash < suffix.length - 1
    ? { cluster: cluster.value, rest: suffix.slice(slash + 1) }
    : undefined;
}
