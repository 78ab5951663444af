// How late an event loop came to what was due, of each time that it came: by a clock, and without what its thread spent waiting for a
// processor that others had, which is no fault of the program. Pure but for the histograms: the clock and the wait are told.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface Lateness {
  /** Milliseconds. */
  readonly p999: number;
  readonly max: number;
  /** The same of each time without the wait for a processor. */
  readonly ownP999: number;
  readonly ownMax: number;
}

/** Of what says more. */
export const latenessOf = ({ p999, max, ownP999, ownMax }: Lateness): Lateness => ({ p999, max, ownP999, ownMax });

/** All that the thread has had until now, in milliseconds. */
export interface Moment {
  readonly atMs: number;
  /** What it was ready to run and did not. */
  readonly waitedMs: number;
}

export class LoopLateness {
  readonly #everyMs: number;
  readonly #late = createHistogram();
  readonly #own = createHistogram();
  #before: Moment;
  #recentMs = 0;

  /** The loop is to come every so often, from `begun` on. */
  constructor(everyMs: number, begun: Moment) {
    this.#everyMs = everyMs;
    this.#before = begun;
  }

  came(now: Moment): void {
    const lateMs = Math.max(0, now.atMs - this.#before.atMs - this.#everyMs);
    const waitedMs = Math.max(0, now.waitedMs - this.#before.waitedMs);
    record(this.#late, lateMs);
    record(this.#own, Math.max(0, lateMs - waitedMs));
    this.#recentMs = Math.max(this.#recentMs, lateMs);
    this.#before = now;
  }

  /** What was since `from` is not the program's doing: what was before it counts. */
  leaveOut(from: Moment, until: Moment): void {
    this.came(from);
    this.#before = until;
  }

  /** The most since this was asked last. */
  recent(): number {
    const recentMs = this.#recentMs;
    this.#recentMs = 0;
    return recentMs;
  }

  get all(): Lateness {
    const [late, own] = [this.#late, this.#own];
    return { p999: p999Of(late), max: maxOf(late), ownP999: p999Of(own), ownMax: maxOf(own) };
  }
}

/** In microseconds, since a histogram has whole numbers from 1 on. */
const record = (histogram: RecordableHistogram, ms: number): void => histogram.record(Math.round(ms * 1_000) + 1);
const p999Of = (histogram: RecordableHistogram): number => (histogram.percentile(99.9) - 1) / 1_000;
const maxOf = (histogram: RecordableHistogram): number => Math.max(0, histogram.max - 1) / 1_000;
