// What one peer has said, taken in piece by piece: a list of a large cluster would keep the process from everything else for as
// long as it is judged. Small pieces of work, which is nearly all there is, are done at once, as long as nothing waits before them.

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
    if (!this.#working) this.#goOn();
  }

  /** Nothing is done any more, whatever waits. */
  drop(): void {
    this.#dropped = true;
    this.#waiting.length = 0;
  }

  #goOn(): void {
    if (this.#dropped) return;
    this.#working = true;
    for (let work = this.#waiting[0]; work !== undefined; work = this.#waiting[0]) {
      if (work.next().done !== true) {
        this.#turns.take(() => this.#goOn());
        return;
      }
      this.#waiting.shift();
    }
    this.#working = false;
    this.#onDone();
  }
}
