// The port to an etcd: its own (read and write) or a peer's door (read). Adapters: etcd-client.ts (real), and the
// memory store that unit tests use. Keys are UTF-8 text; values are bytes that this layer never looks into.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { BackoffOptions } from '../../runtime/backoff.ts';

/** Its parts need not be properties of its own (once-written.ts): a copy names them. */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Decimal text of the lease id, '0' for none: ids exceed what a number holds exactly. */
  readonly lease: string;
}

export type StoreEvent =
  | { readonly type: 'put'; readonly kv: KeyValue; readonly previous?: KeyValue }
  | { readonly type: 'delete'; readonly key: string; readonly modRevision: number; readonly previous?: KeyValue };

export interface RangePage {
  readonly position: Position;
  readonly entries: readonly KeyValue[];
}

/** One write of a transaction. */
export type Write =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: Uint8Array;
      readonly lease?: string;
      /** The bytes never change and are held anyway: mirrors may hold them too, when they come back, instead of a copy. */
      readonly shared?: boolean;
    }
  | { readonly type: 'delete'; readonly key: string };

/** What must hold for a transaction to be carried out; `modRevision` 0 means that the key does not exist. */
export interface Condition {
  readonly key: string;
  readonly modRevision: number;
}

export interface TransactionOutcome {
  readonly succeeded: boolean;
  readonly position: Position;
}

/** etcd refuses larger transactions by default (`--max-txn-ops`). */
export const TRANSACTION_WRITES_MAX = 128;

export interface Lease {
  readonly id: string;
  /** Aborts when the lease may have ended, by revoke too: by an own deadline, never later than etcd's. */
  readonly lost: AbortSignal;
  /** Ends the lease and its keys now. */
  revoke(): Promise<void>;
  /** Stops renewing and leaves the lease to its time to live: for a stop that is no removal. */
  abandon(): void;
}

export interface StoreStatus {
  readonly storeId: string;
  readonly version: string;
  readonly revision: number;
  readonly sizeBytes: number;
}

/**
 * Every call rejects with an OperationalError, or with the signal's reason. Codes: STORE_UNREACHABLE (retryable; a write may
 * have been carried out all the same), STORE_BUSY (retryable), STORE_DENIED, STORE_COMPACTED (retryable: start the list again), STORE_LEASE_GONE (a
 * put under a lease that has ended), STORE_FULL, STORE_FAILED: see failures.ts.
 */
export interface Store {
  get(key: string, signal?: AbortSignal): Promise<KeyValue | undefined>;
  /** Those that are there, at one revision. */
  getAll(keys: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, KeyValue>>;
  /** All entries under `prefix` at one revision, in key order, page by page. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<RangePage>;
  transact(
    writes: readonly Write[],
    conditions?: readonly Condition[],
    signal?: AbortSignal,
  ): Promise<TransactionOutcome>;
  grantLease(ttlSeconds: number, signal?: AbortSignal): Promise<Lease>;
  /**
   * Renews leases that another holder has granted, and holds those that etcd knows: what hangs on them need not be written again.
   * Their first holder may renew them as well. Those with a shorter time to live are left alone: they are somebody else's.
   */
  adoptLeases(ids: readonly string[], ttlSecondsMin: number, signal?: AbortSignal): Promise<readonly Lease[]>;
  status(signal?: AbortSignal): Promise<StoreStatus>;
  close(): void;
}

/** How far a mirror follows its etcd. */
export interface MirrorState {
  readonly phase: 'connecting' | 'listing' | 'live';
  /** The position up to which `entries` is complete; absent before the first complete list. */
  readonly position: Position | undefined;
  /** Monotonic milliseconds since when nothing has been heard from etcd's side; absent while live. */
  readonly staleSince: number | undefined;
  /** Monotonic milliseconds at which the last message (event or progress) came. */
  readonly lastHeard: number | undefined;
  /** Entries received so far by a list that is under way. */
  readonly listed: number;
  readonly lastError: Error | undefined;
  /** How often a connection ended, since the start. */
  readonly disconnects: number;
}

export interface MirrorBatch {
  /** Everything up to here is in `events` or came before. */
  readonly position: Position;
  /**
   * In revision order (of each prefix, where every prefix has a watch of its own); after a re-list, the differences to what
   * was known, and all that is not kept: puts first. May be empty (progress). `previous` is filled in from the entries.
   */
  readonly events: readonly StoreEvent[];
  /** True for what a complete list has found: the first, or one after compaction or a changed etcd. */
  readonly relisted: boolean;
  /** True where further differences of the same list follow, before anything else: nothing is complete before the last. */
  readonly more?: boolean;
}

/** Calls are synchronous: an observer stores or enqueues, and returns. */
export interface MirrorObserver {
  onBatch(batch: MirrorBatch): void;
  onState?(state: MirrorState): void;
}

/**
 * A local copy of some prefixes of an etcd, kept current by one watch stream. A prefix ends in `/`; a name that does not
 * end in `/` is that single key (a door refuses the range of `…/west*`, which could reach into another cluster's keys).
 */
export interface Mirror {
  readonly state: MirrorState;
  readonly entries: ReadonlyMap<string, KeyValue>;
  /** The entries as they are until a complete list replaces all of them: whoever keeps it has from then on what was before. */
  readonly content: ReadonlyMap<string, KeyValue>;
  /**
   * Goes on over the connection of now, from where it is: the stream is another, nothing is missed, and it is no disconnect. For
   * connections that are renewed.
   */
  resume(): void;
  /** Follows until the signal aborts; never rejects for a reason that a retry may cure. */
  run(signal: AbortSignal): Promise<void>;
}

export interface MirrorLimits {
  /** Watches must stand within this time; a black hole at the start is noticed then. @default 10_000 */
  readonly establishTimeoutMs: number;
  /** How often progress is asked for, and looked whether anything came. @default 3_000 */
  readonly progressIntervalMs: number;
  /**
   * A side that answers progress requests is taken for broken when so many looks in a row find that nothing came: after 6 s of
   * silence at the earliest, and 9 s at the latest. @default 2
   */
  readonly silentLooksMax: number;
  /** Keys per page of a list. @default 5_000 */
  readonly pageKeys: number | undefined;
  /**
   * Another replica may lag behind the one that was followed; one that stays behind for longer than this has lost history,
   * and is listed. @default 10_000
   */
  readonly lagGraceMs: number;
  /** A watch that stood this long was no failed attempt: the pauses start again from the shortest. @default 5_000 */
  readonly stableMs: number;
  readonly backoff: BackoffOptions;
}

export interface MirrorOptions {
  /** `a/b/` for everything under it, `a/b` for that one key. They do not overlap. */
  readonly prefixes: readonly string[];
  readonly observer: MirrorObserver;
  /** One watch over the interval that holds all prefixes. @default false */
  readonly spanning?: boolean;
  /**
   * Whether the answer to a progress request is in order with the events, so that it may move the position. It is not
   * before etcd 3.4.25 and 3.5.8. Progress that the other side sends by itself always counts. @default false
   */
  readonly trustRequestedProgress?: boolean;
  /**
   * Which entries are kept: all, unless others hold what they are told and look for themselves what of it is new. The rest is passed
   * on without a `previous`; a list tells all of it as put, whatever was known, and what is not in it is for others to miss.
   */
  readonly keeps?: ((key: string) => boolean) | undefined;
  /** Differences found by a list that are told in one turn; others have theirs in between. @default all */
  readonly differencesPerTurn?: number;
  readonly limits?: Partial<MirrorLimits>;
}

/** An etcd, or a door, that can be read, written (an etcd) and followed. */
export interface MirroringStore extends Store {
  createMirror(options: MirrorOptions): Mirror;
}
