// Runs the parts of a process: starts them in the order given, stops them in reverse, and unwinds a start that fails. Each
// part has a name and a deadline, so that a hang says which part hangs. A part's `run` goes on until its signal aborts;
// when one ends by itself with an error, the process stops and the error is what `runLifecycle` rejects with.

import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.ts';
import { OperationalError } from './errors.ts';
import type { Log } from './log.ts';

export interface Part {
  readonly name: string;
  /** Resolves when the parts after this one may start. */
  readonly start?: (signal: AbortSignal) => Promise<void>;
  /** Long-running work; started after `start`, ended by the signal. */
  readonly run?: (signal: AbortSignal) => Promise<void>;
  /** Lets go of what `start` took. Stopping never removes what others still use. */
  readonly stop?: () => Promise<void>;
  /** @default START_DEADLINE_MS */
  readonly startDeadlineMs?: number;
}

/** Long enough for a first connection to a slow etcd, short enough that a supervisor learns of a hang. */
const START_DEADLINE_MS = 60_000;
/** Kubernetes gives a pod 30 s by default; leave room for the parts that stop after a slow one. */
const STOP_DEADLINE_MS = 5_000;

/** A part that is made when it starts, of what the parts before it have made. */
export function partMadeAtStart(name: string, make: () => Part): Part {
  let part: Part | undefined;
  return {
    name,
    start: async (signal) => {
      part = make();
      await part.start?.(signal);
    },
    run: async (signal) => part?.run?.(signal),
    stop: async () => part?.stop?.(),
  };
}

export interface LifecycleDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Resolves after an orderly stop caused by `signal`; rejects with the first failure of a part. */
export async function runLifecycle(parts: readonly Part[], deps: LifecycleDeps, signal: AbortSignal): Promise<void> {
  const stopping = new AbortController();
  // Every part listens, and some for each peer: their number is no sign of a leak.
  setMaxListeners(0, stopping.signal);
  const started: { readonly part: Part; readonly running: Promise<void> }[] = [];
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    stopping.abort();
  };
  const stop = () => stopping.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for (const part of parts) {
      if (stopping.signal.aborted) break;
      await withDeadline(part.start?.(stopping.signal), part.startDeadlineMs ?? START_DEADLINE_MS, 'start', part, deps);
      const running = part.run?.(stopping.signal).catch((error) => {
        if (!stopping.signal.aborted) fail(error);
      });
      started.push({ part, running: running ?? Promise.resolve() });
      deps.log.debug('part started', { part: part.name });
    }
    if (!stopping.signal.aborted) {
      await new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve(), { once: true }));
    }
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    stopping.abort();
    signal.removeEventListener('abort', stop);
    await stopAll(started, deps);
  }
  if (failure !== undefined) throw failure.error;
}

async function stopAll(
  started: readonly { readonly part: Part; readonly running: Promise<void> }[],
  deps: LifecycleDeps,
): Promise<void> {
  for (const { part, running } of [...started].reverse()) {
    try {
      await withDeadline(part.stop?.(), STOP_DEADLINE_MS, 'stop', part, deps);
      await withDeadline(running, STOP_DEADLINE_MS, 'end', part, deps);
    } catch (error) {
      deps.log.warn('part did not stop cleanly', { part: part.name, error });
    }
  }
}

async function withDeadline(
  work: Promise<void> | undefined,
  deadlineMs: number,
  operation: string,
  part: Part,
  deps: LifecycleDeps,
): Promise<void> {
  if (work === undefined) return;
  let cancel = () => {};
  const deadline = new Promise<never>((_, reject) => {
    cancel = deps.clock.after(deadlineMs, () =>
      reject(
        new OperationalError({
          code: 'PROCESS_DEADLINE',
          operation: `${operation} part`,
          subject: part.name,
          reason: `took longer than ${deadlineMs / 1000} s`,
        }),
      ),
    );
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    cancel();
  }
}
