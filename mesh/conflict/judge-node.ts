// The verdict on a node: its addresses, those of its own endpoints, and the ranges that it allocates from. What is withheld of it is taken out; a node without
// any internal address is withheld whole.

import type { Cause } from './holds.ts';
import { lostClaims, outside } from './judge-addresses.ts';
import type { Judge } from './judgement.ts';
import { withoutAddresses } from './record-parts.ts';
import type { Hold } from './record-state.ts';
import { addressUses } from './record-value.ts';

export const judgeNode: Judge = (subject, context, pad) => {
  const { record, good } = subject;
  const uses = addressUses(good.value);
  // A node may be anywhere; its pods may not.
  outside(
    subject,
    uses.filter(({ role }) => role !== 'node'),
    context,
    pad,
    () => 'record',
  );
  const dropped = new Set<string>();
  const causes: Cause[] = [];
  for (const use of uses) {
    const found: readonly Cause[] = [
      ...context.holds.withheldAt(record.cluster, use.prefix).filter(({ backendsOnly }) => !backendsOnly),
      ...(use.role !== 'allocation' ? lostClaims(record.cluster, use.text, context) : []),
    ];
    if (found.length > 0) dropped.add(use.text);
    causes.push(...found);
  }
  if (dropped.size === 0) return good.bytes;
  const rest = withoutAddresses(good.bytes, dropped);
  // A node that no address of its own is left of is not a node any more.
  const part = rest === undefined ? 'record' : 'addresses';
  pad.holds.push(...causes.map(({ code, fingerprint }): Hold => ({ code, fingerprint, part, count: 1 })));
  return rest;
};
