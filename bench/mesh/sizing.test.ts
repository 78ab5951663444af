import { describe, expect, test } from 'vitest';
import { fittedCost } from './sizing.ts';

describe('the cost of one item', () => {
  test('is found again where everything costs the same', () => {
    const points = [10, 50, 250].map((items) => ({ items, base: 100, found: 100 + 7 * items }));
    expect(fittedCost(points)).toEqual({ base: 100, each: 7 });
  });

  test('of one size is what it cost there', () => {
    expect(fittedCost([{ items: 20, base: 5, found: 45 }])).toEqual({ base: 5, each: 2 });
  });

  test('is closest to the largest mesh, where the small ones cost more', () => {
    const { each } = fittedCost([
      { items: 10, base: 0, found: 100 },
      { items: 1_000, base: 0, found: 5_000 },
    ]);
    expect(each).toBeGreaterThan(5);
    expect(each).toBeLessThan(5.01);
  });
});
