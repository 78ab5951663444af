// Ranges of addresses that meet: CM-CIDR-001, 002, 003 and 005. Every pair of clusters is compared, whether or not the local one
// is part of it, by one sorted sweep: prefixes are nested or disjoint, so whatever a prefix overlaps is on the stack of those
// around it. Addresses inside the ranges are not looked at here.

import type { ClusterName } from '../model/names.ts';
import { containsPrefix, intersection, type Prefix } from '../model/prefix.ts';
import type { Party, Severity } from './finding.ts';
import { pairFingerprint } from './finding.ts';
import { compareRanks, compareText } from './order.ts';
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

/** All conflicts, in an order that depends on the ranges alone. */
export function rangeConflicts(standings: ReadonlyMap<ClusterName, Standing>): readonly RangeConflict[] {
  const ranges = [...standings.values()].flatMap((standing) => standing.ranges);
  const conflicts: RangeConflict[] = [];
  forEachOverlap(ranges, (a, b) => {
    const conflict = judge(a, b, standings);
    if (conflict !== undefined) conflicts.push(conflict);
  });
  return conflicts.sort((a, b) => compareText(a.code, b.code) || compareText(a.fingerprint, b.fingerprint));
}

/** O(n log n) and the number of pairs that do overlap. */
function forEachOverlap(ranges: readonly ClusterRange[], visit: (a: ClusterRange, b: ClusterRange) => void): void {
  const sorted = [...ranges].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  const around: ClusterRange[] = [];
  for (const range of sorted) {
    for (let last = around.at(-1); last !== undefined; last = around.at(-1)) {
      if (containsPrefix(last.prefix, range.prefix)) break;
      around.pop();
    }
    for (const outer of around) visit(outer, range);
    around.push(range);
  }
}

/** By family, then first address, the wider one first: the order in which nesting is a stack. */
function comparePrefixes(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let at = 0; at < a.bytes.length; at += 1) {
    const difference = (a.bytes[at] ?? 0) - (b.bytes[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function judge(
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
function isNew(standing: Standing, range: ClusterRange, shared: Prefix): boolean {
  if (!range.declared || standing.admittedRanges === undefined) return false;
  return !standing.admittedRanges.some((known) => known.kind === range.kind && containsPrefix(known.prefix, shared));
}

/** Blocking while one of the two is only about to join; a plain peer is connected or not, it never joins. */
const overlapSeverity = (a: Standing, b: Standing): Severity =>
  !a.plain && !b.plain && (a.rank.joinedAt === undefined || b.rank.joinedAt === undefined) ? 'blocking' : 'error';
