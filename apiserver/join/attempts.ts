// Counts who came without a proof, by address, so that guessing costs the guesser and not this process. A secret of 128 bits needs no
// such help; the limit keeps the log readable and the work bounded. An address in the table keeps nobody else out.

import type { Clock } from '../../runtime/clock.ts';

/** A person who mistypes needs a few; a script that guesses gets no further. */
const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
/** Beyond, the oldest addresses are forgotten: what can come from more addresses is bounded by connections. */
const ADDRESSES_MAX = 4_096;

export class Attempts {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #failures = new Map<string, { readonly since: number; readonly count: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isTooMany(address: string): boolean {
    return this.#current(address).count >= FAILURES_MAX;
  }

  failed(address: string): void {
    const { since, count } = this.#current(address);
    this.#failures.delete(address);
    this.#failures.set(address, { since, count: count + 1 });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > ADDRESSES_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }

  #current(address: string): { readonly since: number; readonly count: number } {
    const now = this.#clock.monotonic();
    const known = this.#failures.get(address);
    return known === undefined || now - known.since > WINDOW_MS ? { since: now, count: 0 } : known;
  }
}
