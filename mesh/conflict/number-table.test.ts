import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberTable } from './number-table.ts';

const step = fc.record({
  type: fc.constantFrom('set' as const, 'delete' as const),
  // Few enough to come again, so many that they stand in each other's places, of both signs.
  key: fc.integer({ min: -20, max: 20 }),
  value: fc.integer(),
});

test('keeps what a Map keeps, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const table = new NumberTable<number>();
      const map = new Map<number, number>();
      for (const { type, key, value } of steps) {
        if (type === 'set') table.set(key, value);
        else table.delete(key);
        if (type === 'set') map.set(key, value);
        else map.delete(key);
        expect(steps.find(({ key: other }) => table.get(other) !== map.get(other))).toBeUndefined();
      }
    }),
    { numRuns: 50 },
  );
});
