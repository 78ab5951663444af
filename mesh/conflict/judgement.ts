// What the judges of single records share: what they are told, what they write, and who of several claimants is right.

import type { ClusterName } from '../model/names.ts';
import type { Claimant } from './claims.ts';
import type { Cause, HoldBook } from './holds.ts';
import { compareRanks } from './order.ts';
import type { RecordIndexes } from './record-indexes.ts';
import type { Fault, GoodValue, Hold, RecordState } from './record-state.ts';
import type { Standing } from './standing.ts';

export interface JudgeContext {
  readonly local: ClusterName | undefined;
  readonly standings: ReadonlyMap<ClusterName, Standing>;
  readonly holds: HoldBook;
  readonly indexes: RecordIndexes;
}

export interface Judgement {
  readonly faults: readonly Fault[];
  readonly holds: readonly Hold[];
  readonly admitted: Uint8Array | undefined;
}

/** Collects while one record is judged. */
export interface Pad {
  readonly faults: Fault[];
  readonly holds: Hold[];
}

/** Judges a value: writes faults and holds on the pad, and returns what of it may be admitted if nothing holds it whole. */
export type Judge = (subject: Subject, context: JudgeContext, pad: Pad) => Uint8Array | undefined;

export interface Subject {
  readonly record: RecordState;
  readonly good: GoodValue;
  readonly standing: Standing;
}

export const whole = ({ code, fingerprint }: Cause): Hold => ({ code, fingerprint, part: 'record', count: 1 });

/** Against whom the cluster's claim is withheld here; none for the one whose claim stands. */
export function lostAgainst(
  cluster: ClusterName,
  claimants: readonly Claimant[],
  { standings, local }: JudgeContext,
): readonly ClusterName[] {
  const own = claimants.find((claimant) => claimant.cluster === cluster);
  if (own === undefined || cluster === local) return [];
  return claimants
    .filter((other) => other !== own && (other.cluster === local || better(own, other, standings) === other.cluster))
    .map((other) => other.cluster);
}

/** The better of two claims: a sound one, else that of the cluster that comes first. */
export function better(a: Claimant, b: Claimant, standings: ReadonlyMap<ClusterName, Standing>): ClusterName {
  if (a.sound !== b.sound) return a.sound ? a.cluster : b.cluster;
  const rank = (cluster: ClusterName) => standings.get(cluster)?.rank ?? { joinedAt: undefined, name: cluster };
  return compareRanks(rank(a.cluster), rank(b.cluster)) < 0 ? a.cluster : b.cluster;
}
