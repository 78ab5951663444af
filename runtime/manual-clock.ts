// A clock for tests: time passes only when the test says so, and what is due happens in order, at its own time.

import type { Clock } from './clock.ts';

interface Timer {
  readonly at: number;
  readonly task: () => void;
}

export class ManualClock implements Clock {
  readonly #epochMs: number;
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;

  constructor(epochMs = Date.UTC(2026, 0, 1)) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#epochMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { at: this.#elapsedMs + Math.max(0, delayMs), task };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Runs what is due within `durationMs`; promises that this settles go on only when the caller awaits. */
  advance(durationMs: number): void {
    const until = this.#elapsedMs + durationMs;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.at);
      next.task();
    }
    this.#elapsedMs = until;
  }

  /** The process stands still for that long: everything that became due meanwhile is found due at its end, once. */
  stall(durationMs: number): void {
    this.#elapsedMs += durationMs;
    const due = [...this.#timers].filter(({ at }) => at <= this.#elapsedMs).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#timers.delete(timer)) timer.task();
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer;
    return next;
  }
}
