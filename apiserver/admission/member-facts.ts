// What is known of every cluster, for a judgement beside the one that is kept current: what a join would bring. Declarations, and of plain
// Cilium clusters the nodes, which are all that they declare; not the records, which are many and do not decide whether
// clusters fit together.

import type { ClusterState } from '../../mesh/conflict/cluster-state.ts';
import type { ClusterFacts } from '../../mesh/conflict/facts.ts';
import type { ClusterName } from '../../mesh/model/names.ts';

export function memberFacts(clusters: ReadonlyMap<ClusterName, ClusterState>): ReadonlyMap<ClusterName, ClusterFacts> {
  return new Map([...clusters].map(([name, cluster]) => [name, factsOf(name, cluster)]));
}

function factsOf(name: ClusterName, { declarations, standing, records }: ClusterState): ClusterFacts {
  const { card, config, admitted } = declarations;
  const nodes = new Map<string, Uint8Array>();
  if (standing.plain) {
    for (const { kind, key, raw } of records.values()) if (kind === 'nodes' && raw !== undefined) nodes.set(key, raw);
  }
  return {
    name,
    ...(card === undefined ? {} : { card }),
    ...(config === undefined ? {} : { config }),
    ...(admitted === undefined ? {} : { admitted }),
    records: nodes,
  };
}
