// The rest of a loop that looks again after a while, or as soon as something has changed. It makes no signal of its own: one that
// follows several others takes as long as what is done for a small change, and each change would make one.

import type { Clock } from './clock.ts';

export class WakeableSleep {
  readonly #clock: Clock;
  #wake: (() => void) | undefined;
  #followed: AbortSignal | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nothing where nobody sleeps: a loop looks at what has changed before it sleeps again. */
  wake(): void {
    this.#wake?.();
  }

  /** For so long, without end where that is infinite, or until it is woken or the signal aborts. Never rejects. One at a time. */
  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#follow(signal);
    await new Promise<void>((resolve) => {
      const cancel = Number.isFinite(delayMs) ? this.#clock.after(delayMs, resolve) : () => {};
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** A loop sleeps again and again with the same one. */
  #follow(signal: AbortSignal): void {
    if (this.#followed === signal) return;
    this.#followed = signal;
    signal.addEventListener('abort', () => this.wake(), { once: true });
  }
}
