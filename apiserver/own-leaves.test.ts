// Whoever follows the report is told of what somebody else has noticed first: that a leaf is late, and that it was renewed.

import { expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { createAuthority } from '../pki/authority.ts';
import { issue } from '../pki/issue.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { OwnLeaves } from './own-leaves.ts';

const HOUR_MS = 3_600_000;

test('a change that one reader has noticed is told to all', async () => {
  const clock = new ManualClock();
  const west = 'west' as ClusterName;
  const authority = await createAuthority({ cluster: west, now: clock.now(), days: 3_650 });
  const leafOf = async (now: number) => {
    const { certificate } = await issue({ authority, profile: 'http', now, ttlMs: 24 * HOUR_MS });
    return { use: 'http', path: 'http/cert.pem', certificate, problem: undefined };
  };
  let leaf = await leafOf(clock.now());
  const trust = { local: west, store: [authority.certificate], storePath: 'ca.pem' };
  const own = new OwnLeaves({ leaves: () => [leaf], trust: () => trust, clock });
  const codes = () => own.assess({ findings: [], checks: [], omitted: [] }).findings.map(({ code }) => code);
  const told: string[][] = [];
  own.onChange(() => told.push(codes()));

  expect(codes()).toEqual([]);
  leaf = await leafOf(clock.now() - 20 * HOUR_MS);
  expect(codes()).toEqual(['CM-TRUST-005']);
  await clock.advance(1);
  leaf = await leafOf(clock.now());
  expect(codes()).toEqual([]);
  await clock.advance(1);
  expect(codes()).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual([['CM-TRUST-005'], []]);
});
