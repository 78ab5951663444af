// Numeric security identities: 24 bits, cluster id above, cluster-local number below. A mesh of at most 255 clusters has
// 16 local bits, one of at most 511 has 15. Source: Cilium v1.20 pkg/identity/numericidentity.go.

import type { ClusterId, MaxConnectedClusters, NumericIdentity } from './names.ts';

const IDENTITY_BITS = 24;
/** Identities below this are reserved and mean the same in every cluster. */
export const RESERVED_IDENTITY_END = 256;
/** The label that every identity of a mesh carries: the name of the cluster it belongs to. */
export const POLICY_CLUSTER_LABEL = 'k8s:io.cilium.k8s.policy.cluster';
export const POD_NAMESPACE_LABEL = 'k8s:io.kubernetes.pod.namespace';

export interface IdentityRange {
  /** Inclusive. */
  readonly min: NumericIdentity;
  /** Inclusive. */
  readonly max: NumericIdentity;
}

export const localIdentityBits = (max: MaxConnectedClusters): number => IDENTITY_BITS - Math.log2(max + 1);

/** The numbers that the cluster may publish: [id << bits, ((id + 1) << bits) - 1]. */
export function identityRange(id: ClusterId, max: MaxConnectedClusters): IdentityRange {
  const bits = localIdentityBits(max);
  return { min: (id << bits) as NumericIdentity, max: (((id + 1) << bits) - 1) as NumericIdentity };
}

export const inRange = (range: IdentityRange, identity: number): boolean =>
  identity >= range.min && identity <= range.max;

/** Reserved identities that a peer may assert for its addresses; `host` (1) of a peer is read as `remote-node` (6). */
export const PEER_RESERVED_IDENTITIES: ReadonlySet<number> = new Set([1, 4, 6, 7, 8]);

/** Labels as `source:key=value`, sorted in byte order: the form whose text identifies a label set. */
export type LabelSet = readonly string[];
