import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { watchLoopDelay } from './loop-delay.ts';

test('says for how long the event loop was blocked, and forgets it then', async () => {
  const longest = watchLoopDelay();
  // A first interval of the timer has to pass before it can be late.
  await vi.waitFor(async () => {
    await setTimeout(10);
    const end = performance.now() + 60;
    while (performance.now() < end);
    await setTimeout(10);
    expect(longest()).toBeGreaterThan(0.04);
  });
  expect(longest()).toBeLessThan(0.04);
});
