// One lease as its holder sees it: when it was last certainly alive, when it must be taken for ended, and when to renew it.
// Knows time and nothing of the network: renewals go out and come back through its keeper.

import type { Clock } from '../../runtime/clock.ts';
import { Meanings, storeFailure } from './failures.ts';
import type { Lease } from './port.ts';

/** Three chances to renew within a time to live. */
const RENEWALS_PER_TTL = 3;
/** Counted off the time to live for the holder's own reaction and for clocks that differ in speed. */
const MARGIN_SHARE = 0.2;
const MARGIN_MS_MAX = 5_000;

export interface HeldLeaseDeps {
  readonly id: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Sends a renewal; false when there is no stream to send it on. */
  readonly renew: () => boolean;
  readonly revoke: () => Promise<void>;
  /** The lease needs no more renewals. */
  readonly onReleased: () => void;
  readonly onLost: (reason: string) => void;
}

export class HeldLease implements Lease {
  readonly id: string;
  readonly #deps: HeldLeaseDeps;
  readonly #lost = new AbortController();
  /** When the renewals were sent that have no answer yet; answers come in order. */
  #unanswered: number[] = [];
  #cancelDeadline: (() => void) | undefined;
  #cancelRenewal: (() => void) | undefined;
  #released = false;

  constructor(deps: HeldLeaseDeps) {
    this.id = deps.id;
    this.#deps = deps;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async revoke(): Promise<void> {
    this.#end('revoked by its holder');
    await this.#deps.revoke();
  }

  abandon(): void {
    this.#release();
  }

  /** etcd had the lease in full at some moment after `sentAt`. */
  renewed(sentAt: number): void {
    if (this.#released) return;
    const { clock, ttlMs } = this.#deps;
    const margin = Math.min(ttlMs * MARGIN_SHARE, MARGIN_MS_MAX);
    this.#cancelDeadline?.();
    this.#cancelDeadline = clock.after(sentAt + ttlMs - margin - clock.monotonic(), () =>
      this.#lose('not renewed in time'),
    );
    this.#planRenewal(sentAt + ttlMs / RENEWALS_PER_TTL - clock.monotonic());
  }

  answered(ttlSeconds: number): void {
    const sentAt = this.#unanswered.shift();
    if (this.#released) return;
    if (ttlSeconds <= 0) this.#lose('etcd no longer knows it');
    else if (sentAt !== undefined) this.renewed(sentAt);
  }

  /** The stream broke: its answers will not come. */
  forgetUnanswered(): void {
    this.#unanswered = [];
  }

  renewNow(): void {
    if (this.#released) return;
    const { clock, ttlMs, renew } = this.#deps;
    const sentAt = clock.monotonic();
    if (renew()) this.#unanswered.push(sentAt);
    this.#planRenewal(ttlMs / RENEWALS_PER_TTL);
  }

  #planRenewal(delayMs: number): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = this.#deps.clock.after(Math.max(0, delayMs), () => this.renewNow());
  }

  #lose(reason: string): void {
    this.#deps.onLost(reason);
    this.#end(reason);
  }

  #end(reason: string): void {
    this.#release();
    this.#cancelDeadline?.();
    this.#lost.abort(storeFailure(Meanings.leaseLost, { operation: 'hold lease', subject: this.id, reason }));
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#cancelRenewal?.();
    this.#deps.onReleased();
  }
}
