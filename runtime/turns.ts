// Work in small pieces that many share one process for: a few milliseconds of it in each turn of the event loop, and between two
// turns everything else that is due. Pieces come in the order in which they were asked for, so that who has much to do does not
// go before who has little. As long as little is asked for, all of it is done at once.

import type { Clock } from './clock.ts';

/** Of one turn: far below what anybody notices, and enough for hundreds of small pieces. */
const SHARE_MS = 8;

export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** In this turn, by pieces. */
  #usedMs = 0;
  #scheduled = false;
  #working = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `piece`: before this returns where nothing waits and the turn has room. What it throws is a bug, and is not caught. */
  take(piece: () => void): void {
    this.#waiting.push(piece);
    this.#work();
  }

  #work(): void {
    // A piece that asks for another is not to be called again while it runs.
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#usedMs < SHARE_MS) {
        const piece = this.#waiting.shift();
        if (piece === undefined) break;
        const begunAt = this.#clock.monotonic();
        piece();
        this.#usedMs += this.#clock.monotonic() - begunAt;
      }
    } finally {
      this.#working = false;
    }
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    if (this.#scheduled || (this.#usedMs === 0 && this.#waiting.length === 0)) return;
    this.#scheduled = true;
    this.#clock.after(0, () => {
      this.#scheduled = false;
      this.#usedMs = 0;
      this.#work();
    });
  }
}
