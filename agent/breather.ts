// Lets the event loop breathe during long computations: long work asks now and then, and only waits for a turn when it has
// had the loop for a while. So heartbeats and requests are answered while ten thousand services are planned.

import type { Clock } from '../runtime/clock.ts';

/** A turn of this length goes unnoticed; a quarter of what the project allows itself at most. */
const TURN_MS_MAX = 2.5;

/** `nextTurn` resolves once everything else that waits has had its turn. */
export function createBreather(clock: Clock, nextTurn: () => Promise<void>): () => Promise<void> | undefined {
  let since = clock.monotonic();
  return () => {
    if (clock.monotonic() - since < TURN_MS_MAX) return undefined;
    return nextTurn().then(() => {
      since = clock.monotonic();
    });
  };
}
