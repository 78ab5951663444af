import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unshared } from './unshared.ts';

interface Item {
  readonly name: number;
}

/** The rest of a list without some of its items, each taken away once. */
const without = (items: readonly Item[], taken: readonly Item[]): readonly Item[] => {
  const left = new Set(taken);
  return items.filter((item) => !left.has(item));
};

const items = (from: number, to: number): readonly Item[] =>
  Array.from({ length: to - from }, (_, at) => ({ name: from + at }));

test('what is not named is the same in both, in the same order', () => {
  const all = items(0, 60);
  const some = fc.subarray([...all]);
  // Rows that came and went, as clusters do, and single ones.
  const row = fc.tuple(fc.nat(59), fc.nat(30)).map(([from, length]) => all.slice(from, from + length));
  const list = fc.oneof(
    some,
    row.map((gone) => without(all, gone)),
    fc.tuple(some, row).map(([taken, gone]) => without(taken, gone)),
  );
  fc.assert(
    fc.property(list, list, (before, after) => {
      const { less, more } = unshared(before, after);
      expect(without(before, less)).toEqual(without(after, more));
      expect(less).toEqual(before.filter((item) => less.includes(item)));
      expect(more).toEqual(after.filter((item) => more.includes(item)));
    }),
    { numRuns: 2_000 },
  );
});

describe('only what changed is named', () => {
  const all = items(0, 1_000);
  const cases: readonly (readonly [string, readonly Item[], readonly Item[]])[] = [
    ['long rows that came', [...all.slice(0, 100), ...all.slice(200, 500), ...all.slice(700)], all],
    ['long rows that went', all, [...all.slice(50, 100), ...all.slice(200, 500), ...all.slice(700)]],
    ['one that was replaced', all, [...all.slice(0, 500), { name: -1 }, ...all.slice(501)]],
    ['single ones here and there', all, all.filter(({ name }) => name % 97 !== 0)],
  ];
  test.each(cases)('%s', (_, before, after) => {
    const { less, more } = unshared(before, after);
    const [old, now] = [new Set(before), new Set(after)];
    expect(less).toEqual(before.filter((item) => !now.has(item)));
    expect(more).toEqual(after.filter((item) => !old.has(item)));
  });
});

test('lists that share nothing cost what walking them costs', () => {
  let looks = 0;
  const counted = (list: readonly Item[]) =>
    new Proxy(list as Item[], {
      get(target, name) {
        looks += 1;
        return Reflect.get(target, name);
      },
    });
  unshared(counted(items(0, 2_000)), counted(items(0, 2_000)));
  expect(looks).toBeLessThan(4_000 * 60);
});
