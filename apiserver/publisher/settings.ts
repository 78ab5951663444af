// What the administrator says about the own cluster: the part of the configuration that is published.

import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { ClusterId, ClusterName, MaxConnectedClusters } from '../../mesh/model/names.ts';

export interface ClusterSettings {
  readonly name: ClusterName;
  readonly id: ClusterId;
  readonly maxConnectedClusters: MaxConnectedClusters;
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly nodeCIDRs: readonly string[];
  readonly datapath: ClusterCard['datapath'];
  /** Whether namespaces without `clustermesh.cilium.io/global` take part. */
  readonly defaultGlobalNamespace: boolean;
  readonly versions: ClusterCard['versions'];
  readonly capabilities: readonly string[];
  /** Peers may watch the bundle of its authorities. */
  readonly announcesBundle: boolean;
  /** `sha256/BASE64` of the SPKI of each CA of this cluster, as of the moment of asking: authorities are rotated. */
  readonly spkiPins: readonly string[];
}
