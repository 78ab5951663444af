import { describe, expect, test } from 'vitest';
import { drawPlot } from './svg.ts';
import { axisOf } from './svg-axis.ts';

const place = { from: 0, to: 100 };

describe('an axis', () => {
  test('of a logarithm has whole powers of ten around its values', () => {
    const { ticks, place: at } = axisOf({ type: 'log' }, [3, 0, 400], place);
    expect(ticks.map(({ label }) => label)).toEqual(['1', '10', '100', '1,000']);
    expect([at(1), at(10), at(1000)]).toEqual([0, 33, 100]);
    expect(at(0)).toBe(0);
  });

  test.each([
    [[7], ['0', '2', '4', '6', '8']],
    [[0.31], ['0', '0.1', '0.2', '0.3', '0.4']],
    [[61_000], ['0', '20,000', '40,000', '60,000', '80,000']],
  ])('of even steps reaches from 0 beyond %j', (values, labels) => {
    expect(axisOf({ type: 'linear' }, values, place).ticks.map(({ label }) => label)).toEqual(labels);
  });

  test('without any value is an axis all the same', () => {
    for (const type of ['log', 'linear'] as const) {
      const { ticks, place: at } = axisOf({ type }, [], place);
      expect(ticks.length).toBeGreaterThan(1);
      expect(at(ticks[0]?.at ?? 0)).toBe(0);
    }
  });
});

test('names of lines that end in one place do not cover each other, nor leave the picture', () => {
  const lines = Array.from({ length: 12 }, (_, at) => ({
    name: `line ${at}`,
    points: [
      [1, 1],
      [10, 1],
    ] as const,
  }));
  const drawn = drawPlot({ title: 'a < b', x: 's', y: 'ms', lines });
  const heights = [...drawn.matchAll(/y="(\d+)"[^>]*>line/g)].map(([, y]) => Number(y)).sort((a, b) => a - b);
  expect(heights).toHaveLength(12);
  expect(Math.min(...heights.slice(1).map((y, at) => y - (heights[at] ?? 0)))).toBeGreaterThanOrEqual(15);
  expect(heights.at(-1)).toBeLessThan(420);
  expect(drawn).toContain('a &lt; b');
});
