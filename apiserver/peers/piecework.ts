// What one peer has said, taken in piece by piece: a list of a large cluster would keep the process from everything else for as
// long as it is judged, and so would the lists of many peers that come together. Small pieces of work, which is nearly all there
// is, are done at once, as long as nothing waits before them and the turn has room (runtime/turns.ts).

import type { Turns } from '../../runtime/turns.ts';

/** A list that yields where others may have their turn. */
type Work = Iterator<undefined, void>;

export class Piecework {
  readonly #turns: Turns;
  readonly #onDone: () => void;
  readonly #waiting: Work[] = [];
  #working = false;
  #dropped = false;

  /** `onDone`: all that was given so far is done. */
  constructor(turns: Turns, onDone: () => void) {
    this.#turns = turns;
    this.#onDone = onDone;
  }

  /** The one that is begun among them. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Nothing waits. */
  get isDone(): boolean {
    return this.#waiting.length === 0;
  }

  add(work: Work): void {
    this.#waiting.push(work);
    if (this.#working) return;
    this.#working = true;
    this.#turns.take(() => this.#goOn());
  }

  /** Nothing is done any more, whatever waits. */
  drop(): void {
    this.#dropped = true;
    this.#waiting.length = 0;
  }

  /** One piece. */
  #goOn(): void {
    if (this.#dropped) return;
    if (this.#waiting[0]?.next().done === true) this.#waiting.shift();
    if (this.#waiting.length > 0) {
      this.#turns.take(() => this.#goOn());
      return;
    }
    this.#working = false;
    this.#onDone();
  }
}
