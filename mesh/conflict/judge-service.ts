// The verdict on a global service, whole or piece by piece: which of its backends and ports are withheld. The rest of it is
// admitted, also when no backend is left, because its ports and labels are still true.

import { type Party, pairFingerprint } from './finding.ts';
import type { Cause } from './holds.ts';
import { lostClaims, outside } from './judge-addresses.ts';
import { better, type Judge, type JudgeContext, type Pad, type Subject } from './judgement.ts';
import { compareRanks } from './order.ts';
import { namedKey } from './pieces.ts';
import { withoutBackends } from './record-parts.ts';
import { type AddressUse, addressUses, backendsOf } from './record-value.ts';
import { serviceConflict, serviceFingerprint } from './service.ts';

export const judgeService: Judge = (subject, context, pad) => {
  const { record, good } = subject;
  const uses = addressUses(good.value);
  const dropped = new Set<string>();
  const drop = (address: string, cause: Cause) => {
    dropped.add(address);
    pad.holds.push({ code: cause.code, fingerprint: cause.fingerprint, part: 'backends', count: 1 });
  };
  for (const use of uses) {
    for (const hold of context.holds.withheldAt(record.cluster, use.prefix)) drop(use.text, hold);
    for (const cause of lostClaims(record.cluster, use.text, context)) drop(use.text, cause);
  }
  foreignAddresses(subject, uses, context, pad, drop);
  outside(subject, uses, context, pad, (use) => {
    dropped.add(use.text);
    return 'backends';
  });
  const { names, backends } = withheldPorts(subject, context, pad);
  if (backends) for (const { text } of uses) dropped.add(text);
  return dropped.size === 0 && names.size === 0 ? good.bytes : withoutBackends(good, dropped, names);
};

/** CM-CIDR-007 of a backend: it uses what an earlier cluster has as its own endpoint or node. */
function foreignAddresses(
  { record, standing: own }: Subject,
  uses: readonly AddressUse[],
  context: JudgeContext,
  pad: Pad,
  drop: (address: string, cause: Cause) => void,
): void {
  for (const { text } of uses) {
    const claimants = context.indexes.claims.claimants(text);
    if (claimants.some(({ cluster }) => cluster === record.cluster)) continue;
    for (const { cluster, sound } of claimants) {
      const owner = context.standings.get(cluster);
      if (!sound || owner === undefined || compareRanks(owner.rank, own.rank) > 0) continue;
      const code = 'CM-CIDR-007';
      const subject: Party = { cluster: record.cluster, kind: 'backend', key: namedKey(record), value: text };
      const other: Party = { cluster, kind: 'address', key: '', value: text };
      const cause = { code, fingerprint: pairFingerprint(code, subject, other) };
      pad.faults.push({ ...cause, subject, other, winner: cluster, evidence: { address: text } });
      drop(text, cause);
    }
  }
}

interface WithheldPorts {
  /** Names of ports. */
  readonly names: ReadonlySet<string>;
  /** All backends, whatever the port. */
  readonly backends: boolean;
}

const NO_PORTS: WithheldPorts = { names: new Set(), backends: false };

/** A service may disagree with one cluster on its ports and with another one on whether it has any. */
function withheldPorts(
  { record, good }: Subject,
  { indexes, standings, holds, local }: JudgeContext,
  pad: Pad,
): WithheldPorts {
  const { value } = good;
  if (value.kind !== 'services' && value.kind !== 'heads' && value.kind !== 'slices') return NO_PORTS;
  const { key } = value;
  if (!indexes.services.disagrees(key)) return NO_PORTS;
  const constituents = indexes.services.constituents(key);
  const own = constituents.find(({ cluster }) => cluster === record.cluster);
  if (own === undefined) return NO_PORTS;
  const names = new Set<string>();
  let backends = false;
  for (const other of constituents) {
    if (other === own) continue;
    const conflict = serviceConflict(own.shape, other.shape);
    if (conflict === undefined) continue;
    const winner = better(
      { cluster: own.cluster, sound: !holds.forfeitsAll(own.cluster) },
      { cluster: other.cluster, sound: !holds.forfeitsAll(other.cluster) },
      standings,
    );
    // Nobody withholds its own: the local cluster keeps its port, also where it is the later one.
    if (winner === own.cluster && other.cluster !== local) continue;
    const cause = {
      code: conflict.code,
      fingerprint: serviceFingerprint(conflict.code, key, own.cluster, other.cluster),
    };
    if (conflict.code === 'CM-SVC-002') {
      backends = true;
      pad.holds.push({ ...cause, part: 'backends', count: backendsOf(value).length });
    } else {
      for (const name of conflict.ofA) names.add(name);
      // They are the service's, and counted once.
      pad.holds.push({ ...cause, part: 'ports', count: value.kind === 'slices' ? 0 : conflict.ofA.size });
    }
  }
  return { names, backends };
}
