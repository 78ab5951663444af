import { expect, test } from 'vitest';
import type { LadderDocument, RungDocument } from '../apiserver/peers/ladder/document.ts';
import { exitCodeOf, renderLadder } from './troubleshoot.ts';

const rung = (name: RungDocument['rung'], state: RungDocument['state']): RungDocument => ({
  rung: name,
  state,
  ms: state === 'skipped' ? null : 1.5,
  seen: state === 'skipped' ? 'tcp failed' : '10.0.0.1',
  failure: state === 'failed' ? { code: 'LADDER_TCP_REFUSED', reason: 'nothing listens', remedy: 'Start it.' } : null,
});
const ladder = (...rungs: readonly RungDocument[]): LadderDocument => ({
  schema_version: 1,
  cluster: 'west',
  peer: 'east',
  at: '2026-11-23T12:00:00.000Z',
  endpoints: [{ endpoint: 'https://east:2379', rungs }],
});

test('a step that failed is printed with why and what to do, and what comes after it as skipped', () => {
  const refused = ladder(rung('name', 'passed'), rung('tcp', 'failed'), rung('tls', 'skipped'));
  expect(exitCodeOf(refused)).toBe(1);
  expect(renderLadder(refused)).toMatchInlineSnapshot(`
    "From west to east:

    https://east:2379
    STEP  STATE    TIME    SEEN
    name  passed   1.5 ms  10.0.0.1
    tcp   failed   1.5 ms  10.0.0.1
    tls   skipped  -       tcp failed
    LADDER_TCP_REFUSED at tcp
      why:  nothing listens
      fix:  Start it."
  `);
});

test('what is not known is not health', () => {
  expect(exitCodeOf(ladder(rung('name', 'passed')))).toBe(0);
  expect(exitCodeOf(ladder(rung('name', 'passed'), rung('sync', 'unknown')))).toBe(3);
  expect(exitCodeOf({ ...ladder(), endpoints: [] })).toBe(3);
});
