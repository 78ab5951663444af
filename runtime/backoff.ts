// Growing pauses between attempts, spread so that many clients that failed together do not return together.

import type { Random } from './random.ts';

export interface BackoffOptions {
  /** Pause after the first failure. @default 100 */
  readonly delayMsMin?: number;
  /** No pause is longer. @default 30_000 */
  readonly delayMsMax?: number;
  /** Growth from one pause to the next. @default 2 */
  readonly factor?: number;
  /** Share of each pause that is random. @default 0.3 */
  readonly jitter?: number;
}

export class Backoff {
  readonly #random: Random;
  readonly #min: number;
  readonly #max: number;
  readonly #factor: number;
  readonly #jitter: number;
  #failures = 0;

  constructor(random: Random, options: BackoffOptions = {}) {
    this.#random = random;
    this.#min = options.delayMsMin ?? 100;
    this.#max = options.delayMsMax ?? 30_000;
    this.#factor = options.factor ?? 2;
    this.#jitter = options.jitter ?? 0.3;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The pause before the next attempt, in milliseconds. */
  next(): number {
    const base = Math.min(this.#max, this.#min * this.#factor ** this.#failures);
    this.#failures += 1;
    return base * (1 - this.#jitter + this.#jitter * this.#random.next());
  }

  /** An attempt succeeded. */
  reset(): void {
    this.#failures = 0;
  }
}
