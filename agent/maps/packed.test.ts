import { expect, test } from 'vitest';
import { PackedRows } from './packed.ts';

const SIZES = { keySize: 2, valueSize: 3 };

test('rows stand one after the other', () => {
  const rows = PackedRows.of(
    [
      { key: Uint8Array.of(1, 2), value: Uint8Array.of(3, 4, 5) },
      { key: Uint8Array.of(6, 7), value: Uint8Array.of(8, 9, 10) },
    ],
    SIZES,
  );
  expect([...rows.keys]).toEqual([1, 2, 6, 7]);
  expect([...rows.valueAt(1)]).toEqual([8, 9, 10]);
});

test('a cleared row has no byte of the one before', () => {
  const rows = new PackedRows(SIZES, 2);
  rows.keys.fill(0xff, rows.grow() * 2, 2);
  rows.clear();
  expect([rows.length, [...rows.keys]]).toEqual([0, [0, 0, 0, 0]]);
});

test('what does not fit is refused', () => {
  const rows = new PackedRows(SIZES, 1);
  rows.grow();
  expect(() => rows.grow()).toThrow(RangeError);
  expect(() => PackedRows.of([{ key: Uint8Array.of(1), value: new Uint8Array(3) }], SIZES)).toThrow(RangeError);
});
