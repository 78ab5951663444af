// A cluster as its administrator describes it, for tests of what it publishes.

import type { ClusterSettings } from '../../apiserver/publisher/settings.ts';
import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';

export const ownCluster = (more: Partial<ClusterSettings> = {}): ClusterSettings => ({
  name: 'west' as ClusterName,
  id: 3 as ClusterId,
  maxConnectedClusters: 255,
  podCIDRs: ['10.3.0.0/16'],
  serviceCIDRs: ['10.96.0.0/16'],
  nodeCIDRs: [],
  datapath: { mode: 'native', encryption: 'none' },
  defaultGlobalNamespace: true,
  versions: { software: '0.1.0', protocol: 1 },
  capabilities: [],
  announcesBundle: true,
  spkiPins: [],
  ...more,
});
