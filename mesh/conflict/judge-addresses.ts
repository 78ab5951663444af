// What is judged of an address, wherever a record uses it: whether its cluster may have it (CM-CIDR-006), whether it lies in a range
// that is withheld, and whether an earlier cluster claims it too (CM-CIDR-007).

import { isHostScoped } from '../model/host-scope.ts';
import type { ClusterName } from '../model/names.ts';
import { type Claim, type Claims, NO_CLAIMS, OWN_ENDPOINT } from './claim-list.ts';
import type { ClaimIndex } from './claims.ts';
import { type Party, pairFingerprint, soleFingerprint } from './finding.ts';
import type { Cause } from './holds.ts';
import { type JudgeContext, lostAgainst, type Pad, type Subject } from './judgement.ts';
import { namedKey, namedKind } from './pieces.ts';
import type { Hold, RecordState } from './record-state.ts';
import { type AddressUse, addressUses } from './record-value.ts';
import type { Standing } from './standing.ts';

/** CM-CIDR-006: one finding for the record, or the service, whatever number of its addresses lies outside. */
export function outside(
  { record, standing }: Subject,
  uses: readonly AddressUse[],
  context: JudgeContext,
  pad: Pad,
  withhold: (use: AddressUse) => Hold['part'],
): void {
  const strangers = uses.filter((use) => !isDeclared(use, standing, context.indexes.claims));
  if (strangers.length === 0) return;
  const code = 'CM-CIDR-006';
  const fingerprint = soleFingerprint(code, record.cluster, namedKey(record));
  pad.faults.push({
    code,
    fingerprint,
    subject: { cluster: record.cluster, kind: namedKind(record), key: namedKey(record), value: '' },
    evidence: { declared: standing.ranges.map(({ prefix }) => prefix.text) },
    addresses: strangers.map(({ text }) => text),
  });
  for (const use of strangers) pad.holds.push({ code, fingerprint, part: withhold(use), count: 1 });
}

/**
 * Where no node range is declared, the addresses of the cluster's own nodes are its own. A backend that every host has itself is no
 * cluster's, whatever it declares; nodes show such addresses of their own with good reason (Cilium's local router addresses).
 */
function isDeclared(use: AddressUse, standing: Standing, claims: ClaimIndex<RecordState>): boolean {
  if (use.role === 'backend' && isHostScoped(use.prefix)) return false;
  if (!standing.isBounded || standing.declared.covering(use.prefix).length > 0) return true;
  return !standing.declaresNodes && claims.hasNode(use.text, standing.name);
}

export function lostClaims(cluster: ClusterName, address: string, context: JudgeContext): readonly Cause[] {
  const claimants = context.indexes.claims.claimants(address);
  if (claimants.length < 2) return [];
  return lostAgainst(cluster, claimants, context).map((winner) => ({
    code: 'CM-CIDR-007',
    fingerprint: claimFingerprint(address, cluster, winner),
  }));
}

export function claimFingerprint(address: string, a: ClusterName, b: ClusterName): string {
  const party = (cluster: ClusterName): Party => ({ cluster, kind: 'address', key: '', value: address });
  return pairFingerprint('CM-CIDR-007', party(a), party(b));
}

/** The claims of a record's value; unsound ones stand behind everybody else's. */
export function claimsOf(record: RecordState, standing: Standing, context: JudgeContext): Claims {
  const { good } = record;
  if (good === undefined) return NO_CLAIMS;
  if (good.value.kind === 'services' || good.value.kind === 'slices') return { used: good.value.backends };
  const claims = new Map<string, Claim>();
  for (const use of addressUses(good.value)) {
    if (use.role === 'allocation' || use.role === 'backend') continue;
    const strength = use.role;
    const sound =
      good.problems.length === 0 &&
      !context.holds.forfeits(standing.name, use.prefix) &&
      (isDeclared(use, standing, context.indexes.claims) || (strength === 'node' && !standing.declaresNodes));
    if (record.kind === 'ip' && use.text === record.address) return OWN_ENDPOINT[sound ? 'sound' : 'unsound'];
    claims.set(use.text, { address: use.text, strength, sound });
  }
  const [first, second] = claims.values();
  return first !== undefined && second === undefined ? first : [...claims.values()];
}
