import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdSpace, type OwnNumbers } from './ids.ts';

/** Of owners that are names: nothing has to be held for a name to be known again. */
class NumbersByName extends Map<string, number> implements OwnNumbers<string> {
  hold(): void {}
  drop(): void {}
}

const REST = 100;
const space = (last = 5) => new IdSpace<string>({ first: 1, last, restMs: REST }, new NumbersByName());
const claim = (ids: IdSpace<string>, owner: string, now = 0) => ids.claim(owner, now) ?? ids.shortage;

test('numbers ascend, and an owner keeps its own', () => {
  const ids = space();
  expect([claim(ids, 'a'), claim(ids, 'b'), claim(ids, 'a')]).toEqual([1, 2, 1]);
});

describe('a released number', () => {
  test('goes back to its owner at once, to others only after its rest', () => {
    const ids = space(2);
    claim(ids, 'a');
    claim(ids, 'b');
    ids.release(1, 10);
    expect(claim(ids, 'c', 10 + REST - 1)).toBe('all 2 ids are taken: 1 in use, 1 resting');
    expect(claim(ids, 'a', 10 + REST - 1)).toBe(1);
    ids.release(1, 200);
    expect(claim(ids, 'c', 200 + REST)).toBe(1);
    expect(claim(ids, 'a', 200 + REST)).toBe('all 2 ids are taken: 2 in use, 0 resting');
  });

  test('is not the next one given, even after its rest', () => {
    const ids = space();
    claim(ids, 'a');
    ids.release(1, 0);
    expect(claim(ids, 'b', REST)).toBe(2);
  });
});

test('restored numbers are kept, and new ones come after them', () => {
  const ids = space(9);
  ids.restore(4, 'a');
  ids.restore(2, 'b');
  ids.restore(6, 'a');
  ids.restore(7, undefined);
  expect([claim(ids, 'a'), claim(ids, 'b'), claim(ids, 'c'), claim(ids, 'd')]).toEqual([4, 2, 8, 9]);
  expect(claim(ids, 'e')).toBe(1);
});

test('numbers outside the space are not restored', () => {
  const ids = space();
  ids.restore(0, 'a');
  ids.restore(6, 'a');
  expect(ids.inUse).toBe(0);
});

test('retain releases what has no row', async () => {
  const ids = space();
  claim(ids, 'a');
  claim(ids, 'b');
  await ids.retain(new Set([2]), 0, () => undefined);
  expect([ids.idOf('a'), ids.idOf('b')]).toEqual([undefined, 2]);
});

test('no number ever has two owners, and none changes hands within its rest', () => {
  const owner = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const step = fc.record({ owner, type: fc.constantFrom('claim', 'release'), passMs: fc.nat(REST) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ids = space();
      const held = new Map<string, number>();
      const released = new Map<number, { owner: string; at: number }>();
      let now = 0;
      for (const { owner, type, passMs } of steps) {
        now += passMs;
        if (type === 'release') {
          const id = held.get(owner);
          if (id === undefined) continue;
          ids.release(id, now);
          held.delete(owner);
          released.set(id, { owner, at: now });
          continue;
        }
        const claimed = ids.claim(owner, now);
        if (claimed === undefined) continue;
        const before = released.get(claimed);
        expect(before === undefined || before.owner === owner || now >= before.at + REST).toBe(true);
        held.set(owner, claimed);
      }
      expect(new Set(held.values()).size).toBe(held.size);
    }),
  );
});
