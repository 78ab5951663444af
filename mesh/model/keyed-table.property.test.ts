// Whatever comes and goes, also while it is iterated, a table holds what a Map would.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyedTable } from './keyed-table.ts';

const step = fc.record({
  type: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
  // Few enough to come again, so many that the table grows.
  key: fc.integer({ min: 0, max: 60 }).map((number) => `key/${number}`),
  value: fc.integer(),
});
const steps = fc.array(step, { maxLength: 400, size: 'max' });

test('holds what a Map holds', () => {
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const table = new KeyedTable<{ readonly key: string; readonly value: number }>(seed);
      const map = new Map<string, number>();
      for (const { type, key, value } of all) {
        if (type === 'put') {
          table.put({ key, value });
          map.set(key, value);
        } else expect(table.delete(key)).toBe(map.delete(key));
        expect(table.size).toBe(map.size);
        expect(table.get(key)?.value).toBe(map.get(key));
      }
      expect(all.every(({ key }) => table.get(key)?.value === map.get(key))).toBe(true);
      expect(new Map([...table].map(([key, { value }]) => [key, value]))).toEqual(map);
      expect([...table.keys()].length).toBe(map.size);
    }),
    { numRuns: 100 },
  );
});

test('shows whoever changes it while iterating all that stays, and nothing that is gone', () => {
  fc.assert(
    fc.property(steps, steps, fc.integer({ min: 1, max: 9 }), (before, during, pace) => {
      const table = new KeyedTable<{ readonly key: string; readonly value: number }>();
      for (const { key, value } of before) table.put({ key, value });
      const stay = new Set(table.keys());
      const left = [...during];
      const seen: string[] = [];
      for (const entry of table.values()) {
        expect(table.get(entry.key)).toBe(entry);
        seen.push(entry.key);
        for (const { type, key, value } of left.splice(0, pace)) {
          if (type === 'put') table.put({ key, value });
          else {
            table.delete(key);
            if (!seen.includes(key)) stay.delete(key);
          }
        }
      }
      expect(seen).toEqual(expect.arrayContaining([...stay]));
    }),
    { numRuns: 100 },
  );
});
