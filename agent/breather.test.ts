import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ManualClock } from '../runtime/manual-clock.ts';
import { createBreather, systemLoop } from './breather.ts';

function breather() {
  const clock = new ManualClock();
  const loop = { turns: 0, idle: 7 };
  const nextTurn = async () => {
    loop.turns += 1;
  };
  return { clock, loop, pause: createBreather(clock, { nextTurn, idleMs: () => loop.idle }) };
}

test('who has worked for a while waits for a turn, and then works for a while again', async () => {
  const { clock, loop, pause } = breather();
  clock.advance(2.4);
  expect(pause()).toBeUndefined();
  clock.advance(0.1);
  await pause();
  expect([loop.turns, pause()]).toEqual([1, undefined]);
  clock.advance(2.5);
  await pause();
  expect(loop.turns).toBe(2);
});

test('who comes after a rest does not wait, and has its while from then on', async () => {
  const { clock, loop, pause } = breather();
  clock.advance(300);
  loop.idle += 299;
  expect(pause()).toBeUndefined();
  clock.advance(2.4);
  expect(pause()).toBeUndefined();
  clock.advance(0.1);
  await pause();
  expect(loop.turns).toBe(1);
});

test('the event loop of the process tells of a rest', async () => {
  const before = systemLoop.idleMs();
  await setTimeout(20);
  expect(systemLoop.idleMs()).toBeGreaterThan(before);
});
