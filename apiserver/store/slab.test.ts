import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Slab } from './slab.ts';

test('copies stay what they were copied from, and share memory without waste', () => {
  const values = fc.array(fc.uint8Array({ maxLength: 6_000, size: 'max' }), { maxLength: 60 });
  fc.assert(
    fc.property(values, (originals) => {
      const slab = new Slab(originals);
      const copies = originals.map((value) => slab.copy(value));
      const expected = originals.map((value) => [...value]);
      for (const value of originals) value.fill(0);
      expect(copies.map((value) => [...value])).toEqual(expected);
      const memory = new Set(copies.filter(({ length }) => length > 0).map(({ buffer }) => buffer));
      const kept = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
      const used = copies.reduce((sum, { length }) => sum + length, 0);
      // Behind each full piece is at most what did not fit into it any more.
      expect(kept).toBeLessThanOrEqual(used + memory.size * 4_096);
    }),
    { numRuns: 50 },
  );
});
