// For how long the event loop of an agent was kept from the next thing: heartbeats and requests waited as long. Looked at through a
// timer, so that it is known to within the timer's interval, and never too high.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * A timer wakes a node that does nothing, at 25 µs each time: at 5 ms that is 0.5 % of a core, more than everything else that an agent at
 * rest does. Of the turns that pass in the time between two scrapes, one of the longest begins soon after a look.
 */
export const LOOK_MS = 20;

/** Starts looking; each call says the longest time in seconds since the one before. */
export function watchLoopDelay(): () => number {
  const delays = monitorEventLoopDelay({ resolution: LOOK_MS });
  delays.enable();
  return () => {
    const longestMs = delays.max / 1e6 - LOOK_MS;
    delays.reset();
    return Math.max(0, longestMs) / 1_000;
  };
}
