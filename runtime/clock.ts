// Time as a parameter. Production passes `systemClock`; tests pass a clock that they move themselves (manual-clock.ts).

export interface Clock {
  /** Milliseconds since the Unix epoch. For what people and other machines read. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back. For durations and deadlines. */
  monotonic(): number;
  /** Calls `task` once after `delayMs`; the returned function cancels. Never keeps the process alive by itself. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason when that is sooner. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    function abort() {
      cancel();
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', abort, { once: true });
  });
}
