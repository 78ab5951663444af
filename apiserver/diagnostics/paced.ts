// Listeners that look at everything when told, told at most so often: findings may change with each of hundreds of records a second,
// and a look at a large mesh takes milliseconds. The first is told at once, and the last of a burst is never left out.

import type { Clock } from '../../runtime/clock.ts';

/** Whoever follows a report learns of a change within this. */
const PAUSE_MS = 1_000;

type Subscribe = (listener: () => void) => () => void;

export const paced =
  (subscribe: Subscribe, clock: Clock): Subscribe =>
  (listener) => {
    let toldAt = Number.NEGATIVE_INFINITY;
    let cancel: (() => void) | undefined;
    const tell = () => {
      cancel = undefined;
      toldAt = clock.monotonic();
      listener();
    };
    const stop = subscribe(() => {
      if (cancel !== undefined) return;
      const pauseMs = toldAt + PAUSE_MS - clock.monotonic();
      if (pauseMs <= 0) tell();
      else cancel = clock.after(pauseMs, tell);
    });
    return () => {
      stop();
      cancel?.();
    };
  };
