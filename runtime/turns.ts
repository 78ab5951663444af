// Work in small pieces that many share one process for: one piece at a time, and between two of them everything else that is due
// gets its turn. Pieces come in the order in which they were asked for, so that who has much to do does not go before who has
// little.

import type { Clock } from './clock.ts';

export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `piece` in a turn of its own. What it throws is a bug, and is not caught. */
  take(piece: () => void): void {
    this.#waiting.push(piece);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    this.#clock.after(0, () => {
      this.#scheduled = false;
      const piece = this.#waiting.shift();
      this.#schedule();
      piece?.();
    });
  }
}
