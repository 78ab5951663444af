// Lets the event loop breathe during long computations: long work asks now and then, and only waits for a turn when it has
// had the loop for a while. So heartbeats and requests are answered while ten thousand services are planned.

import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../runtime/clock.ts';
import type { Pause } from './pause.ts';

/** A turn of this length goes unnoticed; a quarter of what the project allows itself at most. */
const TURN_MS_MAX = 2.5;

export interface EventLoop {
  /** Resolves once everything else that waits has had its turn. */
  readonly nextTurn: () => Promise<void>;
  /** For how long it has had nothing to do, in all: milliseconds that only grow. */
  readonly idleMs: () => number;
}

export const systemLoop: EventLoop = {
  nextTurn: () => setImmediate(),
  idleMs: () => performance.eventLoopUtilization().idle,
};

export function createBreather(clock: Clock, { nextTurn, idleMs }: EventLoop): Pause {
  let since = clock.monotonic();
  let idleBefore = idleMs();
  const begin = (): undefined => {
    since = clock.monotonic();
    idleBefore = idleMs();
  };
  return () => {
    if (clock.monotonic() - since < TURN_MS_MAX) return undefined;
    // Who comes after a rest has not had the loop all that time: a small change is worked off in the turn in which it came.
    return idleMs() > idleBefore ? begin() : nextTurn().then(begin);
  };
}
