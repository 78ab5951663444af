// The verdict on an endpoint (an address with an identity): CM-IDENT-004, and everything that is said of its address and of
// its identity.

import { inRange } from '../model/identity.ts';
import { identityKey } from '../wire/identity.ts';
import { soleFingerprint } from './finding.ts';
import { lostClaims, outside } from './judge-addresses.ts';
import { type Judge, type Pad, whole } from './judgement.ts';
import { withIdentity } from './record-parts.ts';
import type { RecordState } from './record-state.ts';
import { addressUses, identityOf } from './record-value.ts';

export const judgeEndpoint: Judge = (subject, context, pad) => {
  const { record, good, standing } = subject;
  const [use] = addressUses(good.value);
  if (use !== undefined) {
    for (const hold of context.holds.withheldAt(record.cluster, use.prefix))
      if (!hold.backendsOnly) pad.holds.push(whole(hold));
    outside(subject, [use], context, pad, () => 'record');
    for (const cause of lostClaims(record.cluster, use.text, context)) pad.holds.push(whole(cause));
  }
  const identity = identityOf(good.value);
  if (identity === undefined || standing.identities === undefined) return good.bytes;
  // What a peer calls its own host is, from here, a remote node.
  if (identity === HOST_IDENTITY) return withIdentity(good.bytes, REMOTE_NODE_IDENTITY);
  if (!inRange(standing.identities, identity)) return good.bytes;
  const published = context.indexes.publisher(identity, record.cluster);
  if (published === undefined) {
    unpublished(record, identity, pad);
    return withIdentity(good.bytes, UNKNOWN_IDENTITY);
  }
  for (const hold of published.holds) if (hold.code.startsWith('CM-IDENT-')) pad.holds.push(whole(hold));
  return good.bytes;
};

const UNKNOWN_IDENTITY = 0;
const HOST_IDENTITY = 1;
const REMOTE_NODE_IDENTITY = 6;

function unpublished(record: RecordState, identity: number, pad: Pad): void {
  const code = 'CM-IDENT-004';
  pad.faults.push({
    code,
    fingerprint: soleFingerprint(code, record.cluster, String(identity)),
    subject: { cluster: record.cluster, kind: 'identity', key: identityKey(identity), value: String(identity) },
    evidence: { identity },
  });
}
