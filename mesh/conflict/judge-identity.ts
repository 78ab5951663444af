// The verdict on an identity that several clusters publish (CM-IDENT-003). What is wrong with one by itself is found by the
// validator of its format.

import { inRange } from '../model/identity.ts';
import type { ClusterName } from '../model/names.ts';
import { type Party, pairFingerprint } from './finding.ts';
import { type Judge, type JudgeContext, lostAgainst, whole } from './judgement.ts';
import { identityOf } from './record-value.ts';

/** The cluster in whose range the number lies is right, else the earlier one. */
export const judgeIdentity: Judge = ({ record, good }, context, pad) => {
  const identity = identityOf(good.value);
  const publishers = identity === undefined ? [] : context.indexes.publishers(identity);
  if (identity === undefined || publishers.length < 2) return good.bytes;
  const claimants = publishers.map(({ cluster }) => ({ cluster, sound: isSoundIdentity(cluster, identity, context) }));
  for (const winner of lostAgainst(record.cluster, claimants, context)) {
    pad.holds.push(
      whole({ code: 'CM-IDENT-003', fingerprint: collisionFingerprint(identity, record.cluster, winner) }),
    );
  }
  return good.bytes;
};

export function isSoundIdentity(cluster: ClusterName, identity: number, { standings, holds }: JudgeContext): boolean {
  const range = standings.get(cluster)?.identities;
  return range !== undefined && inRange(range, identity) && !holds.forfeitsAll(cluster);
}

export function collisionFingerprint(identity: number, a: ClusterName, b: ClusterName): string {
  const party = (cluster: ClusterName): Party => ({ cluster, kind: 'identity', key: '', value: String(identity) });
  return pairFingerprint('CM-IDENT-003', party(a), party(b));
}
