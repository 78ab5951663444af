// An etcd in memory for unit tests: the store and what a mirror needs, over MemoryHistory, with switches for what goes wrong
// between a client and an etcd. It passes the same contract (contract.ts) as the real client against a real etcd. Leases
// never end by themselves: a test ends one with `expireLease`, or all that nobody renews with `expireAbandoned`.

import type { Revision } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import { type Log, silentLog } from '../../runtime/log.ts';
import { type Random, seededRandom } from '../../runtime/random.ts';
import { assertWritesFit, Meanings, storeFailure } from './failures.ts';
import { type KeyRange, prefixRange, singleKey } from './key-range.ts';
import { MemoryHistory } from './memory-history.ts';
import { MemoryWatchStream } from './memory-watch.ts';
import { createMirror } from './mirror.ts';
import type { MirrorSource, Page, PageRequest, WatchListener, WatchStream } from './mirror-port.ts';
import { pagesOf, readKeys } from './pages.ts';
import type {
  Condition,
  KeyValue,
  Lease,
  Mirror,
  MirroringStore,
  MirrorOptions,
  RangePage,
  StoreStatus,
  TransactionOutcome,
  Write,
} from './port.ts';

export interface MemoryStoreOptions {
  readonly storeId?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
}

interface MemoryLease {
  readonly lost: AbortController;
  /** Who renews it. */
  holders: number;
}

export class MemoryStore implements MirroringStore, MirrorSource {
  readonly #options: MemoryStoreOptions;
  readonly #streams = new Set<MemoryWatchStream>();
  readonly #leases = new Map<string, MemoryLease>();
  #history = new MemoryHistory();
  #storeId: string;
  #leasesGranted = 0;
  #fault: OperationalError | undefined;
  #held = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = options;
    this.#storeId = options.storeId ?? '00000000000000aa';
  }

  get position(): Position {
    return { storeId: this.#storeId, revision: this.#history.revision as Revision };
  }

  // --- Store ---

  async get(key: string, signal?: AbortSignal): Promise<KeyValue | undefined> {
    await this.#admit(signal);
    return this.#history.get(key);
  }

  getAll(keys: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, KeyValue>> {
    return readKeys(this, keys, signal);
  }

  list(prefix: string, signal?: AbortSignal): AsyncIterable<RangePage> {
    return pagesOf(this, { range: prefixRange(prefix), signal });
  }

  async transact(
    writes: readonly Write[],
    conditions: readonly Condition[] = [],
    signal?: AbortSignal,
  ): Promise<TransactionOutcome> {
    await this.#admit(signal);
    assertWritesFit(writes.length);
    if (new Set(writes.map(({ key }) => key)).size < writes.length) throw failed('duplicate key given in txn request');
    if (!conditions.every((condition) => this.#history.holds(condition))) {
      return { succeeded: false, position: this.position };
    }
    for (const write of writes) {
      if (write.type === 'put' && write.lease !== undefined && !this.#leases.has(write.lease))
        throw leaseGone(write.lease);
    }
    this.#history.commit(writes);
    this.#pump();
    return { succeeded: true, position: this.position };
  }

  async grantLease(_ttlSeconds: number, signal?: AbortSignal): Promise<Lease> {
    await this.#admit(signal);
    this.#leasesGranted += 1;
    const id = String(this.#leasesGranted);
    const lease = { lost: new AbortController(), holders: 0 };
    this.#leases.set(id, lease);
    return this.#hold(id, lease);
  }

  async adoptLeases(ids: readonly string[], _ttlSecondsMin: number, signal?: AbortSignal): Promise<readonly Lease[]> {
    await this.#admit(signal);
    return ids.flatMap((id) => {
      const lease = this.#leases.get(id);
      return lease === undefined ? [] : this.#hold(id, lease);
    });
  }

  #hold(id: string, lease: MemoryLease): Lease {
    const { lost } = lease;
    lease.holders += 1;
    return {
      id,
      lost: lost.signal,
      revoke: async () => {
        await this.#admit(undefined);
        this.expireLease(id);
      },
      abandon: () => {
        lease.holders -= 1;
      },
    };
  }

  async status(signal?: AbortSignal): Promise<StoreStatus> {
    await this.#admit(signal);
    return { ...this.position, version: 'memory', sizeBytes: 0 };
  }

  close(): void {
    this.breakStreams();
  }

  createMirror(options: MirrorOptions): Mirror {
    const { clock = systemClock, random = seededRandom(1), log = silentLog } = this.#options;
    return createMirror({ source: this, clock, random, log }, options);
  }

  // --- What a mirror needs ---

  async readPage(request: PageRequest, signal?: AbortSignal): Promise<Page> {
    await this.#admit(signal);
    return this.#page(request);
  }

  async readPages(requests: readonly PageRequest[], signal?: AbortSignal): Promise<readonly Page[]> {
    await this.#admit(signal);
    return requests.map((request) => this.#page(request));
  }

  #page({ range, revision, limit }: PageRequest): Page {
    const at = revision === 0 ? this.#history.revision : revision;
    if (at > this.#history.revision)
      throw storeFailure(Meanings.futureRevision, { operation: 'read', reason: 'a future revision' });
    if (at < this.#history.compacted)
      throw storeFailure(Meanings.compacted, { operation: 'read', reason: 'compacted' });
    return { position: this.position, ...this.#history.rangeAt(range, at, limit) };
  }

  openWatch(listener: WatchListener): WatchStream {
    const stream = new MemoryWatchStream({
      history: () => this.#history,
      position: () => this.position,
      listener,
      onClosed: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    stream.held = this.#held;
    if (this.#fault !== undefined) stream.breakOff(this.#fault);
    return stream;
  }

  // --- For tests: what is there, and what goes wrong ---

  /** Everything in `prefixes` now. */
  content(...prefixes: readonly string[]): ReadonlyMap<string, KeyValue> {
    return this.contentAt(this.#history.revision, ...prefixes);
  }

  contentAt(revision: number, ...prefixes: readonly string[]): ReadonlyMap<string, KeyValue> {
    const content = new Map<string, KeyValue>();
    for (const range of prefixes.map(rangeNamed)) {
      for (const kv of this.#history.rangeAt(range, revision, Infinity).entries) content.set(kv.key, kv);
    }
    return content;
  }

  /** From now on every call and every stream fails, until `recover`. */
  fail(fault: OperationalError = unreachableFault()): void {
    this.#fault = fault;
    this.breakStreams(fault);
  }

  recover(): void {
    this.#fault = undefined;
  }

  /** Ends the watch streams; messages that were on their way are lost. */
  breakStreams(fault: OperationalError = unreachableFault()): void {
    for (const stream of [...this.#streams]) stream.breakOff(fault);
  }

  /** Watch messages stay on their way until `release`: a link that swallows everything. */
  hold(): void {
    this.#held = true;
    for (const stream of this.#streams) stream.held = true;
  }

  release(): void {
    this.#held = false;
    for (const stream of this.#streams) stream.held = false;
    this.#pump();
  }

  compact(revision = this.#history.revision): void {
    this.#history.compact(revision);
  }

  /** An empty store. With the same id it is the etcd that was started again with the same flags. */
  wipe(storeId = this.#storeId): void {
    this.#history = new MemoryHistory();
    this.#storeId = storeId;
    for (const { lost } of this.#leases.values()) lost.abort();
    this.#leases.clear();
    this.breakStreams();
  }

  /** Ends a lease, and its keys with it, as one revision. */
  expireLease(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    const held = this.#history
      .rangeAt(prefixRange(''), this.#history.revision, Infinity)
      .entries.filter((kv) => kv.lease === id);
    this.#history.commit(held.map(({ key }) => ({ type: 'delete', key })));
    lease.lost.abort();
    this.#pump();
  }

  /** Time passes: leases that nobody renews end. */
  expireAbandoned(): void {
    for (const [id, { holders }] of [...this.#leases]) if (holders <= 0) this.expireLease(id);
  }

  #pump(): void {
    for (const stream of this.#streams) stream.pump();
  }

  async #admit(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.#fault !== undefined) throw this.#fault;
  }
}

const rangeNamed = (name: string): KeyRange =>
  name === '' || name.endsWith('/') ? prefixRange(name) : singleKey(name);

export function unreachableFault(): OperationalError {
  const reason = 'it was made unreachable';
  return storeFailure(Meanings.unreachable, { operation: 'reach', subject: 'memory store', reason });
}

const failed = (reason: string): OperationalError =>
  storeFailure(Meanings.failed, { operation: 'write', subject: 'memory store', reason });

const leaseGone = (id: string): OperationalError =>
  storeFailure(Meanings.leaseGone, { operation: 'write', subject: `lease ${id}`, reason: 'requested lease not found' });
