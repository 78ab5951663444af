import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { expect, test } from 'vitest';
import { type Int64, safeNumberOf } from './int64.ts';

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const EDGES = [
  0n,
  1n,
  -1n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const expected = (value: bigint) => (value < 0n || value >= 2n ** 53n ? undefined : Number(value));

test('an integer of 64 bits is the number that it is, or none', () => {
  const values = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt(INT64), fc.bigInt({ min: 0n, max: 2n ** 54n }));
  fc.assert(
    fc.property(values, (value) => {
      const long = protobuf.util.LongBits.from(value.toString()).toLong(false) as Int64;
      expect(safeNumberOf(long)).toBe(expected(value));
      if (expected(value) !== undefined) expect(safeNumberOf(Number(value))).toBe(Number(value));
    }),
    { numRuns: 2_000 },
  );
});

test('an unsigned one beyond all signed ones is none', () => {
  expect(safeNumberOf(protobuf.util.LongBits.from('18446744073709551615').toLong(true) as Int64)).toBeUndefined();
});

test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('the number %d is none', (value) => {
  expect(safeNumberOf(value)).toBeUndefined();
});
