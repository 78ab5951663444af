import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../runtime/random.ts';
import { medianEstimate } from './estimate.ts';

describe('the median of what was found', () => {
  test('is the value in the middle, or between the two there', () => {
    expect(medianEstimate([5, 1, 3]).median).toBe(3);
    expect(medianEstimate([5, 1, 3, 4]).median).toBe(3.5);
  });

  test('lies between the least and the largest, of few', () => {
    expect(medianEstimate([2, 9, 4])).toEqual({ median: 4, low: 2, high: 9 });
  });

  test('is not moved far by one that was disturbed', () => {
    const calm = [4, 5, 6, 5, 4, 6, 5, 5];
    expect(medianEstimate([...calm, 900]).high).toBe(6);
  });

  test('is nothing where nothing was found', () => expect(medianEstimate([]).median).toBeNaN());
});

test('in 19 of 20 cases the true median lies in between', () => {
  const seed = 7;
  const random = seededRandom(seed);
  const CASES = 4_000;
  let within = 0;
  for (let at = 0; at < CASES; at += 1) {
    // Skewed; its median is a quarter.
    const { low, high } = medianEstimate(Array.from({ length: 16 }, () => random.next() ** 2));
    if (low <= 0.25 && 0.25 <= high) within += 1;
  }
  expect(within / CASES, `seed ${seed}`).toBeGreaterThan(0.95);
  expect(within / CASES, `seed ${seed}`).toBeLessThan(0.99);
});
