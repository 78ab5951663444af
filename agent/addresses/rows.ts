// The row of an address: what the ipcache is to say of its owner, and what a row that was read says.

import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import type { PeerAddress } from '../../mesh/model/peer-address.ts';
import { addressValue } from '../maps/address-row.ts';

/** In a peer's records its own nodes are `host`; to us they are `remote-node`. */
const HOST_IDENTITY = 1;
const REMOTE_NODE_IDENTITY = 6;
/** Of a cluster that the snapshot does not name. */
const NO_CLUSTER = 0;

export const identityHere = (identity: number): number =>
  identity === HOST_IDENTITY ? REMOTE_NODE_IDENTITY : identity;

export function rowValue(owner: PeerAddress, clusters: ReadonlyMap<ClusterName, ClusterId>): Uint8Array {
  return addressValue({
    identity: identityHere(owner.identity),
    clusterId: clusters.get(owner.cluster) ?? NO_CLUSTER,
    node: owner.host,
    keyIndex: owner.keyIndex,
  });
}
