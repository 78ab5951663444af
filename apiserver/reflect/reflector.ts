// Writes what admission decided into the cluster's own etcd: admitted records under `cilium/cache/`, withheld ones under
// `clustermesh/v1/quarantine/`, and each peer's config, card, freshness and canaries. Level-triggered: every event names keys;
// a key's wish is computed anew and compared with the mirror of the own etcd. The one writer of these keys, while it leads.
//
// Reflected keys carry no lease: an API server that is away must not withdraw what its peers said.

import { setImmediate } from 'node:timers/promises';
import type { ClusterName } from '../../mesh/model/names.ts';
import { QUARANTINE_PREFIX, quarantineKey } from '../../mesh/wire/quarantine.ts';
import { cacheKeyOf } from '../../mesh/wire/record-kinds.ts';
import { encodeTime } from '../../mesh/wire/synced.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import { keepOnce } from '../store/keep-once.ts';
import type { Condition, KeyValue, MirrorBatch, Store, Write } from '../store/port.ts';
import { TRANSACTION_WRITES_MAX } from '../store/port.ts';
import { ComposedCopies } from './composed.ts';
import {
  canariesOfPeer,
  declarationKeys,
  keysOfPeer,
  type LandedForm,
  landedForm,
  locate,
  type PeersKey,
  piecesCanary,
  wholeCopiesOf,
  wholeCopyOf,
  wishFor,
} from './desired.ts';
import type { AdmittedPieces, ReflectedPeer, ReflectedPeers, ReflectionWatcher } from './port.ts';

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

/** One transaction holds 128 writes, and etcd takes requests of 1.5 MiB: large values go in smaller groups. */
const TRANSACTION_BYTES_MAX = 1024 * 1024;
/** An etcd syncs to disk for each group of transactions: those that are under way together share that. */
const TRANSACTIONS_MAX = 4;
/**
 * Between two transactions of changes that come one by one. Each costs about the same here, in the etcd, in the view and in every
 * agent whether it holds one change or five; and no view makes snapshots more often than each 5 ms anyway.
 */
const PACE_MS = 10;
/** Of the keys that are there: looking where a key belongs takes about a microsecond. */
const RESYNC_KEYS_PER_TURN = 1_000;

/** Composing the copy of a service takes about a millisecond, and a batch has up to 128 of them; what else is due goes between. */
const TURN_MS = 5;

/** What is known of the peers at one moment, looked up once each. */
type Outcomes = (name: ClusterName) => ReflectedPeer | undefined;

export class Reflector {
  readonly #deps: ReflectorDeps;
  readonly #queue: WorkQueue<string>;
  readonly #landed = new Map<ClusterName, LandedForm>();
  /** Peers of which that may be another form than is known, or none is. */
  readonly #landing = new Set<ClusterName>();
  readonly #composed: ComposedCopies;
  /** What each peer declared of itself when it was last looked at. */
  readonly #declared = new Map<ClusterName, Declared>();
  /** Withheld records of peers that the own etcd has: hardly any. */
  readonly #withheld = new Set<string>();
  /** Keys that are there although their peer does not ask for them, as long as it may still do so. */
  readonly #undecided = new Map<ClusterName, Set<string>>();
  /** While this replica leads: what must still hold for its writes to be carried out. */
  #fence: Condition | undefined;
  #lastError: unknown;
  #resyncing = false;

  constructor(deps: ReflectorDeps) {
    this.#deps = deps;
    this.#composed = new ComposedCopies({ clock: deps.clock, log: deps.log, onDue: (key) => this.#add(key) });
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
    const peer = this.#deps.peers.peer(name);
    const before = this.#declared.get(name);
    if (peer === undefined) this.#declared.delete(name);
    else {
      const declared = declaredBy(peer);
      // Nearly always it was a record that changed.
      if (before !== undefined && sameDeclared(before, declared)) return;
      this.#declared.set(name, declared);
    }
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
      this.#landed.delete(name);
      this.#landing.delete(name);
      this.#undecided.delete(name);
      for (const key of this.#deps.observed.keys()) {
        if (key.includes(name) && locate(key, this.#deps.self)?.peer === name) this.#queue.add(key);
      }
      return;
    }
    this.#landing.add(name);
    this.#addAll(declarationKeys(name));
    this.#addAll(canariesOfPeer(name));
    if (peer.complete) this.#decide(name);
  }

  /** Who the peers are has become known: what is there of anybody else is left over. */
  onPeersKnown(): void {
    for (const name of [...this.#undecided.keys()]) {
      if (this.#deps.peers.peer(name) === undefined) this.#decide(name);
    }
  }

  /** The own etcd changed: a key of ours that somebody else touched is put right. */
  onOwnBatch(batch: MirrorBatch): void {
    if (this.#fence === undefined) return;
    const outcomes = this.#outcomes();
    for (const event of batch.events) {
      const located = locate(event.type === 'put' ? event.kv.key : event.key, this.#deps.self);
      if (located === undefined) continue;
      this.#noteWithheld(located, event.type === 'put');
      // Nearly always it is what was just written, and there is nothing to do.
      if (this.#isOpen(located, outcomes)) this.#queue.add(located.key);
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
    this.#landing.add(name);
    this.#decide(name);
    this.#addAll(wholeCopiesOf(name, peer));
  }

  /** Writes until the signal aborts: for as long as this replica leads. */
  async lead(signal: AbortSignal, fence: Condition): Promise<void> {
    this.#fence = fence;
    this.#deps.progress?.begin(true);
    this.#landed.clear();
    this.#landing.clear();
    for (const name of this.#deps.peers.names()) this.#landing.add(name);
    this.#undecided.clear();
    this.#declared.clear();
    this.#withheld.clear();
    try {
      await Promise.all([this.#queue.run(signal), this.resync(signal)]);
    } finally {
      this.#fence = undefined;
      this.#resyncing = false;
      this.#composed.clear();
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
    const keys = this.#undecided.get(name);
    this.#undecided.delete(name);
    for (const key of keys ?? []) this.#queue.add(key);
  }

  /** Valid until the next turn. */
  #outcomes(): Outcomes {
    const known = new Map<ClusterName, ReflectedPeer | undefined>();
    return (name) => {
      if (!known.has(name)) known.set(name, this.#deps.peers.peer(name));
      return known.get(name);
    };
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
    const located = new Map(keys.map((key) => [key, locate(key, self)]));
    const peerOf = (key: string) => located.get(key)?.peer;
    progress?.takenUp(peerOf, keys);
    const writes = await this.#writesFor([...located.values()].filter((one) => one !== undefined));
    // Another replica may lead by now, or this one once more.
    if (this.#fence !== fence) return [];
    let wrote = false;
    for (const group of groupsOf(writes)) {
      wrote = true;
      const { succeeded } = await store.transact(group, [fence], signal);
      if (!succeeded) throw leadershipLost();
    }
    this.#lastError = undefined;
    // Where nothing is to be written, nothing is waited for: after a start these are all keys of all peers, and others have their turn.
    if (!wrote) await setImmediate();
    progress?.written(peerOf, keys);
    this.#noteReflected(keys);
    return [];
  }

  /** What changes while the others of a batch are read is in the queue again. */
  async #writesFor(keys: readonly PeersKey[]): Promise<readonly Write[]> {
    const { clock } = this.#deps;
    const writes: Write[] = [];
    let outcomes = this.#outcomes();
    let begunAt = clock.monotonic();
    for (const located of keys) {
      const write = this.#writeFor(located, outcomes);
      if (write !== undefined) writes.push(write);
      if (clock.monotonic() - begunAt < TURN_MS) continue;
      await setImmediate();
      outcomes = this.#outcomes();
      begunAt = clock.monotonic();
    }
    return writes;
  }

  /** Whether something else is to stand there than does. */
  #isOpen(located: PeersKey, outcomes: Outcomes): boolean {
    const pieces = piecesFor(located, outcomes);
    if (pieces === undefined || !this.#mayCompose(located, outcomes))
      return this.#writeFor(located, outcomes) !== undefined;
    return this.#composed.isDue(located.key, pieces, this.#deps.observed.get(located.key)?.value);
  }

  #writeFor(located: PeersKey, outcomes: Outcomes): Write | undefined {
    const { peers, observed, clock } = this.#deps;
    const { key, peer: name } = located;
    const found = observed.get(key);
    const pieces = piecesFor(located, outcomes);
    const peer = outcomes(name);
    if (pieces !== undefined) {
      const mayCompose = this.#mayCompose(located, outcomes);
      if (!mayCompose && found !== undefined) this.#leaveUndecided(located);
      const value = mayCompose ? this.#composed.next(key, pieces, found?.value) : undefined;
      return value === undefined ? undefined : { type: 'put', key, value };
    }
    if (located.isWhole) this.#composed.forget(key);
    const landing = { landed: this.#landed, has: (other: string) => observed.has(other) };
    const wish = wishFor(located, peer, peers.known, landing);
    switch (wish.type) {
      case 'unknown':
        // Also of who is no peer yet: a replica may lead before it has read who its peers are.
        if (found !== undefined) this.#leaveUndecided(located);
        return undefined;
      case 'absence':
        return found === undefined ? undefined : { type: 'delete', key };
      case 'presence':
        return found === undefined ? { type: 'put', key, value: encodeTime(clock.now()) } : undefined;
      case 'value':
        if (found?.value === wish.value) return undefined;
        if (found !== undefined && Buffer.compare(found.value, wish.value) === 0) {
          // The record is in memory once, for the peer and for the own etcd.
          keepOnce(found, wish.value);
          return undefined;
        }
        // Admission holds what it has admitted, and replaces it instead of changing it.
        return { type: 'put', key, value: wish.value, shared: located.source !== undefined };
      default:
        return wish satisfies never;
    }
  }

  /** Of pieces that are all there, and once the view reads them: it is not to read everything twice. */
  #mayCompose({ peer }: PeersKey, outcomes: Outcomes): boolean {
    return outcomes(peer)?.complete === true && this.#deps.observed.has(piecesCanary(peer));
  }

  #leaveUndecided({ key, peer }: PeersKey): void {
    const keys = this.#undecided.get(peer);
    if (keys === undefined) this.#undecided.set(peer, new Set([key]));
    else keys.add(key);
  }

  /** A canary says that everything before it has landed: it may stand once nothing of its peer waits any more. */
  #noteReflected(written: readonly string[]): void {
    if (this.#resyncing || this.#queue.depth > written.length) return;
    for (const name of this.#landing) {
      const peer = this.#deps.peers.peer(name);
      if (peer?.complete !== true) continue;
      this.#landing.delete(name);
      const form = landedForm(peer, this.#deps.observed.has(piecesCanary(name)));
      if (this.#landed.get(name) === form) continue;
      this.#landed.set(name, form);
      this.#addAll(canariesOfPeer(name));
    }
  }
}

/** All that the keys of a peer itself are made of; its parts are the same objects for as long as they say the same. */
type Declared = readonly unknown[];

const declaredBy = ({ record, config, card, complete }: ReflectedPeer): Declared => [
  record.name,
  record.id,
  record.freshness,
  record.synced,
  config,
  card,
  complete,
];
const sameDeclared = (a: Declared, b: Declared): boolean => a.every((part, at) => part === b[at]);

const NOTHING: ReadonlyMap<string, Uint8Array> = new Map();

/** What a whole service is made of that the peer does not say whole. */
function piecesFor({ isWhole, source, peer }: PeersKey, outcomes: Outcomes): AdmittedPieces | undefined {
  return isWhole && source !== undefined ? outcomes(peer)?.pieces(source) : undefined;
}

/** In their order, each small enough for a transaction. */
function groupsOf(writes: readonly Write[]): readonly (readonly Write[])[] {
  const groups: Write[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const write of writes) {
    const size = write.type === 'put' ? write.value.length : 0;
    if (bytes + size > TRANSACTION_BYTES_MAX) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(write);
    bytes += size;
  }
  return groups;
}

function leadershipLost(): OperationalError {
  return new OperationalError({
    code: 'LEADERSHIP_LOST',
    operation: 'reflect peers',
    reason: 'another replica leads since',
    retryable: true,
  });
}
