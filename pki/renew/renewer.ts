// Keeps the leaves of a place renewed for as long as it runs. Level-triggered: each time it looks at all of them as they stand now,
// renews what has come to its time, and decides from what it saw when to look again; it remembers nothing but how often in a row it
// has failed. A renewal that fails leaves the pair that was there, and is tried again in growing pauses.

import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Random } from '../../runtime/random.ts';
import { failureOf, type RenewableLeaves, type RenewalFailure } from './leaf-folder.ts';
import { type RoundEntry, renewalRound } from './round.ts';
import { pauseMs, renewAt } from './schedule.ts';

export interface RenewalReport {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Each leaf as it stands now, and what was done. Empty where the place could not be read. */
  readonly entries: readonly RoundEntry[];
  /** Why nothing can be renewed at all: known before anything is due. */
  readonly obstacle: RenewalFailure | undefined;
  /** When it looks again, at the latest. */
  readonly nextAt: number;
}

export interface LeafRenewerDeps {
  readonly leaves: RenewableLeaves;
  readonly clock: Clock;
  readonly random: Random;
  readonly onRound: (report: RenewalReport) => void;
}

/** A full disk or a file that is being copied is over in seconds; what lasts is for a person, who reads of it at once. */
const RETRY_MS_MIN = 5_000;
/** Leaves several attempts between due and expired even for leaves of one hour. */
const RETRY_MS_MAX = 120_000;

export class LeafRenewer {
  readonly #leaves: RenewableLeaves;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onRound: (report: RenewalReport) => void;
  readonly #backoff: Backoff;
  #spread: number;

  constructor({ leaves, clock, random, onRound }: LeafRenewerDeps) {
    this.#leaves = leaves;
    this.#clock = clock;
    this.#random = random;
    this.#onRound = onRound;
    this.#backoff = new Backoff(random, { delayMsMin: RETRY_MS_MIN, delayMsMax: RETRY_MS_MAX });
    this.#spread = random.next();
  }

  /** Ends when the signal aborts, after the leaf that is just being written. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const report = await this.#round(signal);
      this.#onRound(report);
      await sleep(this.#clock, report.nextAt - this.#clock.now(), signal).catch(() => {});
    }
  }

  async #round(signal: AbortSignal): Promise<RenewalReport> {
    const at = this.#clock.now();
    try {
      const obstacle = await this.#leaves.obstacle();
      const due = (leaf: RoundEntry['leaf']) => renewAt(leaf, this.#spread) <= at;
      const entries = await renewalRound({ leaves: this.#leaves, now: at, due, dryRun: false, signal });
      return { at, entries, obstacle, nextAt: this.#nextAt(entries) };
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      return { at, entries: [], obstacle: failureOf(error), nextAt: this.#clock.now() + this.#backoff.next() };
    }
  }

  #nextAt(entries: readonly RoundEntry[]): number {
    const now = this.#clock.now();
    const failed = entries.some(({ action }) => action === 'failed');
    if (!failed) this.#backoff.reset();
    // Anew for each life, or one unlucky draw would set two clusters side by side for ever.
    if (entries.some(({ action }) => action === 'renewed')) this.#spread = this.#random.next();
    const standing = entries.filter(({ action }) => action !== 'failed').map(({ leaf }) => leaf);
    const pause = pauseMs(standing, now, this.#spread);
    return now + (failed ? Math.min(pause, this.#backoff.next()) : pause);
  }
}
