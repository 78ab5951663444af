// The text of gauges, against what the client library makes of the same samples.

import fc from 'fast-check';
import { Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { counted, gaugeText, type Sample } from './exposition.ts';

const sample = fc.tuple(
  fc.record({ peer: fc.oneof(fc.string(), fc.constantFrom('a"b', 'back\\slash', 'two\nlines')), kind: fc.string() }),
  fc.oneof(fc.integer(), fc.double({ noNaN: true })),
);

test('the text of a gauge is that of the client library', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sample), async (samples) => {
      const registry = new Registry();
      const gauge = new Gauge({
        name: 'depth',
        help: 'what waits',
        labelNames: ['peer', 'kind'],
        registers: [registry],
      });
      const last = new Map<string, Sample>();
      for (const [labels, value] of samples) {
        gauge.set(labels, value);
        const key = JSON.stringify(labels);
        last.set(key, [labels, value]);
      }
      expect(gaugeText('depth', 'what waits', last.values())).toBe(await registry.metrics());
    }),
  );
});

test('a gauge without labels has one sample without any', () => {
  expect(gaugeText('leader', '1 on the replica that writes', [[{}, 1]])).toBe(
    '# HELP leader 1 on the replica that writes\n# TYPE leader gauge\nleader 1\n',
  );
});

test('what has the same labels is one sample', () => {
  const amounts: readonly Sample[] = [
    [{ status: 'passed' }, 1],
    [{ status: 'failed' }, 2],
    [{ status: 'passed' }, 3],
  ];
  expect(counted(amounts)).toEqual([
    [{ status: 'passed' }, 4],
    [{ status: 'failed' }, 2],
  ]);
});
