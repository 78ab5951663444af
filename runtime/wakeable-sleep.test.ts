import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { WakeableSleep } from './wakeable-sleep.ts';

function sleeper(delayMs: number) {
  const clock = new ManualClock();
  const end = new AbortController();
  const rest = new WakeableSleep(clock);
  let isAwake = false;
  const slept = rest.sleep(delayMs, end.signal).then(() => {
    isAwake = true;
  });
  return { clock, end, rest, slept, isAwake: () => isAwake };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('it ends when its time is over, and not before', async () => {
  const { clock, slept, isAwake } = sleeper(100);
  clock.advance(99);
  await turn();
  expect(isAwake()).toBe(false);
  clock.advance(1);
  await slept;
});

test('it is woken, and its time leaves the next sleep alone', async () => {
  const { clock, rest, end, slept } = sleeper(100);
  rest.wake();
  await slept;
  let isAwake = false;
  const next = rest.sleep(1_000, end.signal).then(() => {
    isAwake = true;
  });
  clock.advance(999);
  await turn();
  expect(isAwake).toBe(false);
  clock.advance(1);
  await next;
});

test('without an end it waits to be woken', async () => {
  const { clock, rest, slept, isAwake } = sleeper(Number.POSITIVE_INFINITY);
  clock.advance(1e9);
  await turn();
  expect(isAwake()).toBe(false);
  rest.wake();
  await slept;
});

test('it ends with the signal, and does not begin after it', async () => {
  const { rest, end, slept } = sleeper(Number.POSITIVE_INFINITY);
  end.abort();
  await slept;
  await rest.sleep(Number.POSITIVE_INFINITY, end.signal);
});

test('a wake while nobody sleeps is not kept', async () => {
  const { clock, rest, end, slept } = sleeper(1);
  clock.advance(1);
  await slept;
  rest.wake();
  let isAwake = false;
  void rest.sleep(5, end.signal).then(() => {
    isAwake = true;
  });
  await turn();
  expect(isAwake).toBe(false);
});

test('a loop that sleeps often follows its signal once', async () => {
  const { rest, end } = sleeper(1);
  rest.wake();
  for (let time = 0; time < 20; time += 1) {
    const slept = rest.sleep(1_000, end.signal);
    rest.wake();
    await slept;
  }
  expect(getEventListeners(end.signal, 'abort')).toHaveLength(1);
});
