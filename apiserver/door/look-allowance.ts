// How much one client's reads may still look at. Fills up with time, and may be overdrawn by one read, whose size nobody knows
// before: who overdraws waits for longer.

import type { Clock } from '../../runtime/clock.ts';

export class LookAllowance {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#left = perSecond;
    this.#at = clock.monotonic();
  }

  get isUsedUp(): boolean {
    const now = this.#clock.monotonic();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    return this.#left <= 0;
  }

  take(count: number): void {
    this.#left -= count;
  }
}
