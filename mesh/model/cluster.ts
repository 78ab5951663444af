// A cluster as the mesh knows it: the card it publishes about itself (design: our additive key, one per cluster).

import type { MaxConnectedClusters } from './names.ts';

export type DatapathMode = 'tunnel' | 'native';
export type Encryption = 'none' | 'wireguard' | 'ipsec';

/** Everything a cluster declares about itself. Unvalidated texts: rules parse and report them (CM-REC-001). */
export interface ClusterCard {
  readonly schema: 'clustermesh/v1';
  readonly name: string;
  readonly id: number;
  /** Set once when the cluster is created; a changed one under a known name means it was rebuilt (CM-ID-004). */
  readonly uid: string;
  /** RFC 3339 UTC; null before the first join. */
  readonly joinedAt: string | null;
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly nodeCIDRs: readonly string[];
  readonly maxConnectedClusters: MaxConnectedClusters;
  readonly datapath: {
    readonly mode: DatapathMode;
    readonly tunnelProtocol?: string;
    readonly tunnelPort?: number;
    readonly encryption: Encryption;
  };
  readonly versions: { readonly software: string; readonly protocol: number };
  readonly capabilities: readonly string[];
  /** `bundle`: it announces its authorities as a bundle too (wire/trust-bundle.ts), so that they can be replaced. */
  readonly trust: { readonly spkiPins: readonly string[]; readonly bundle?: boolean };
  /** RFC 3339 UTC: the cluster's clock when it wrote the card. */
  readonly time: string;
}
