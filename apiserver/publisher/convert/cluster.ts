// What the own cluster says about itself: Cilium's cluster-config, and the card with everything that has no place there.

import type { ClusterCard } from '../../../mesh/model/cluster.ts';
import type { ClusterConfigRecord } from '../../../mesh/wire/cluster-config.ts';
import { formatTime } from '../../../mesh/wire/time.ts';
import type { ClusterSettings } from '../settings.ts';

export function clusterConfig({ id, maxConnectedClusters }: ClusterSettings): ClusterConfigRecord {
  return { id, capabilities: { syncedCanaries: true, maxConnectedClusters, serviceExportsEnabled: false } };
}

export interface ClusterOrigin {
  readonly uid: string;
  /** RFC 3339 UTC; absent before the first join. */
  readonly joinedAt: string | undefined;
}

export function clusterCard(settings: ClusterSettings, origin: ClusterOrigin, nowMs: number): ClusterCard {
  return {
    schema: 'clustermesh/v1',
    name: settings.name,
    id: settings.id,
    uid: origin.uid,
    joinedAt: origin.joinedAt ?? null,
    podCIDRs: settings.podCIDRs,
    serviceCIDRs: settings.serviceCIDRs,
    nodeCIDRs: settings.nodeCIDRs,
    maxConnectedClusters: settings.maxConnectedClusters,
    datapath: settings.datapath,
    versions: settings.versions,
    capabilities: settings.capabilities,
    trust: { spkiPins: settings.spkiPins, ...(settings.announcesBundle ? { bundle: true } : {}) },
    time: formatTime(nowMs),
  };
}
