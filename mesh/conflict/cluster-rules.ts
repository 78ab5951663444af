// All rules about clusters but for their ranges, run together: they read standings and fill one book of holds. Cheap enough to run
// whole whenever a standing changes, so there is no incremental bookkeeping and no order to get wrong.

import type { ClusterName } from '../model/names.ts';
import { CARDS_PREFIX } from '../wire/card.ts';
import { clusterIdRules } from './cluster-id.ts';
import { datapathRule, skewRules } from './config.ts';
import { Drafts } from './drafts.ts';
import { soleFingerprint } from './finding.ts';
import { HoldBook, type RangeHolds } from './holds.ts';
import { compareText } from './order.ts';
import type { ClusterRange } from './ranges.ts';
import type { Standing } from './standing.ts';

export interface ClusterRuling {
  readonly holds: HoldBook;
  /** What holds nothing back is looked for when somebody first asks: while a mesh of hundreds of clusters joins, nobody does. */
  readonly drafts: Drafts;
}

export interface ClusterRulesDeps {
  readonly standings: ReadonlyMap<ClusterName, Standing>;
  readonly local: ClusterName | undefined;
  readonly rangeHolds: RangeHolds;
  /** Where the cluster's pods are, declared or seen. */
  readonly podRanges: (cluster: ClusterName) => readonly ClusterRange[];
}

export function clusterRules({ standings, local, rangeHolds, podRanges }: ClusterRulesDeps): ClusterRuling {
  const holds = new HoldBook(local, rangeHolds);
  const drafts = new Drafts();
  const sorted = [...standings.values()].sort((a, b) => compareText(a.name, b.name));
  const input = { standings: sorted, local, drafts, holds, podRanges };
  clusterIdRules(input);
  datapathRule(input);
  let isWhole = false;
  return {
    holds,
    get drafts() {
      if (!isWhole) {
        skewRules(input);
        for (const standing of sorted) fieldDrafts(standing, drafts);
        isWhole = true;
      }
      return drafts;
    },
  };
}

/** CM-REC-001 of a card or cluster-config: one for each field or range. */
function fieldDrafts({ name, problems }: Standing, drafts: Drafts): void {
  const code = 'CM-REC-001';
  for (const { key, field, value, severity, reason } of problems) {
    drafts.add(code, name, () => ({
      code,
      severity,
      subject: { cluster: name, kind: key.startsWith(CARDS_PREFIX) ? 'card' : 'record', key, value },
      other: 'local',
      evidence: { field, reason },
      winner: null,
      fingerprint: soleFingerprint(code, name, key, field, value),
    }));
  }
}
