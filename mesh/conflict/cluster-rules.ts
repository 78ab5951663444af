// All rules about clusters, run together: they read standings and fill one book of holds. Cheap enough to run whole
// whenever a standing changes, so there is no incremental bookkeeping and no order to get wrong.

import type { ClusterName } from '../model/names.ts';
import { CARDS_PREFIX } from '../wire/card.ts';
import { type RangeConflict, rangeConflicts } from './cidr.ts';
import { clusterIdRules } from './cluster-id.ts';
import { configRules } from './config.ts';
import { Drafts } from './drafts.ts';
import { soleFingerprint } from './finding.ts';
import { HoldBook } from './holds.ts';
import { compareText } from './order.ts';
import type { Standing } from './standing.ts';

export interface ClusterRuling {
  readonly holds: HoldBook;
  readonly drafts: Drafts;
  readonly conflicts: readonly RangeConflict[];
}

export function clusterRules(
  standings: ReadonlyMap<ClusterName, Standing>,
  local: ClusterName | undefined,
): ClusterRuling {
  const holds = new HoldBook(local);
  const drafts = new Drafts();
  const sorted = [...standings.values()].sort((a, b) => compareText(a.name, b.name));
  const input = { standings: sorted, local, drafts, holds };
  clusterIdRules(input);
  configRules(input);
  for (const standing of sorted) fieldDrafts(standing, drafts);
  const conflicts = rangeConflicts(standings);
  for (const { code, meeting, loser, winner, intersection, fingerprint } of conflicts) {
    const backendsOnly = meeting === 'CM-CIDR-002';
    holds.loseRange(loser.cluster, winner.cluster, intersection, { code, fingerprint, backendsOnly });
  }
  return { holds, drafts, conflicts };
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
