// Writes what admission decided into the cluster's own etcd: admitted records under `cilium/cache/`, withheld ones under
// `clustermesh/v1/quarantine/`, and each peer's config, card, freshness and canaries. Level-triggered: every event names keys;
// a key's wish is computed anew and compared with the mirror of the own etcd. The one writer of these keys, while it leads.
//
// Reflected keys carry no lease: an API server that is away must not withdraw what its peers said.

import { setImmediate } from 'node:timers/promises';
import type { ClusterName } from '../../mesh/model/names.ts';
import { QUARANTINE_PREFIX, quarantineKey } from '../../mesh/wire/quarantine.ts';
import { cacheKeyOf } from '../../mesh/wire/record-kinds.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import type { Condition, KeyValue, MirrorBatch, Store, Write } from '../store/port.ts';
import { TRANSACTION_WRITES_MAX } from '../store/port.ts';
import { transactionGroups } from '../store/transaction-groups.ts';
import { Declarations } from './declared.ts';
import {
  canariesOfPeer,
  declarationKeys,
  keysOfPeer,
  locate,
  type PeersKey,
  piecesCanary,
  wholeCopiesOf,
  wholeCopyOf,
} from './desired.ts';
import { Landings } from './landings.ts';
import { OwedWrites } from './owed.ts';
import type { ReflectedPeers, ReflectionWatcher } from './port.ts';
import { ReturningWrites } from './returning.ts';

export interface ReflectorDeps {
  readonly self: ClusterName;
  readonly store: Pick<Store, 'transact'>;
  /** The mirror of the own etcd. */
  readonly observed: ReadonlyMap<string, KeyValue>;
  readonly peers: ReflectedPeers;
  /** Is told what waits and what was written. */
  readonly progress?: ReflectionWatcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** An etcd syncs to disk for each group of transactions: those that are under way together share that. */
const TRANSACTIONS_MAX = 4;
/**
 * Between two transactions of changes that come one by one. Each costs about the same here, in the etcd, in the view and in every
 * agent whether it holds one change or five; and no view makes snapshots more often than each 5 ms anyway.
 */
const PACE_MS = 10;
/** Of the keys that are there: looking where a key belongs takes about a microsecond. */
const RESYNC_KEYS_PER_TURN = 1_000;

export class Reflector {
  readonly #deps: ReflectorDeps;
  readonly #queue: WorkQueue<string>;
  readonly #owed: OwedWrites;
  readonly #landings = new Landings();
  readonly #declarations = new Declarations();
  readonly #returning = new ReturningWrites();
  /** Withheld records of peers that the own etcd has: hardly any. */
  readonly #withheld = new Set<string>();
  /** While this replica leads: what must still hold for its writes to be carried out. */
  #fence: Condition | undefined;
  #lastError: unknown;
  #resyncing = false;

  constructor(deps: ReflectorDeps) {
    this.#deps = deps;
    const { peers, observed, clock, log } = deps;
    const { landed } = this.#landings;
    this.#owed = new OwedWrites({ peers, observed, landed, clock, log, onDue: (key) => this.#add(key) });
    this.#queue = new WorkQueue({
      name: 'reflect',
      clock: deps.clock,
      random: deps.random,
      batchMax: TRANSACTION_WRITES_MAX,
      parallelMax: TRANSACTIONS_MAX,
      paceMs: PACE_MS,
      work: (keys, signal) => this.#write(keys, signal),
      onError: (error) => {
        this.#lastError = error;
        deps.log.warn('cannot reflect peers', { error });
      },
    });
  }

  /** Keys that are not written yet. */
  get depth(): number {
    return this.#queue.depth + Number(this.#resyncing);
  }

  get lastError(): unknown {
    return this.#lastError;
  }

  /** Records of a peer were admitted, withheld, changed or taken away. */
  onRecords(name: ClusterName, keys: Iterable<string>): void {
    if (this.#fence === undefined) return;
    const quarantined = this.#deps.peers.peer(name)?.quarantined ?? NOTHING;
    const maybeWithheld = quarantined.size > 0 || this.#withheld.size > 0;
    const changed: string[] = [];
    const wholes = new Set<string>();
    for (const key of keys) {
      const whole = wholeCopyOf(name, key);
      if (whole !== undefined) wholes.add(whole);
      const cached = cacheKeyOf(name, key);
      if (cached !== undefined) changed.push(cached);
      if (!maybeWithheld) continue;
      // Where one is on its way into the etcd, its arrival has it looked at again.
      const withheld = quarantineKey(name, key);
      if (quarantined.has(key) || this.#withheld.has(withheld)) changed.push(withheld);
    }
    this.#addChanged(name, changed);
    // For readers of Cilium's schema, and written when it may be: nobody's progress waits for it.
    this.#addAll(wholes);
  }

  /** What a peer declares about itself may be admitted otherwise than before. */
  onDeclarations(name: ClusterName): void {
    if (this.#fence === undefined) return;
    if (!this.#declarations.isNew(name, this.#deps.peers.peer(name))) return;
    this.#addChanged(name, declarationKeys(name));
  }

  /**
   * Something about a peer as a whole changed: whether it is there, how fresh it is, whether it is complete. Of single records
   * admission tells; what is left over of them is looked at once the peer is complete, or gone.
   */
  onPeer(name: ClusterName): void {
    if (this.#fence === undefined) return;
    const peer = this.#deps.peers.peer(name);
    if (peer === undefined) {
      this.#landings.forget(name);
      this.#owed.takeUndecided(name);
      // What is on its way is not found here, and has to go as well once it has come.
      this.#returning.clear();
      for (const key of this.#deps.observed.keys()) {
        if (key.includes(name) && locate(key, this.#deps.self)?.peer === name) this.#queue.add(key);
      }
      return;
    }
    this.#landings.expect(name);
    this.#addAll(declarationKeys(name));
    this.#addAll(canariesOfPeer(name));
    if (peer.complete) this.#decide(name);
  }

  /** Who the peers are has become known: what is there of anybody else is left over. */
  onPeersKnown(): void {
    for (const name of this.#owed.undecided) {
      if (this.#deps.peers.peer(name) === undefined) this.#decide(name);
    }
  }

  /** The own etcd changed: a key of ours that somebody else touched is put right. */
  onOwnBatch(batch: MirrorBatch): void {
    if (this.#fence === undefined) return;
    const outcomes = this.#owed.outcomes();
    for (const event of batch.events) {
      if (this.#returning.takes(event)) continue;
      const located = locate(event.type === 'put' ? event.kv.key : event.key, this.#deps.self);
      if (located === undefined) continue;
      this.#noteWithheld(located, event.type === 'put');
      // Nearly always it is what was just written, and there is nothing to do.
      if (this.#owed.isOpen(located, outcomes)) this.#queue.add(located.key);
      if (located.key === piecesCanary(located.peer)) this.#formChanged(located.peer);
    }
  }

  /**
   * Readers go by the other form of the peer's services from here on: the pieces may go, or the copies for Cilium's readers be made,
   * which nobody of ours waits for.
   */
  #formChanged(name: ClusterName): void {
    const peer = this.#deps.peers.peer(name);
    if (peer === undefined) return;
    this.#landings.expect(name);
    this.#decide(name);
    this.#addAll(wholeCopiesOf(name, peer));
  }

  /** Writes until the signal aborts: for as long as this replica leads. */
  async lead(signal: AbortSignal, fence: Condition): Promise<void> {
    this.#fence = fence;
    this.#deps.progress?.begin(true);
    this.#landings.begin(this.#deps.peers.names());
    this.#owed.clear();
    this.#declarations.clear();
    this.#withheld.clear();
    this.#returning.clear();
    try {
      await Promise.all([this.#queue.run(signal), this.resync(signal)]);
    } finally {
      this.#fence = undefined;
      this.#resyncing = false;
      this.#owed.clear();
      this.#deps.progress?.begin(false);
    }
  }

  /** Looks at every peer and at every key that is there; until it is done, something may wait that is not in the queue. */
  async resync(signal: AbortSignal): Promise<void> {
    const { peers, observed, self } = this.#deps;
    this.#resyncing = true;
    for (const name of [...peers.names()]) {
      const peer = peers.peer(name);
      if (peer !== undefined) this.#addChanged(name, [...keysOfPeer(name, peer)]);
      this.#addAll(canariesOfPeer(name));
      await setImmediate();
      if (signal.aborted) return;
    }
    let looked = 0;
    for (const key of observed.keys()) {
      const located = locate(key, self);
      if (located !== undefined) {
        this.#noteWithheld(located, true);
        this.#queue.add(key);
      }
      looked += 1;
      if (looked % RESYNC_KEYS_PER_TURN !== 0) continue;
      await setImmediate();
      if (signal.aborted) return;
    }
    this.#resyncing = false;
    this.#noteReflected([]);
  }

  #noteWithheld({ key }: PeersKey, isThere: boolean): void {
    if (!key.startsWith(QUARANTINE_PREFIX)) return;
    if (isThere) this.#withheld.add(key);
    else this.#withheld.delete(key);
  }

  #decide(name: ClusterName): void {
    for (const key of this.#owed.takeUndecided(name)) this.#queue.add(key);
  }

  #add(key: string): void {
    // What comes while another replica leads is found by the resync at the start of the own lead.
    if (this.#fence !== undefined) this.#queue.add(key);
  }

  /** Keys that may have to be written because of what the peer said. */
  #addChanged(peer: ClusterName, keys: readonly string[]): void {
    this.#deps.progress?.changed(peer, keys);
    this.#addAll(keys);
  }

  #addAll(keys: Iterable<string>): void {
    for (const key of keys) this.#add(key);
  }

  async #write(keys: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const fence = this.#fence;
    if (fence === undefined) return [];
    const { progress, self, store } = this.#deps;
    const located = keys.flatMap((key) => locate(key, self) ?? []);
    progress?.takenUp(located);
    this.#returning.forget(keys);
    const { era } = this.#returning;
    const writes = await this.#owed.writes(located);
    // Another replica may lead by now, or this one once more.
    if (this.#fence !== fence) return [];
    let wrote = false;
    for (const group of transactionGroups(writes, bytesOf)) {
      wrote = true;
      this.#returning.expect(group, era);
      const { succeeded } = await store.transact(group, [fence], signal);
      if (!succeeded) throw leadershipLost();
    }
    this.#lastError = undefined;
    // Where nothing is to be written, nothing is waited for: after a start these are all keys of all peers, and others have their turn.
    if (!wrote) await setImmediate();
    progress?.written(located);
    this.#noteReflected(keys);
    return [];
  }

  /** A canary says that everything before it has landed: it may stand once nothing of its peer waits any more. */
  #noteReflected(written: readonly string[]): void {
    if (this.#resyncing || this.#queue.depth > written.length) return;
    const { peers, observed } = this.#deps;
    for (const name of this.#landings.settle(peers, (key) => observed.has(key))) this.#addAll(canariesOfPeer(name));
  }
}

const NOTHING: ReadonlyMap<string, Uint8Array> = new Map();

const bytesOf = (write: Write): number => write.key.length + (write.type === 'put' ? write.value.length : 0);

function leadershipLost(): OperationalError {
  return new OperationalError({
    code: 'LEADERSHIP_LOST',
    operation: 'reflect peers',
    reason: 'another replica leads since',
    retryable: true,
  });
}
