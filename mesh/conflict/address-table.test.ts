import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressTable } from './address-table.ts';

const address = fc.oneof(
  // Few enough to meet, and from both halves of the numbers.
  fc.integer({ min: 0, max: 60 }).map((at) => `10.0.0.${at}`),
  fc.integer({ min: 0, max: 60 }).map((at) => `255.255.255.${at}`),
  fc.constantFrom('0.0.0.0', '128.0.0.0', '10.0.0.0/24', 'fd00::1', 'fd00::/64', '::'),
);
const step = fc.oneof(
  fc.record({ type: fc.constant('set' as const), address, value: fc.integer() }),
  fc.record({ type: fc.constant('delete' as const), address, value: fc.integer() }),
);

test('keeps what a Map keeps, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new AddressTable<number>();
      const map = new Map<string, number>();
      for (const { type, address: key, value } of steps) {
        if (type === 'set') {
          table.set(key, value);
          map.set(key, value);
        } else {
          table.delete(key);
          map.delete(key);
        }
        expect(table.get(key)).toBe(map.get(key));
      }
      for (const { address: key } of steps) expect(table.get(key)).toBe(map.get(key));
    }),
  );
});

test('finds each of many neighbours', () => {
  const table = new AddressTable<string>();
  const addresses = Array.from({ length: 20_000 }, (_, at) => `10.1.${at >> 8}.${at & 255}`);
  for (const text of addresses) table.set(text, text);
  for (const text of addresses.filter((_, at) => at % 3 === 0)) table.delete(text);
  expect(addresses.filter((text) => table.get(text) !== text)).toEqual(addresses.filter((_, at) => at % 3 === 0));
});
