// Work in small pieces that many share one process for: a few milliseconds of it in each turn of the event loop, and between two
// turns everything else that is due. Pieces come in the order in which they were asked for, so that who has much to do does not
// go before who has little. As long as little is asked for, all of it is done at once; where everything else makes turns long, as
// when hundreds of connections begin together, the pieces make them hardly longer.

import type { Clock } from './clock.ts';

/** Of one turn, for pieces: far below what anybody notices, and enough for hundreds of small ones. */
const SHARE_MS = 8;
/** Of a turn that is long without them: what was asked for goes on all the same, and a piece takes about as long anyway. */
const SHARE_MS_MIN = 2;
/** So long may a turn be before pieces have less of it. */
const TURN_MS = 12;

export class Turns {
  readonly #clock: Clock;
  readonly #shareMsMax: number;
  readonly #waiting: (() => void)[] = [];
  #shareMs: number;
  /** In this turn, by pieces. */
  #usedMs = 0;
  #turnBegunAt = 0;
  #scheduled = false;
  #working = false;

  /** `shareMsMax`: of one turn, for pieces. */
  constructor(clock: Clock, shareMsMax = SHARE_MS) {
    this.#clock = clock;
    this.#shareMsMax = shareMsMax;
    this.#shareMs = shareMsMax;
  }

  /** Calls `piece`: before this returns where nothing waits and the turn has room. What it throws is a bug, and is not caught. */
  take(piece: () => void): void {
    this.#waiting.push(piece);
    this.#work();
  }

  /** Goes through work that yields between its pieces, to its end. Rejects with what it throws. */
  all<T>(work: Iterator<undefined, T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const next = (): void => {
        let step: IteratorResult<undefined, T>;
        try {
          step = work.next();
        } catch (error) {
          reject(error);
          return;
        }
        if (step.done === true) resolve(step.value);
        else this.take(next);
      };
      this.take(next);
    });
  }

  #work(): void {
    // A piece that asks for another is not to be called again while it runs.
    if (this.#working) return;
    this.#working = true;
    if (!this.#scheduled) this.#turnBegunAt = this.#clock.monotonic();
    try {
      while (this.#usedMs < this.#shareMs) {
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
    if (this.#scheduled) return;
    if (this.#usedMs === 0 && this.#waiting.length === 0) {
      this.#shareMs = this.#shareMsMax;
      return;
    }
    this.#scheduled = true;
    this.#clock.after(0, () => {
      this.#shareMs = this.#shareAfter(this.#clock.monotonic() - this.#turnBegunAt);
      this.#scheduled = false;
      this.#usedMs = 0;
      this.#work();
    });
  }

  /** The next turn is taken to be as long as this one was, but for the pieces. */
  #shareAfter(turnMs: number): number {
    const othersMs = turnMs - this.#usedMs;
    return Math.min(this.#shareMsMax, Math.max(SHARE_MS_MIN, TURN_MS - othersMs));
  }
}
