import { expect, test } from 'vitest';
import { Gate, type GatePlace } from './gate.ts';
import { ManualClock } from './manual-clock.ts';

const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('lets in as many as there are places, in order, and nobody who has given up', async () => {
  const gate = new Gate(new ManualClock(), 1);
  const inside: string[] = [];
  const places: GatePlace[] = [];
  const enter = (name: string, signal = never) =>
    gate.enter(1_000, signal).then((place) => {
      inside.push(name);
      places.push(place);
    });
  const patience = new AbortController();
  void enter('a');
  const b = enter('b', patience.signal);
  void enter('c');
  await turn();
  expect(inside).toEqual(['a']);
  patience.abort(new Error('enough'));
  await expect(b).rejects.toThrow('enough');
  places[0]?.leave();
  places[0]?.leave();
  await turn();
  expect(inside).toEqual(['a', 'c']);
});

test('a place that is held for too long is given on, and one that is held on is not', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock, 1);
  const first = await gate.enter(1_000, never);
  const second = gate.enter(1_000, never);
  first.hold(5_000);
  clock.advance(4_999);
  let isIn = false;
  void second.then(() => {
    isIn = true;
  });
  await turn();
  expect(isIn).toBe(false);
  clock.advance(1);
  await turn();
  expect(isIn).toBe(true);
  // The one that was late has nothing to give back.
  first.leave();
  let third = false;
  void gate.enter(1_000, never).then(() => {
    third = true;
  });
  await turn();
  expect(third).toBe(false);
});
