import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByPrefix } from './by-prefix.ts';

test('it holds what a Map would hold', () => {
  const prefix = fc.constantFrom(
    '10.0.0.1/32',
    '10.0.0.2/32',
    '255.255.255.255/32',
    '10.0.0.0/24',
    'fd00::/32',
    '::/0',
    '0.0.0.0/32',
  );
  const step = fc.tuple(prefix, fc.option(fc.nat(), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const held = new ByPrefix<number>();
      const expected = new Map<string, number>();
      for (const [key, value] of steps) {
        if (value === undefined) {
          held.delete(key);
          expected.delete(key);
        } else {
          held.set(key, value);
          expected.set(key, value);
        }
        expect(held.get(key)).toBe(value);
      }
      expect(held.size).toBe(expected.size);
      expect(new Map([...held.keys()].map((key) => [key, held.get(key)]))).toEqual(expected);
    }),
  );
});
