// What could be compared of how clusters export their services, and what could not: a cluster that does not say it is not compared,
// and what is not compared has not passed.

import type { ClusterName } from '../model/names.ts';
import { publishesSpecs } from '../wire/card.ts';
import type { ClusterState } from './cluster-state.ts';
import type { RecordIndexes } from './record-indexes.ts';
import { SPEC_RULES } from './spec.ts';

export interface SpecGaps {
  /** Two clusters at least say of one service what is compared. */
  readonly compared: boolean;
  /** Clusters that share services with others and do not say it of all of them, because they never do, or as it may be left out. */
  readonly silent: readonly ClusterName[];
  /** Clusters that publish how they export services, but not of every service that they share with others. */
  readonly missing: readonly ClusterName[];
}

/** By code. */
export function specGaps(
  { services, specs }: RecordIndexes,
  clusters: ReadonlyMap<ClusterName, ClusterState>,
): ReadonlyMap<string, SpecGaps> {
  const without = new Set<ClusterName>();
  const unsaid = new Map(SPEC_RULES.map(({ code }) => [code, new Set<ClusterName>()]));
  for (const [key, constituents] of services.several()) {
    for (const { cluster } of constituents) {
      const traits = specs.of(key, cluster);
      if (traits === undefined) without.add(cluster);
      else if (!traits.whole)
        for (const { code, property } of SPEC_RULES) if (traits[property] === undefined) unsaid.get(code)?.add(cluster);
    }
  }
  const promises = (name: ClusterName) => publishesSpecs(clusters.get(name)?.standing.card);
  const never = [...without].filter((name) => !promises(name));
  const missing = [...without].filter(promises).sort();
  return new Map(
    SPEC_RULES.map(({ code, property }) => {
      const compared = specs.compares((traits) => traits[property]);
      return [code, { compared, silent: [...new Set([...never, ...(unsaid.get(code) ?? [])])].sort(), missing }];
    }),
  );
}
