// Climbs a ladder: takes one step after the other, each within its own limit of time, until one fails. It knows nothing of
// networks; what a step looks at is its own.

import { type Clock, sleep } from '../../../runtime/clock.ts';
import { failed, type Rung, type RungFailure, type RungName, type RungResult } from './rung.ts';

export interface Step {
  readonly rung: RungName;
  readonly limitMs: number;
  /** What it means that the step was not done in time. */
  readonly late: RungFailure;
  /** The signal aborts at the limit. */
  readonly take: (signal: AbortSignal) => Promise<RungResult>;
}

/** Rejects only with the signal's reason, or where a step rejects by other than its limit. */
export async function climb(steps: readonly Step[], clock: Clock, signal: AbortSignal): Promise<readonly Rung[]> {
  const rungs: Rung[] = [];
  let broken: RungName | undefined;
  for (const step of steps) {
    if (broken !== undefined) {
      rungs.push({ rung: step.rung, state: 'skipped', seen: `${broken} failed` });
      continue;
    }
    const startedAt = clock.monotonic();
    const result = await within(step, clock, signal);
    const ms = Math.max(0, Math.round((clock.monotonic() - startedAt) * 10) / 10);
    rungs.push({ rung: step.rung, ms, ...result });
    if (result.state === 'failed') broken = step.rung;
  }
  return rungs;
}

async function within(step: Step, clock: Clock, signal: AbortSignal): Promise<RungResult> {
  const { limitMs, late, take } = step;
  signal.throwIfAborted();
  const done = new AbortController();
  const limit = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  const timeUp = sleep(clock, limitMs, ended).then((): RungResult => {
    limit.abort();
    return failed(`nothing within ${limitMs / 1000} s`, late);
  });
  try {
    return await Promise.race([take(AbortSignal.any([ended, limit.signal])), timeUp]);
  } finally {
    done.abort();
    timeUp.catch(() => undefined);
  }
}
