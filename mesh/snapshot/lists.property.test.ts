// Lists that share pieces are compared piece by piece, and come out as if every backend were looked at.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inPieces, itemsOf, joined, type List, piecesOf, replaced } from '../model/list.ts';
import type { ClusterId, ClusterName, IpAddress } from '../model/names.ts';
import type { Backend, BackendState } from '../model/service.ts';
import { applyBackends, diffBackends, diffLists } from './delta.ts';
import { shareBackends, shareLists } from './equality.ts';
import { compareBackends } from './order.ts';

const said = fc.uniqueArray(
  fc.record({
    number: fc.integer({ min: 0, max: 400 }),
    state: fc.constantFrom<BackendState>('active', 'terminating'),
  }),
  { selector: ({ number }) => number, maxLength: 300 },
);

type Said = typeof said extends fc.Arbitrary<infer T> ? T : never;

const backendsOf = (all: Said): readonly Backend[] =>
  all
    .map(
      ({ number, state }): Backend => ({
        address: `10.0.${number >> 8}.${number & 255}` as IpAddress,
        cluster: 'east' as ClusterName,
        clusterId: 1 as ClusterId,
        state,
        ports: [],
      }),
    )
    .sort(compareBackends);

/** As much of `before` as a few changes leave of its pieces. */
function successor(before: List<Backend>, changes: Said): List<Backend> {
  const applied = applyBackends(before, { upserted: backendsOf(changes.slice(0, 3)), removed: [] });
  if (!applied.ok) throw new Error(applied.error);
  return applied.value;
}

test('what is shared and what differs is the same with pieces and without', () => {
  fc.assert(
    fc.property(said, said, fc.boolean(), (first, second, isStep) => {
      const before = inPieces(backendsOf(first));
      const after = isStep ? successor(before, second) : inPieces(backendsOf(second));
      const [old, now] = [itemsOf(before), itemsOf(after)];
      expect(diffLists(before, after)).toEqual(diffBackends(old, now));
      const shared = shareLists(before, after);
      const expected = shareBackends(old, now);
      expect(shared.length).toBe(expected.length);
      for (const [at, backend] of itemsOf(shared).entries()) expect(backend).toBe(expected[at]);
      expect(shared === before).toBe(expected === old);
    }),
  );
});

test('a list with another part in the place of one is the parts one after the other', () => {
  fc.assert(
    fc.property(fc.array(said, { minLength: 1, maxLength: 5 }), said, fc.nat(), (all, other, at) => {
      const lists = all.map((one) => inPieces(backendsOf(one)));
      const place = at % lists.length;
      const first = lists.slice(0, place).reduce((sum, list) => sum + piecesOf(list).length, 0);
      const by = inPieces(backendsOf(other));
      const list = replaced(joined(...lists), first, lists[place] ?? [], by);
      const expected = joined(...lists.with(place, by));
      expect([...list]).toEqual([...expected]);
      expect(list.length).toBe(expected.length);
      for (const [index, piece] of piecesOf(list).entries()) expect(piece).toBe(piecesOf(expected)[index]);
    }),
  );
});
