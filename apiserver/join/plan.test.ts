// Given a cluster that has joined nobody and changed its ranges, when a join with one whose ranges they meet is planned, then both
// sides find the same, and it stops the join.

import { expect, test } from 'vitest';
import { type ClusterFacts, readCard } from '../../mesh/conflict/facts.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { encodeText } from '../../mesh/wire/json.ts';
import { sampleCard } from '../../test/samples/mesh.ts';
import { planJoin } from './plan.ts';

test('a range that is new to its own side is one like all others to the join', () => {
  const before = sampleCard({ name: 'west', id: 1, card: { joinedAt: null, podCIDRs: ['10.1.0.0/16'] } });
  const west = { ...before, podCIDRs: ['10.1.0.0/16', '10.2.0.0/17'] };
  const east = sampleCard({ name: 'east', id: 2, card: { joinedAt: null, podCIDRs: ['10.2.0.0/16'] } });
  const plan = (own: ClusterCard, other: ClusterCard, admitted: ClusterCard) => {
    const local = own.name as ClusterName;
    const facts: ClusterFacts = {
      ...{ name: local, records: new Map(), admitted },
      card: readCard(encodeText(JSON.stringify(own))),
    };
    return planJoin({
      local,
      own: new Map([[local, facts]]),
      other: { name: other.name as ClusterName, card: JSON.stringify(other), members: [], clockOffsetMs: 0 },
      now: Date.parse('2026-02-01T00:00:00Z'),
    });
  };
  const [here, there] = [plan(west, east, before), plan(east, west, east)];
  expect(here.blocking.map(({ code, subject, other }) => [code, subject.value, other?.value])).toEqual([
    ['CM-CIDR-001', '10.2.0.0/17', '10.2.0.0/16'],
  ]);
  expect(here.findings.map(({ fingerprint }) => fingerprint)).toEqual(
    there.findings.map(({ fingerprint }) => fingerprint),
  );
});
