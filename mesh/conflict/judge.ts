// The verdict on one record: what is wrong with it in everybody's eyes (faults), what of it is withheld here (holds), and the
// bytes that are admitted. A function of the record and of what the evaluation knows around it; it changes nothing.

import { soleFingerprint } from './finding.ts';
import { judgeEndpoint } from './judge-endpoint.ts';
import { judgeIdentity } from './judge-identity.ts';
import { judgeNode } from './judge-node.ts';
import { judgeService } from './judge-service.ts';
import { type Judge, type JudgeContext, type Judgement, type Pad, whole } from './judgement.ts';
import type { GoodValue, Hold, RecordState } from './record-state.ts';
import { identityOf, type RecordValue } from './record-value.ts';
import type { Standing } from './standing.ts';

const JUDGES: Readonly<Record<RecordValue['kind'], Judge>> = {
  ip: judgeEndpoint,
  identities: judgeIdentity,
  nodes: judgeNode,
  services: judgeService,
  heads: judgeService,
  slices: judgeService,
  // How a service is exported is compared (spec.ts) and never a reason to withhold anything.
  specs: ({ good }) => good.bytes,
};

export function judge(record: RecordState, standing: Standing, context: JudgeContext): Judgement {
  const pad: Pad = { faults: [], holds: [] };
  const { good } = record;
  rejectedFault(record, pad);
  // Without a valid id nothing of a cluster can be told from another's: it waits, or is held back whole below.
  const waits = standing.id === undefined;
  for (const cause of context.holds.wholeOf(record.cluster)) pad.holds.push(whole(cause));
  let admitted: Uint8Array | undefined;
  if (good !== undefined) {
    problemFaults(record, good, standing, pad);
    admitted = JUDGES[good.value.kind]({ record, good, standing }, context, pad);
  }
  if (record.cluster === context.local) return { faults: pad.faults, holds: [], admitted: good?.bytes };
  // A rejected value is withheld, which does not touch the good one that stays.
  const held = pad.holds.some(({ part, code }) => part === 'record' && code !== 'CM-REC-001');
  return { faults: pad.faults, holds: merged(pad.holds), admitted: held || waits ? undefined : admitted };
}

function rejectedFault(record: RecordState, pad: Pad): void {
  const [first] = record.rejected;
  if (first === undefined) return;
  const code = 'CM-REC-001';
  const fingerprint = soleFingerprint(code, record.cluster, record.key);
  pad.faults.push({
    code,
    fingerprint,
    subject: { cluster: record.cluster, kind: record.kind, key: record.key, value: '' },
    evidence: {
      problems: record.rejected.map(({ field, reason }) => ({ field, reason })),
      previous_value_kept: record.good !== undefined,
    },
  });
  pad.holds.push(whole({ code, fingerprint }));
}

/** What the validator of the record's kind found: identities out of range, reserved ones, labels of another cluster. */
function problemFaults(record: RecordState, good: GoodValue, standing: Standing, pad: Pad): void {
  for (const problem of good.problems) {
    const identity = identityOf(good.value);
    const what = identity === undefined ? record.key : String(identity);
    const fingerprint = soleFingerprint(problem.code, record.cluster, what);
    const { identities } = standing;
    pad.faults.push({
      code: problem.code,
      fingerprint,
      subject: { cluster: record.cluster, kind: 'identity', key: record.key, value: what },
      evidence: {
        field: problem.field,
        reason: problem.reason,
        ...(identities === undefined ? {} : { range: `${identities.min} to ${identities.max}` }),
      },
    });
    pad.holds.push(whole({ code: problem.code, fingerprint }));
  }
}

/** One hold per cause and part, with the sum of what it takes. */
function merged(holds: readonly Hold[]): readonly Hold[] {
  if (holds.length < 2) return holds;
  const byCause = new Map<string, Hold>();
  for (const hold of holds) {
    const name = `${hold.fingerprint} ${hold.part}`;
    const known = byCause.get(name);
    if (known === undefined) byCause.set(name, hold);
    else if (hold.part !== 'record') byCause.set(name, { ...known, count: known.count + hold.count });
  }
  return [...byCause.values()];
}
