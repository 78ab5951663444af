// For how long the event loop of an agent was kept from the next thing: heartbeats and requests waited as long. Looked at through a
// timer, so that it is known to within the timer's interval, and never too high.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Short against the 10 ms that a turn may take, long enough that a node which does nothing is hardly woken. */
const RESOLUTION_MS = 5;

/** Starts looking; each call says the longest time in seconds since the one before. */
export function watchLoopDelay(): () => number {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return () => {
    const longestMs = delays.max / 1e6 - RESOLUTION_MS;
    delays.reset();
    return Math.max(0, longestMs) / 1_000;
  };
}
