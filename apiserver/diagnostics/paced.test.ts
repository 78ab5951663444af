import { expect, test } from 'vitest';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { paced } from './paced.ts';

function setup() {
  const clock = new ManualClock();
  const listeners = new Set<() => void>();
  const told: number[] = [];
  const begun = clock.monotonic();
  const stop = paced((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, clock)(() => void told.push(clock.monotonic() - begun));
  const change = () => {
    for (const listener of listeners) listener();
  };
  return { clock, told, change, stop };
}

test('the first change is told at once, and a burst behind it as one', () => {
  const { clock, told, change } = setup();
  for (let at = 0; at < 5; at += 1) {
    change();
    clock.advance(100);
  }
  expect(told).toEqual([0]);
  clock.advance(600);
  expect(told).toEqual([0, 1_000]);
  clock.advance(5_000);
  expect(told).toEqual([0, 1_000]);
  change();
  expect(told).toEqual([0, 1_000, 6_100]);
});

test('nobody is told after the end', () => {
  const { clock, told, change, stop } = setup();
  change();
  change();
  stop();
  clock.advance(5_000);
  change();
  expect(told).toEqual([0]);
});
