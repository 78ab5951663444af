// Keeps this client's leases alive over one stream, and knows for each until when it certainly lives: an own deadline,
// counted from the moment the last answered renewal was sent, minus a margin. The holder is told at that deadline, never
// later than etcd acts, whatever happens to the connection.

import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { Duplex, EtcdConnection } from './connection.ts';
import { EtcdWire, type messages } from './etcd-wire.ts';
import { isFailure, Meanings, storeFailure } from './failures.ts';
import { decimalOf, exactNumber, int64Of } from './int64.ts';
import { HeldLease } from './lease.ts';
import type { Lease } from './port.ts';

/** Well below a third of the shortest useful time to live, so that a short break costs no lease. */
const RECONNECT = { delayMsMin: 50, delayMsMax: 1000 };
/** etcd answers renewals from memory; it is given as long as for a single read. */
const ADOPT_TIMEOUT_MS = 5_000;

export interface LeaseKeeperDeps {
  readonly connection: EtcdConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  readonly #held = new Map<string, HeldLease>();
  readonly #backoff: Backoff;
  #stream: Duplex<messages.LeaseKeepAliveRequest.$Properties> | undefined;
  #cancelReconnect: (() => void) | undefined;
  #closed = false;

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff(deps.random, RECONNECT);
  }

  async grant(ttlSeconds: number, signal?: AbortSignal): Promise<Lease> {
    const { clock, connection } = this.#deps;
    const sentAt = clock.monotonic();
    const request = { TTL: ttlSeconds };
    const response = await connection.unary(EtcdWire.leaseGrant, request, { operation: 'grant lease', signal });
    return this.#hold(decimalOf(response.ID), exactNumber(response.TTL), sentAt);
  }

  /** Holds those of the leases that etcd knows, and that live long enough. */
  async adopt(ids: readonly string[], ttlSecondsMin: number, signal?: AbortSignal): Promise<readonly Lease[]> {
    if (ids.length === 0) return [];
    const sentAt = this.#deps.clock.monotonic();
    const seconds = await this.#askForAll(ids, signal);
    return ids.flatMap((id) => {
      const ttlSeconds = seconds.get(id) ?? 0;
      return ttlSeconds > 0 && ttlSeconds >= ttlSecondsMin ? this.#hold(id, ttlSeconds, sentAt) : [];
    });
  }

  /** The times to live of leases, which are renewed by it; 0 of one that etcd does not know. */
  async #askForAll(ids: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const operation = 'take over leases';
    const seconds = new Map<string, number>();
    const asked = new Set(ids);
    let stop = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const cancelDeadline = this.#deps.clock.after(ADOPT_TIMEOUT_MS, () => reject(silent(operation)));
        const stream = this.#deps.connection.duplex(EtcdWire.leaseKeepAlive, {
          operation,
          onMessage: ({ ID, TTL }) => {
            seconds.set(decimalOf(ID), exactNumber(TTL));
            if (seconds.size === asked.size) resolve();
          },
          onEnd: (error) => reject(error ?? silent(operation)),
        });
        const abort = () => reject(signal?.reason);
        signal?.addEventListener('abort', abort, { once: true });
        stop = () => {
          cancelDeadline();
          signal?.removeEventListener('abort', abort);
          stream.close();
        };
        if (signal?.aborted === true) abort();
        else for (const id of asked) stream.send({ ID: int64Of(id) });
      });
    } finally {
      stop();
    }
    return seconds;
  }

  #hold(id: string, ttlSeconds: number, sentAt: number): Lease {
    const { clock, log } = this.#deps;
    const lease = new HeldLease({
      id,
      ttlMs: ttlSeconds * 1000,
      clock,
      renew: () => this.#renew(id),
      onReleased: () => this.#release(id),
      onLost: (reason) => log.warn('lost lease', { lease: id, reason }),
      revoke: () => this.#revoke(id),
    });
    this.#held.set(id, lease);
    lease.renewed(sentAt);
    return lease;
  }

  /** Stops renewing; the leases end by themselves. */
  close(): void {
    this.#closed = true;
    for (const lease of [...this.#held.values()]) lease.abandon();
  }

  /** True when the request went onto the stream: without one, nothing was sent. */
  #renew(id: string): boolean {
    if (this.#closed || this.#cancelReconnect !== undefined) return false;
    this.#stream ??= this.#open();
    this.#stream.send({ ID: int64Of(id) });
    return true;
  }

  #open(): Duplex<messages.LeaseKeepAliveRequest.$Properties> {
    return this.#deps.connection.duplex(EtcdWire.leaseKeepAlive, {
      operation: 'renew leases',
      onMessage: (response) => {
        this.#backoff.reset();
        this.#held.get(decimalOf(response.ID))?.answered(exactNumber(response.TTL));
      },
      onEnd: (error) => {
        this.#deps.log.debug('stream of lease renewals ended', { error });
        this.#stream = undefined;
        for (const lease of this.#held.values()) lease.forgetUnanswered();
        this.#reconnectLater();
      },
    });
  }

  #reconnectLater(): void {
    if (this.#closed || this.#held.size === 0) return;
    this.#cancelReconnect = this.#deps.clock.after(this.#backoff.next(), () => {
      this.#cancelReconnect = undefined;
      for (const lease of this.#held.values()) lease.renewNow();
    });
  }

  #release(id: string): void {
    this.#held.delete(id);
    if (this.#held.size > 0) return;
    this.#cancelReconnect?.();
    this.#cancelReconnect = undefined;
    this.#stream?.close();
    this.#stream = undefined;
  }

  async #revoke(id: string): Promise<void> {
    const options = { operation: 'revoke lease', subject: id };
    try {
      await this.#deps.connection.unary(EtcdWire.leaseRevoke, { ID: int64Of(id) }, options);
    } catch (error) {
      if (!isFailure(error, Meanings.leaseGone)) throw error;
    }
  }
}

const silent = (operation: string): OperationalError =>
  storeFailure(Meanings.unreachable, { operation, reason: 'etcd did not answer for all of them' });
