// Two ranges of addresses that meet: CM-CIDR-001, 002, 003 and 005. What kind of meeting it is, which of the two loses, and under
// which name it is told; which ranges meet is found by range-conflicts.ts, and single addresses are not looked at here.

import type { ClusterName } from '../model/names.ts';
import { intersection, type Prefix } from '../model/prefix.ts';
import { type Party, pairFingerprint, type Severity } from './finding.ts';
import { compareRanks } from './order.ts';
import type { ClusterRange, RangeKind } from './ranges.ts';
import type { Standing } from './standing.ts';

export interface RangeConflict {
  readonly code: 'CM-CIDR-001' | 'CM-CIDR-002' | 'CM-CIDR-003' | 'CM-CIDR-005';
  /** Which kind of meeting it is, also where it is reported as 005. */
  readonly meeting: 'CM-CIDR-001' | 'CM-CIDR-002' | 'CM-CIDR-003';
  readonly severity: Severity;
  readonly loser: ClusterRange;
  readonly winner: ClusterRange;
  readonly intersection: Prefix;
  readonly fingerprint: string;
}

export const rangeParty = (range: ClusterRange): Party => ({
  cluster: range.cluster,
  kind: `${range.kind}-cidr`,
  key: range.key,
  value: range.prefix.text,
});

/** Undefined where the two may lie as they do. */
export function rangeConflict(
  a: ClusterRange,
  b: ClusterRange,
  standings: ReadonlyMap<ClusterName, Standing>,
): RangeConflict | undefined {
  const meeting = a.cluster === b.cluster ? undefined : meetingOf(a.kind, b.kind);
  const shared = meeting === undefined ? undefined : intersection(a.prefix, b.prefix);
  const [ofA, ofB] = [standings.get(a.cluster), standings.get(b.cluster)];
  if (meeting === undefined || shared === undefined || ofA === undefined || ofB === undefined) return undefined;

  // A range that its cluster did not have when it was admitted is a newcomer, whoever its cluster is.
  const [newA, newB] = [isNew(ofA, a, shared), isNew(ofB, b, shared)];
  const aWins = newA === newB ? compareRanks(ofA.rank, ofB.rank) < 0 : newB;
  const [winner, loser] = aWins ? [a, b] : [b, a];
  const code = newA || newB ? 'CM-CIDR-005' : meeting;
  return {
    code,
    meeting,
    severity: code === 'CM-CIDR-005' ? 'error' : overlapSeverity(ofA, ofB),
    loser,
    winner,
    intersection: shared,
    fingerprint: pairFingerprint(code, rangeParty(a), rangeParty(b)),
  };
}

/** Service against service and node against node are no conflict: both are local in scope, or may be one subnet. */
function meetingOf(a: RangeKind, b: RangeKind): RangeConflict['meeting'] | undefined {
  if (a === 'pod' && b === 'pod') return 'CM-CIDR-001';
  if (a === b) return undefined;
  return a === 'node' || b === 'node' ? 'CM-CIDR-003' : 'CM-CIDR-002';
}

/** Judged by the part that meets: a range that grew is new only where it grew. */
function isNew({ admittedRanges }: Standing, { kind, declared, grown }: ClusterRange, shared: Prefix): boolean {
  if (!declared || !grown || admittedRanges === undefined) return false;
  return !admittedRanges.covering(shared).includes(kind);
}

/** Blocking while one of the two is only about to join; a plain peer is connected or not, it never joins. */
const overlapSeverity = (a: Standing, b: Standing): Severity =>
  !a.plain && !b.plain && (a.rank.joinedAt === undefined || b.rank.joinedAt === undefined) ? 'blocking' : 'error';
