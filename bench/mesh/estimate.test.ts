import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../runtime/random.ts';
import { estimate } from './estimate.ts';

describe('an estimate', () => {
  test('is the mean of few values', () => {
    const { mean, low, high } = estimate([5, 1, 3]);
    expect(mean).toBe(3);
    // Student's t of two degrees of freedom, 4.3, times 2 / √3.
    expect((high - low) / 2).toBeCloseTo(4.7, 0);
  });

  test('is sure of what does not vary', () => {
    expect(estimate([4, 4, 4, 4])).toEqual({ mean: 4, low: 4, high: 4 });
  });

  test('leaves out what was disturbed', () => {
    const calm = Array.from({ length: 14 }, (_, at) => 4 + (at % 3));
    const { mean, high } = estimate([...calm, 900, -900]);
    expect(mean).toBeCloseTo(5, 0);
    expect(high).toBeLessThan(6);
  });

  test('leaves out what was disturbed three times in the same direction', () => {
    const calm = Array.from({ length: 13 }, (_, at) => 4 + (at % 3));
    const { mean, high } = estimate([...calm, 900, 900, 900]);
    expect(mean).toBeCloseTo(5, 0);
    expect(high).toBeLessThan(7);
  });

  test('counts what is in some of the values by its share', () => {
    // Ten of sixteen; of the ten that count, three fewer on either side.
    const { mean } = estimate(Array.from({ length: 16 }, (_, at) => (at < 10 ? 1 : 0)));
    expect(mean).toBeCloseTo(7 / 10, 6);
  });

  test('is nothing where nothing was measured', () => expect(estimate([]).mean).toBeNaN());
});

test('in about 19 of 20 cases what is looked for lies in between', () => {
  const seed = 7;
  const random = seededRandom(seed);
  const CASES = 4_000;
  let within = 0;
  for (let at = 0; at < CASES; at += 1) {
    const values = Array.from({ length: 16 }, () => random.next() + random.next() + random.next());
    const { low, high } = estimate(values);
    if (low <= 1.5 && 1.5 <= high) within += 1;
  }
  expect(within / CASES, `seed ${seed}`).toBeGreaterThan(0.93);
  expect(within / CASES, `seed ${seed}`).toBeLessThan(0.98);
});
