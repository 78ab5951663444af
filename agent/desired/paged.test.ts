import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Paged } from './paged.ts';

test('holds what a Map holds', () => {
  const number = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_fffe));
  const steps = fc.array(fc.record({ number, value: fc.option(fc.integer(), { nil: undefined }) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (steps) => {
      const paged = new Paged<number>();
      const map = new Map<number, number>();
      for (const { number, value } of steps) {
        if (value === undefined) expect(paged.delete(number)).toBe(map.delete(number));
        else {
          paged.set(number, value);
          map.set(number, value);
        }
        expect(paged.get(number)).toBe(map.get(number));
      }
      expect(paged.size).toBe(map.size);
      expect(new Map(paged)).toEqual(map);
    }),
  );
});
