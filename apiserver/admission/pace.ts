// How fast one peer may change what it said. What comes faster waits, the latest of each key, and is taken in as the pace allows: a peer
// that floods is late in its own affairs and takes no more of the process than its pace. Nothing is lost, because the value that
// counts is the latest one of each key, so that what waits is never more than what the peer has.

import type { Clock } from '../../runtime/clock.ts';

export interface PaceLimits {
  readonly changesPerSecond: number;
  /** The pace is that of so many seconds: what was left unused of them may come at once. */
  readonly overSeconds: number;
}

/** A rolling restart of a cluster with ten thousand pods stays far below. */
export const DEFAULT_PACE: PaceLimits = { changesPerSecond: 5_000, overSeconds: 10 };

export interface Change {
  readonly key: string;
  /** Undefined: the key is gone. */
  readonly value: Uint8Array | undefined;
}

/** How often a peer that came too fast is looked at again: a tenth of a second's changes at a time. */
const RESUME_MS = 100;

export class PeerPace {
  readonly limits: PaceLimits;
  readonly #clock: Clock;
  readonly #resume: () => void;
  readonly #waiting = new Map<string, Uint8Array | undefined>();
  readonly #mostAtOnce: number;
  #allowance: number;
  #countedAt: number;
  #waitedAt: number | undefined;
  #cancelTimer: (() => void) | undefined;

  /** `resume`: something that waits may be taken in now, or nothing has waited for so long that the pace counts as kept. */
  constructor(limits: PaceLimits, clock: Clock, resume: () => void) {
    this.limits = limits;
    this.#clock = clock;
    this.#resume = resume;
    this.#mostAtOnce = limits.changesPerSecond * limits.overSeconds;
    this.#allowance = this.#mostAtOnce;
    this.#countedAt = clock.monotonic();
  }

  isWaiting(key: string): boolean {
    return this.#waiting.has(key);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get waitingKeys(): Iterable<string> {
    return this.#waiting.keys();
  }

  /** Whether changes wait, or did within the time that the pace is measured over. */
  get exceeded(): boolean {
    if (this.#waiting.size > 0) return true;
    const sinceMs = this.#waitedAt === undefined ? undefined : this.#clock.monotonic() - this.#waitedAt;
    return sinceMs !== undefined && sinceMs < this.limits.overSeconds * 1_000;
  }

  /** True: it came too fast and waits, and what waited of its key is forgotten. */
  holdsBack({ key, value }: Change, cost: number): boolean {
    if (!this.#waiting.has(key) && this.#affords(cost)) return false;
    this.#waiting.set(key, value);
    this.#waitedAt = this.#clock.monotonic();
    this.#resumeLater();
    return true;
  }

  /** The change that has waited longest, when it may be taken in now. */
  next(costOf: (key: string) => number): Change | undefined {
    const [first] = this.#waiting;
    if (first === undefined || !this.#affords(costOf(first[0]))) return undefined;
    const [key, value] = first;
    this.#waiting.delete(key);
    this.#waitedAt = this.#clock.monotonic();
    return { key, value };
  }

  /** For what turned out to be more work than was counted. The debt is bounded, so that a peer is late but not lost. */
  charge(cost: number): void {
    this.#allowance = Math.max(this.#allowance - cost, -this.#mostAtOnce);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#waiting.clear();
  }

  #resumeLater(): void {
    if (this.#cancelTimer !== undefined) return;
    const delayMs = this.#waiting.size > 0 ? RESUME_MS : this.limits.overSeconds * 1_000;
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#resume();
      if (this.exceeded) this.#resumeLater();
    });
  }

  #affords(cost: number): boolean {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#countedAt) / 1_000) * this.limits.changesPerSecond;
    this.#allowance = Math.min(this.#allowance + earned, this.#mostAtOnce);
    this.#countedAt = now;
    if (cost > 0 && this.#allowance <= 0) return false;
    this.#allowance -= cost;
    return true;
  }
}
