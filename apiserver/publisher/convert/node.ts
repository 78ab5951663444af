// A Node as Cilium publishes it. The first range of a family is the node's allocation range, the others are its secondary
// ones; what only a Cilium agent knows (health and ingress addresses, keys) stays empty.

import type { Prefix } from '../../../mesh/model/prefix.ts';
import { type NetworkValue, type NodeRecord, networkValue } from '../../../mesh/wire/node.ts';
import type { NodeObject } from '../../sources/objects.ts';
import type { ClusterSettings } from '../settings.ts';

/** What Cilium's own writer puts there; readers overwrite it. */
const SOURCE = 'custom-resource';

export function nodeRecord(cluster: Pick<ClusterSettings, 'name' | 'id'>, node: NodeObject): NodeRecord {
  const v4 = ranges(node.podCIDRs, 4);
  const v6 = ranges(node.podCIDRs, 6);
  return {
    Name: node.name,
    Cluster: cluster.name,
    IPAddresses: node.addresses.map(({ type, address }) => ({ Type: type, IP: address })),
    IPv4AllocCIDR: v4.first,
    IPv4SecondaryAllocCIDRs: v4.others,
    IPv6AllocCIDR: v6.first,
    IPv6SecondaryAllocCIDRs: v6.others,
    IPv4HealthIP: '',
    IPv6HealthIP: '',
    IPv4IngressIP: '',
    IPv6IngressIP: '',
    ClusterID: cluster.id,
    Source: SOURCE,
    EncryptionKey: 0,
    Labels: node.labels,
    Annotations: null,
    WireguardPubKey: '',
    BootID: node.bootId,
  };
}

function ranges(
  prefixes: readonly Prefix[],
  family: 4 | 6,
): { readonly first: NetworkValue | null; readonly others: readonly NetworkValue[] | null } {
  const [first, ...others] = prefixes.filter((prefix) => prefix.family === family).map(networkValue);
  return { first: first ?? null, others: others.length === 0 ? null : others };
}
