// The leases that published keys hang on: when the publisher is gone for good, its keys go with them. A key stays on its lease
// for life. A stop abandons the leases, and a crash leaves them: a successor takes them over within their time to live, so that what
// hangs on them need not be written again.

import { OperationalError } from '../../runtime/errors.ts';
import type { Lease, Store } from '../store/port.ts';

/** A put costs etcd time in proportion to the keys on its lease (etcd-io/etcd#15993). */
export const KEYS_PER_LEASE_MAX = 1_000;
/** A restart, an upgrade or a fail-over ends within this; a cluster that is gone for longer leaves nothing behind. */
export const LEASE_TTL_SECONDS = 15 * 60;

interface HeldLease {
  readonly lease: Lease;
  readonly keys: Set<string>;
}

export interface LeasePoolDeps {
  readonly store: Pick<Store, 'grantLease' | 'adoptLeases'>;
  /** A lease has ended, or may have: its keys are to be written again. */
  readonly onLost: (keys: readonly string[]) => void;
}

export class LeasePool {
  readonly #deps: LeasePoolDeps;
  readonly #held = new Map<string, HeldLease>();
  readonly #leaseOf = new Map<string, HeldLease>();
  #granting: Promise<void> | undefined;

  constructor(deps: LeasePoolDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#held.size;
  }

  holds(leaseId: string): boolean {
    return this.#held.has(leaseId);
  }

  /** The id of the lease for `key`: the one it has, else one with room, else a new one. */
  async assign(key: string, signal: AbortSignal): Promise<string> {
    for (;;) {
      const held = this.#leaseOf.get(key) ?? this.#withRoom();
      if (held !== undefined) {
        held.keys.add(key);
        this.#leaseOf.set(key, held);
        return held.lease.id;
      }
      this.#granting ??= this.#grant(signal).finally(() => {
        this.#granting = undefined;
      });
      await this.#granting;
    }
  }

  /** Takes over leases that a predecessor granted, with the keys on them; those that have ended are not held. */
  async adopt(keysOf: ReadonlyMap<string, readonly string[]>, signal: AbortSignal): Promise<void> {
    const leases = await this.#deps.store.adoptLeases([...keysOf.keys()], LEASE_TTL_SECONDS, signal);
    for (const lease of leases) this.#hold(lease, keysOf.get(lease.id) ?? []);
  }

  /** The key is deleted: its place is free. */
  release(key: string): void {
    this.#leaseOf.get(key)?.keys.delete(key);
    this.#leaseOf.delete(key);
  }

  /** etcd does not know the lease any more. */
  drop(leaseId: string): void {
    const held = this.#held.get(leaseId);
    if (held === undefined) return;
    this.#held.delete(leaseId);
    for (const key of held.keys) this.#leaseOf.delete(key);
    held.lease.abandon();
    this.#deps.onLost([...held.keys]);
  }

  /** Stops renewing all of them; their keys stay for the rest of their time to live. */
  abandon(): void {
    for (const { lease } of this.#held.values()) lease.abandon();
    this.#held.clear();
    this.#leaseOf.clear();
  }

  #withRoom(): HeldLease | undefined {
    for (const held of this.#held.values()) if (held.keys.size < KEYS_PER_LEASE_MAX) return held;
    return undefined;
  }

  async #grant(signal: AbortSignal): Promise<void> {
    const lease = await this.#deps.store.grantLease(LEASE_TTL_SECONDS, signal);
    if (signal.aborted) {
      lease.abandon();
      signal.throwIfAborted();
    }
    if (lease.lost.aborted) throw leaseLost(lease.id);
    this.#hold(lease, []);
  }

  #hold(lease: Lease, keys: readonly string[]): void {
    const held = { lease, keys: new Set(keys) };
    this.#held.set(lease.id, held);
    for (const key of keys) this.#leaseOf.set(key, held);
    lease.lost.addEventListener('abort', () => this.drop(lease.id), { once: true });
  }
}

const leaseLost = (id: string): OperationalError =>
  new OperationalError({
    code: 'STORE_LEASE_LOST',
    operation: 'grant lease',
    subject: id,
    reason: 'it ended before it could be used',
    retryable: true,
  });
