import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  commonEnds,
  inPieces,
  itemsOf,
  joined,
  type List,
  ListBuilder,
  PIECE_ITEMS_MAX,
  piecesOf,
  sliced,
} from './list.ts';

const numbers = (length: number, from = 0): readonly number[] => Array.from({ length }, (_, at) => from + at);
const length = fc.nat(5 * PIECE_ITEMS_MAX);

function expectSound<T>(list: List<T>, items: readonly T[]): void {
  expect(itemsOf(list)).toEqual(items);
  expect([...list]).toEqual(items);
  expect(list.length).toBe(items.length);
  for (const piece of piecesOf(list)) {
    expect(piece.length).toBeGreaterThan(0);
    expect(piece.length).toBeLessThanOrEqual(PIECE_ITEMS_MAX);
  }
}

test('a list in pieces has the items of the array', () => {
  fc.assert(fc.property(length, (count) => expectSound(inPieces(numbers(count)), numbers(count))));
});

test('parts and sums of lists are those of arrays', () => {
  fc.assert(
    fc.property(length, length, fc.nat(400), fc.nat(400), (one, other, from, more) => {
      const [a, b] = [numbers(one), numbers(other, 1_000)];
      const list = joined<number>(inPieces(a), inPieces(b));
      expectSound(list, [...a, ...b]);
      const start = Math.min(from, list.length);
      const end = Math.min(start + more, list.length);
      expectSound(sliced(list, start, end), [...a, ...b].slice(start, end));
    }),
  );
});

describe('a successor', () => {
  const step = fc.record({ piece: fc.nat(), gone: fc.nat(PIECE_ITEMS_MAX), came: fc.nat(2 * PIECE_ITEMS_MAX) });

  test('has what was kept and what was put, and no crumbs', () => {
    fc.assert(
      fc.property(length, fc.array(step, { maxLength: 30 }), (count, steps) => {
        let items = numbers(count);
        let list: List<number> = inPieces(items);
        let next = 10_000;
        for (const { piece, gone, came } of steps) {
          const cut = piecesOf(list);
          const at = cut.length === 0 ? 0 : piece % cut.length;
          const fresh = numbers(came, next);
          next += came;
          const changed = [...(cut[at] ?? []).slice(gone), ...fresh];
          items = [...cut.slice(0, at).flat(), ...changed, ...cut.slice(at + 1).flat()];
          const builder = new ListBuilder<number>();
          builder.keep(cut, 0, at);
          builder.put(changed);
          builder.keep(cut, at + 1, cut.length);
          list = builder.build();
          expectSound(list, items);
        }
        expect(piecesOf(list).length).toBeLessThanOrEqual(2 + items.length / (PIECE_ITEMS_MAX / 8));
      }),
    );
  });

  test('shares all pieces but the one that changed', () => {
    const cut = piecesOf(inPieces(numbers(5_000)));
    const builder = new ListBuilder<number>();
    builder.keep(cut, 0, 40);
    builder.put([...(cut[40] ?? []), 9_999]);
    builder.keep(cut, 41, cut.length);
    const after = piecesOf(builder.build());
    const { first, last } = commonEnds(cut, after);
    expect([first, last]).toEqual([40, cut.length - 41]);
    expect(after.length - first - last).toBeLessThanOrEqual(2);
  });
});
