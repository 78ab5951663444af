// Makes the cluster's own etcd hold what should be there: callers say what a key is to be, or that it must not exist, and this
// writes the differences in transactions, under leases, until they have landed. What is lost (an ended lease) or changed by
// somebody else is put right. It deletes keys that nobody has mentioned only once it is told that all are known.

import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Random } from '../../runtime/random.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import { isFailure, Meanings } from '../store/failures.ts';
import type { Condition, MirrorBatch, Store, TransactionOutcome, Write } from '../store/port.ts';
import { TRANSACTION_WRITES_MAX } from '../store/port.ts';
import { transactionGroups } from '../store/transaction-groups.ts';
import { PublisherMeanings, publisherFailures } from './failures.ts';
import { KeyTable } from './key-table.ts';
import { Landing } from './landing.ts';
import { LeasePool } from './lease-pool.ts';
import { bytesOf, type KeyWritePlan } from './write-plan.ts';

export interface KeyWriterDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether a key is this writer's to write, and to delete. */
  readonly owns: (key: string) => boolean;
  /** Everything that it owns is under these, or is one of these. */
  readonly prefixes: readonly string[];
  /** Under what a key is counted. */
  readonly kindOf: (key: string) => string;
  /** Keys that do not wait behind the others. */
  readonly isUrgent: (key: string) => boolean;
  /** What must have landed before a key is written; for canaries. */
  readonly goesBefore: (key: string) => ((other: string) => boolean) | undefined;
  /** Must hold for every write: that this replica leads. */
  readonly fence: Condition | undefined;
  readonly onError: (error: unknown) => void;
}

interface KeyWrite {
  readonly key: string;
  readonly plan: KeyWritePlan;
  /** The newest change that the plan includes. */
  readonly change: number;
}

export class KeyWriter {
  readonly #deps: KeyWriterDeps;
  readonly #table: KeyTable;
  readonly #landing = new Landing();
  readonly #leases: LeasePool;
  readonly #urgent: WorkQueue<string>;
  readonly #ordinary: WorkQueue<string>;
  /** A write failed for a reason that passes; the next that succeeds says that it has passed. */
  #hindered = false;
  /** The newest that an answer has told of: etcd never answers with an older one, unless its history is another. */
  #newestRevision = 0;
  /** What came from the mirror before the list was complete. */
  #meanwhile: MirrorBatch[] | undefined = [];
  #storeId: string | undefined;
  /** Ends `run`. */
  #fail = (_error: unknown): void => {};

  constructor(deps: KeyWriterDeps) {
    this.#deps = deps;
    this.#table = new KeyTable({ kindOf: deps.kindOf, isOurs: (lease) => this.#leases.holds(lease) });
    this.#leases = new LeasePool({ store: deps.store, onLost: (keys) => this.#lost(keys) });
    this.#urgent = this.#createQueue('urgent keys');
    this.#ordinary = this.#createQueue('published keys');
  }

  /** Keys whose present state etcd does not hold yet. */
  get depth(): number {
    return this.#landing.size;
  }

  get leases(): number {
    return this.#leases.size;
  }

  /** How many keys of a kind should be there. */
  count(kind: string): number {
    return this.#table.count(kind);
  }

  /** What the key is to be from now on; undefined when it must not exist. */
  set(key: string, value: Uint8Array | undefined): void {
    if (this.#table.want(key, value)) this.#lookAgain([key]);
  }

  /** Writes what is wanted even if it is there: readers take the write as a sign of life. */
  refresh(key: string): void {
    this.#table.force(key);
    this.#lookAgain([key]);
  }

  /** Looks at every key that etcd holds and nobody has mentioned: it is kept alive, or with `prune`, deleted. */
  settleLeftovers({ prune }: { readonly prune: boolean }): void {
    this.#table.allowPruning(prune);
    this.#lookAgain(this.#table.leftovers());
  }

  /** Whether etcd holds what the key is to be. */
  hasLanded(key: string): boolean {
    return this.#table.isThere(key) && !this.#landing.isMissing(key);
  }

  /** Reads what etcd holds and takes over its leases, before anything is written: afterwards only differences are. */
  async list(signal: AbortSignal): Promise<void> {
    let revision = Infinity;
    for (const prefix of this.#deps.prefixes) {
      if (!prefix.endsWith('/')) {
        const found = await this.#deps.store.get(prefix, signal);
        if (found !== undefined) this.#table.listed(found);
        continue;
      }
      for await (const { position, entries } of this.#deps.store.list(prefix, signal)) {
        if (this.#isAnotherStore(position.storeId)) throw publisherFailures.storeChanged();
        revision = Math.min(revision, position.revision);
        for (const kv of entries) if (this.#deps.owns(kv.key)) this.#table.listed(kv);
      }
    }
    this.#newestRevision = Number.isFinite(revision) ? revision : 0;
    this.#table.listComplete(this.#newestRevision);
    await this.#leases.adopt(this.#table.keysOfLeases(), signal);
    const meanwhile = this.#meanwhile;
    this.#meanwhile = undefined;
    for (const batch of meanwhile ?? []) this.observe(batch);
  }

  /** What others did to the keys, and what came of the own writes, from a mirror of the etcd. */
  observe(batch: MirrorBatch): void {
    if (this.#meanwhile !== undefined) {
      this.#meanwhile.push(batch);
      return;
    }
    if (this.#isAnotherStore(batch.position.storeId)) return;
    for (const event of batch.events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (this.#deps.owns(key) && this.#table.observe(event)) this.#lookAgain([key]);
    }
  }

  /** Writes until the signal aborts. Rejects when this replica no longer leads, or when another etcd answers. */
  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const both = AbortSignal.any([signal, ending.signal]);
    this.#fail = (error) => ending.abort(error);
    await Promise.all([this.#urgent.run(both), this.#ordinary.run(both)]);
    this.#leases.abandon();
    if (!signal.aborted) throw ending.signal.reason;
  }

  #createQueue(name: string): WorkQueue<string> {
    const { clock, random, onError } = this.#deps;
    const work = (keys: readonly string[], signal: AbortSignal) => this.#work(keys, signal);
    return new WorkQueue({ name, clock, random, work, batchMax: TRANSACTION_WRITES_MAX, onError });
  }

  #lookAgain(keys: readonly string[]): void {
    for (const key of keys) {
      this.#landing.changed(key);
      (this.#deps.isUrgent(key) ? this.#urgent : this.#ordinary).add(key);
    }
  }

  /** Canaries last: they stand for the others. */
  #lost(keys: readonly string[]): void {
    const isCanary = (key: string): boolean => this.#deps.goesBefore(key) !== undefined;
    this.#lookAgain([...keys.filter((key) => !isCanary(key)), ...keys.filter(isCanary)]);
  }

  /** Gives the keys that failed. */
  async #work(keys: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const writes: KeyWrite[] = [];
    for (const key of keys) {
      const change = this.#landing.newest(key);
      const before = this.#deps.goesBefore(key);
      if (before !== undefined && this.#landing.isBehind(change, before)) {
        this.#landing.whenLanded(before, () => this.#ordinary.add(key));
        continue;
      }
      const plan = this.#table.plan(key);
      const refused = plan.action === 'put' && plan.value.length > VALUE_BYTES_MAX;
      if (refused) this.#deps.onError(publisherFailures.tooLarge(key, plan.value.length));
      if (plan.action === 'none' || refused) {
        this.#landing.landed(key, change);
        this.#table.forgetAbsent(key);
      } else writes.push({ key, plan, change });
    }
    const failed: string[] = [];
    for (const group of transactionGroups(writes, bytesOf)) failed.push(...(await this.#commit(group, signal)));
    return failed;
  }

  async #commit(group: readonly KeyWrite[], signal: AbortSignal): Promise<readonly string[]> {
    try {
      await this.#transact(group, signal);
      return [];
    } catch (error) {
      if (signal.aborted) return [];
      if (!(error instanceof OperationalError)) throw error;
      this.#hindered ||= error.retryable;
      const keys = group.map(({ key }) => key);
      if (isFailure(error, Meanings.leaseGone)) return keys;
      if (isFailure(error, PublisherMeanings.fenced)) {
        this.#fail(error);
        return [];
      }
      if (isFailure(error, Meanings.failed) && group.length > 1) {
        // One of them is at fault: find it, and let the others land.
        const half = group.length >> 1;
        const first = await this.#commit(group.slice(0, half), signal);
        return [...first, ...(await this.#commit(group.slice(half), signal))];
      }
      this.#deps.onError(error);
      // What etcd refuses does not land before somebody changes something: nobody waits for it.
      if (isFailure(error, Meanings.failed)) for (const { key, change } of group) this.#landing.landed(key, change);
      return keys;
    }
  }

  async #transact(group: readonly KeyWrite[], signal: AbortSignal): Promise<void> {
    const { store, fence } = this.#deps;
    const writes: Write[] = [];
    const leases = new Map<string, string>();
    for (const { key, plan } of group) {
      if (plan.action === 'delete') writes.push({ type: 'delete', key });
      else {
        const lease = await this.#leases.assign(key, signal);
        leases.set(key, lease);
        writes.push({ type: 'put', key, value: plan.value, lease });
      }
    }
    signal.throwIfAborted();
    const newestBefore = this.#newestRevision;
    let outcome: TransactionOutcome;
    try {
      outcome = await store.transact(writes, fence === undefined ? [] : [fence], signal);
    } catch (error) {
      if (isFailure(error, Meanings.leaseGone)) for (const lease of new Set(leases.values())) this.#leases.drop(lease);
      throw error;
    }
    if (!outcome.succeeded) throw publisherFailures.fenced();
    const { storeId, revision } = outcome.position;
    if (this.#isAnotherStore(storeId)) return;
    // A put makes a revision of its own; deleting what is not there does not.
    if (revision < newestBefore + (leases.size > 0 ? 1 : 0)) {
      this.#fail(publisherFailures.storeChanged());
      return;
    }
    this.#newestRevision = Math.max(this.#newestRevision, revision);
    this.#recovered();
    for (const { key, plan, change } of group) {
      if (plan.action === 'delete') this.#leases.release(key);
      const more = this.#table.wrote(key, plan, { lease: leases.get(key) ?? '0', revision });
      this.#landing.landed(key, change);
      if (more) this.#lookAgain([key]);
    }
  }

  /** What waits for a retry need not wait any longer. */
  #recovered(): void {
    if (!this.#hindered) return;
    this.#hindered = false;
    for (const key of [...this.#landing.keys()]) (this.#deps.isUrgent(key) ? this.#urgent : this.#ordinary).add(key);
  }

  #isAnotherStore(storeId: string): boolean {
    this.#storeId ??= storeId;
    if (this.#storeId === storeId) return false;
    this.#fail(publisherFailures.storeChanged());
    return true;
  }
}
