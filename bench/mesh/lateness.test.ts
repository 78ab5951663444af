import { expect, test } from 'vitest';
import { LoopLateness } from './lateness.ts';

const at = (atMs: number, waitedMs = 0) => ({ atMs, waitedMs });

test('a loop is as late as it comes after it was due', () => {
  const loop = new LoopLateness(5, at(0));
  for (const ms of [5, 10, 55, 60]) loop.came(at(ms));
  expect(loop.all.max).toBeCloseTo(40, 0);
  expect(loop.recent()).toBe(40);
  expect(loop.recent()).toBe(0);
});

test('what a thread waits for a processor is told apart', () => {
  const loop = new LoopLateness(5, at(0, 7));
  loop.came(at(105, 97));
  expect(loop.all.max).toBeCloseTo(100, 0);
  expect(loop.all.ownMax).toBeCloseTo(10, 0);
});

test('a collection that the benchmark asks for is no lateness of the program, what was before it is', () => {
  const loop = new LoopLateness(5, at(0));
  loop.came(at(5));
  loop.leaveOut(at(30), at(900, 50));
  loop.came(at(906, 50));
  expect(loop.all.max).toBeCloseTo(20, 0);
  expect(loop.all.ownMax).toBeCloseTo(20, 0);
});
