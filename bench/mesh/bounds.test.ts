import { expect, test } from 'vitest';
import { BOUNDS, exceeded } from './bounds.ts';
import type { Results } from './results.ts';

const processes = { apiserver: 0, agent: 0, etcd: 0, player: 0 };
/** As far as the bounds look at it. */
const resultsOf = (more: object): Results =>
  ({ bootstrap: { ms: 400, cpuMs: { ...processes, apiserver: 300, agent: 80 } }, ...more }) as Results;
const bare = { ms: 100, cpuMs: 100, bytes: 1_000, records: 10 };

test('what was not measured exceeds nothing', () => expect(exceeded(resultsOf({}))).toEqual([]));

test('a ratio within its bound is none either', () => expect(exceeded(resultsOf({ bare }))).toEqual([]));

test('a cost, at the least that it may be, is taken against a copy of as many bytes', () => {
  const sure = (low: number) => ({ mean: 2 * low, low, high: 3 * low });
  const cpuOf = (apiserver: number) => ({ apiserver: sure(apiserver), agent: sure(0) });
  const large = (apiserver: number) => ({ recordBytes: 100, mapWrites: 3, cpuMs: cpuOf(apiserver) });
  expect(exceeded(resultsOf({ bare, large: large(7) }))).toEqual([]);
  expect(exceeded(resultsOf({ bare, large: large(9) }))).toEqual([
    expect.stringMatching(/^the API server's CPU for one backend .*: 0\.90, and may be 0\.8/),
  ]);
});

test('one backend that is withdrawn, and one false alarm, are too many', () => {
  const storm = { backMs: 1, memoryRatio: 1, backendsBefore: 5, backendsMin: 4 };
  const churn = { falseAlarms: [{ atMs: 1, who: 'east', what: 'ageing' }] };
  expect(exceeded(resultsOf({ storm, churn }))).toHaveLength(2);
});

test('every bound says why', () => {
  for (const { what, why } of BOUNDS) expect(why, what).not.toBe('');
});
