import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { POSITIONS_MAX, Timeline } from './timeline.ts';

const revision = (value: number) => value as Revision;

test('a reader waits since the first change that it does not have, and a level one does not wait', () => {
  const timeline = new Timeline();
  timeline.push(revision(5), 100);
  timeline.push(revision(9), 200);
  expect([3, 5, 8, 9, 12].map((held) => timeline.outdatedSince(revision(held)))).toEqual([
    100,
    200,
    200,
    undefined,
    undefined,
  ]);
  timeline.clear();
  expect(timeline.outdatedSince(revision(3))).toBeUndefined();
});

test('however much is published: bounded, never less than the truth, exact for who holds nothing or something recent', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (steps) => {
      const timeline = new Timeline();
      const total = 3 * POSITIONS_MAX;
      const at: number[] = [];
      for (let index = 0; index < total; index += 1) {
        at.push((at[index - 1] ?? 0) + (steps[index % steps.length] ?? 1));
        timeline.push(revision(index + 1), at[index] ?? 0);
      }
      expect(timeline.size).toBeLessThanOrEqual(POSITIONS_MAX);
      expect(timeline.outdatedSince(revision(0))).toBe(at[0]);
      expect(timeline.outdatedSince(revision(total))).toBeUndefined();
      for (let held = 1; held < total; held += 97) {
        expect(timeline.outdatedSince(revision(held))).toBeLessThanOrEqual(at[held] ?? 0);
      }
      for (let held = total - POSITIONS_MAX / 4; held < total; held += 31) {
        expect(timeline.outdatedSince(revision(held))).toBe(at[held]);
      }
    }),
    { numRuns: 20 },
  );
});
