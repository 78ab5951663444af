// A level-triggered queue of keys: an event only says which key to look at again; the worker re-reads everything it needs.
// A key is worked on by one worker call at a time, and at most once for any number of events in between. Keys that fail
// come back after a growing pause. Batches let a writer put many keys into one transaction, and several workers let it have the
// next transaction under way while one is answered.

import { Backoff, type BackoffOptions } from './backoff.ts';
import { type Clock, sleep } from './clock.ts';
import type { Random } from './random.ts';

export interface WorkQueueOptions<K> {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Handles up to `batchMax` keys; returns the keys that failed and are to be retried. A throw retries all of them. */
  readonly work: (keys: readonly K[], signal: AbortSignal) => Promise<readonly K[] | undefined>;
  /** @default 1 */
  readonly batchMax?: number;
  /** Workers at a time. A further one begins only with a full batch: few keys are better gathered than spread. @default 1 */
  readonly parallelMax?: number;
  /** Waits this long after the first key, to gather more. @default 0 */
  readonly gatherMs?: number;
  /**
   * Begins a batch that is not full this long after the one before at the earliest: a single key after a pause does not wait, and keys
   * that keep coming share what a batch costs. @default 0
   */
  readonly paceMs?: number;
  readonly backoff?: BackoffOptions;
  readonly onError?: (error: unknown, keys: readonly K[]) => void;
}

export class WorkQueue<K> {
  readonly #options: WorkQueueOptions<K>;
  readonly #waiting = new Set<K>();
  readonly #retries = new Map<K, { readonly backoff: Backoff; cancel: () => void }>();
  readonly #idleWaiters: (() => void)[] = [];
  readonly #working = new Set<K>();
  #wake: (() => void) | undefined;
  #begunAt = Number.NEGATIVE_INFINITY;
  /** A batch that is not full waits for its time. */
  #cancelPace: (() => void) | undefined;

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options;
  }

  /** Keys waiting, in work, and waiting for a retry. */
  get depth(): number {
    let retrying = 0;
    for (const key of this.#retries.keys()) if (!this.#waiting.has(key)) retrying += 1;
    return this.#waiting.size + this.#working.size + retrying;
  }

  add(key: K): void {
    if (this.#retries.size > 0) this.#retries.get(key)?.cancel();
    this.#waiting.add(key);
    this.#wake?.();
  }

  addAll(keys: Iterable<K>): void {
    for (const key of keys) this.add(key);
  }

  /** Resolves when nothing waits or is in work; keys that wait for a retry do not count. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0 && this.#working.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, gatherMs = 0, batchMax = 1 } = this.#options;
    const stop = () => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    const workers = new Set<Promise<void>>();
    try {
      while (!signal.aborted) {
        let keys = this.#mayLook(workers.size) ? this.#free(batchMax) : [];
        if (workers.size > 0 && keys.length < batchMax) keys = [];
        if (keys.length > 0 && keys.length < batchMax && gatherMs > 0) {
          await sleep(clock, gatherMs, signal).catch(() => {});
          if (signal.aborted) break;
          keys = this.#free(batchMax);
        }
        if (keys.length > 0 && !this.#isTime(keys.length)) keys = [];
        if (keys.length > 0) {
          this.#begunAt = clock.monotonic();
          for (const key of keys) this.#waiting.delete(key);
          const worker = this.#workOnce(keys, signal).finally(() => {
            workers.delete(worker);
            this.#wake?.();
          });
          workers.add(worker);
          continue;
        }
        if (this.#waiting.size === 0 && workers.size === 0)
          for (const resolve of this.#idleWaiters.splice(0)) resolve();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
      await Promise.all(workers);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#cancelPace?.();
      for (const retry of this.#retries.values()) retry.cancel();
      for (const resolve of this.#idleWaiters.splice(0)) resolve();
    }
  }

  /** Looking for keys costs by all that were taken from the front of a long queue, and is worth it only where some may be begun. */
  #mayLook(workers: number): boolean {
    const { batchMax = 1, parallelMax = 1 } = this.#options;
    return workers === 0 || (workers < parallelMax && this.#waiting.size >= batchMax);
  }

  /** Whether so many keys may be begun now; otherwise the queue looks again when they may. */
  #isTime(keys: number): boolean {
    const { clock, batchMax = 1, paceMs = 0 } = this.#options;
    const waitMs = keys >= batchMax ? 0 : this.#begunAt + paceMs - clock.monotonic();
    if (waitMs <= 0) return true;
    this.#cancelPace ??= clock.after(waitMs, () => {
      this.#cancelPace = undefined;
      this.#wake?.();
    });
    return false;
  }

  /** What may be begun: what is in work waits until that is over. */
  #free(max: number): readonly K[] {
    const keys: K[] = [];
    for (const key of this.#waiting) {
      if (keys.length === max) break;
      if (!this.#working.has(key)) keys.push(key);
    }
    return keys;
  }

  async #workOnce(keys: readonly K[], signal: AbortSignal): Promise<void> {
    for (const key of keys) this.#working.add(key);
    let failed: readonly K[];
    try {
      failed = (await this.#options.work(keys, signal)) ?? [];
    } catch (error) {
      failed = keys;
      if (!signal.aborted) this.#options.onError?.(error, keys);
    }
    for (const key of keys) this.#working.delete(key);
    const failedSet = new Set(failed);
    for (const key of keys) if (!failedSet.has(key)) this.#retries.delete(key);
    for (const key of failedSet) this.#retryLater(key);
  }

  #retryLater(key: K): void {
    if (this.#waiting.has(key)) return;
    const { clock, random } = this.#options;
    const backoff = this.#retries.get(key)?.backoff ?? new Backoff(random, this.#options.backoff);
    const cancel = clock.after(backoff.next(), () => {
      this.#waiting.add(key);
      this.#wake?.();
    });
    this.#retries.set(key, { backoff, cancel });
  }
}
