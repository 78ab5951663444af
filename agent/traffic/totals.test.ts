import { expect, test } from 'vitest';
import type { ServiceCountersDocument } from './document.ts';
import { totalsByService } from './totals.ts';

const counters = (service: string | null, translated: number, noBackends = 0): ServiceCountersDocument => ({
  service,
  frontend: `${service}:${translated}`,
  translated,
  refused: { 'no-backends': noBackends, 'no-slot': 0, 'no-memory': 0 },
});
const totals = (services: readonly ServiceCountersDocument[], max?: number) =>
  Object.fromEntries(
    [...totalsByService({ schema_version: 1, node: 'w1', services }, max)].map(([service, { translated, refused }]) => [
      service,
      [translated, refused['no-backends']],
    ]),
  );

test('the frontends of a service are one line', () => {
  expect(totals([counters('a/a', 1, 2), counters('a/a', 3, 4), counters(null, 5)])).toEqual({
    'a/a': [4, 6],
    others: [5, 0],
  });
});

test('beyond the bound, the busiest have a line, the others share one, and no call is left out', () => {
  expect(totals([counters('a/a', 1), counters('b/b', 0, 9), counters('c/c', 5), counters('d/d', 2)], 2)).toEqual({
    'b/b': [0, 9],
    'c/c': [5, 0],
    others: [3, 0],
  });
});
