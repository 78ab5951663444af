// The clusters of the demo: three that fit together, and one whose pods' range lies inside central's. What does not conflict of
// the fourth is its second range, so that it shows that only the conflicting part is withheld.

import type { ClusterSpec } from '../lab/topology.ts';

const cluster = (name: string, id: number, podCIDRs: readonly string[]): ClusterSpec => ({
  name,
  id,
  podCIDRs,
  serviceCIDRs: [`172.20.${id}.0/24`],
  nodeCIDR: `192.168.${id}.0/24`,
  nodes: [`${name}-1`, `${name}-2`],
});

export const MESH_CLUSTERS: readonly ClusterSpec[] = [
  cluster('west', 1, ['10.1.0.0/16']),
  cluster('central', 2, ['10.2.0.0/16']),
  cluster('east', 3, ['10.3.0.0/16']),
];

export const ROGUE = cluster('rogue', 4, ['10.2.128.0/17', '10.4.0.0/16']);

export const SERVICE = { namespace: 'demo', name: 'echo', port: 80 } as const;
