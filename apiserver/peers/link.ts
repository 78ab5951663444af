// The link to one peer: connect → verify → card → list → watch, and from then on follow. The link only carries: what it
// receives goes to the intake (admission) unread but for the canaries and the heartbeat, which say how complete and how
// fresh the rest is. Losing the connection withdraws nothing; only removing the peer does, and that is not decided here.

import type { Freshness, HistoryLoss } from '../../mesh/conflict/facts.ts';
import { type FreshnessLimits, freshnessAt } from '../../mesh/conflict/freshness.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { OWN_STATE_ROOTS } from '../../mesh/wire/state-keys.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/errors.ts';
import type { Gate, GatePlace } from '../../runtime/gate.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { Turns } from '../../runtime/turns.ts';
import { isFailure, Meanings } from '../store/failures.ts';
import type { Mirror, MirrorBatch, MirrorObserver, MirrorState, StoreEvent } from '../store/port.ts';
import { NOTHING_WITHHELD, type Withheld } from '../withheld.ts';
import { Completeness } from './completeness.ts';
import { DoorQuestions } from './door-questions.ts';
import { HistoryWatch } from './history-watch.ts';
import { type PeerKeys, peerKeys } from './peer-keys.ts';
import { PeerOffers } from './peer-offers.ts';
import type { PeerSpec } from './peer-spec.ts';
import { Piecework } from './piecework.ts';
import type { DoorClient, LinkHandshake, OpenDoor, PeerIntake, PeerLinkState, PeerPhase, PeerPulse } from './port.ts';
import type { Lost } from './refill.ts';

export interface PeerLinkDeps {
  readonly spec: PeerSpec;
  readonly openDoor: OpenDoor;
  readonly intake: PeerIntake;
  /** The peer's bundle of authorities, as its key stands; undefined where there is none. */
  readonly onBundle?: ((peer: ClusterName, bytes: Uint8Array | undefined) => void) | undefined;
  /** What is not asked for, whoever offers it. @default nothing */
  readonly withheld?: Withheld | undefined;
  readonly limits: { readonly card: FreshnessLimits; readonly plain: FreshnessLimits };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Shared by all links of the process. */
  readonly turns: Turns;
  /** So many links at a time connect, list and are taken in. */
  readonly gate: Gate;
  /** Something that status shows has changed. */
  readonly onChange: () => void;
}

/** A door that can be reached is connected to within this; who takes longer goes on beside those who are let in meanwhile. */
const CONNECT_PLACE_MS = 1_000;
/** The list of a large cluster takes a few seconds. */
const LIST_PLACE_MS = 10_000;
/** Judging so many records takes a millisecond or two: a turn, which is over with the piece that fills it, is hardly longer than its share. */
const PIECE_RECORDS = 64;
/** How often silence is measured: a tenth of the smallest default limit. */
const FRESHNESS_TICK_MS = 1_000;
/** Once it has followed the peer for so long, a link has caught up with what was written while it was away. */
const CAUGHT_UP_MS = 5_000;

export class PeerLink implements PeerPulse {
  readonly #deps: PeerLinkDeps;
  readonly #keys: PeerKeys;
  readonly #configuredAt: number;
  readonly #completeness: Completeness;
  readonly #history: HistoryWatch;
  readonly #piecework: Piecework;
  #historyLost: HistoryLoss | undefined;
  #phase: PeerPhase = 'connecting';
  #plain = false;
  #client: DoorClient | undefined;
  #mirror: Mirror | undefined;
  #place: GatePlace | undefined;
  #revision: number | undefined;
  /** Of the session, once it has begun. */
  #offers: PeerOffers | undefined;
  #liveSince: number | undefined;
  #heartbeatAt: number | undefined;
  #freshness: Freshness = 'fresh';
  #synced = false;
  /** How services were handed on with the last complete list. */
  #inPieces = false;
  #failures = 0;
  #lastError: string | undefined;

  constructor(deps: PeerLinkDeps) {
    this.#deps = deps;
    this.#keys = peerKeys(deps.spec.name);
    this.#completeness = new Completeness(deps.clock, this.#keys.isCanary);
    this.#configuredAt = deps.clock.monotonic();
    this.#history = new HistoryWatch(deps.clock);
    this.#piecework = new Piecework(deps.turns, () => this.#measure());
  }

  get state(): PeerLinkState {
    const { spec } = this.#deps;
    const mirror = this.#mirror?.state;
    return {
      name: spec.name,
      phase: this.#phase,
      endpoints: spec.endpoints,
      plain: this.#plain,
      freshness: this.#freshness,
      heartbeatAgeMs: this.heartbeatAgeMs,
      synced: this.#synced,
      inPieces: this.#inPieces,
      unsynced: this.#completeness.lacking(this.#canaries),
      storeId: mirror?.position?.storeId,
      revision: this.#revision,
      records: this.#deps.intake.recordCount(spec.name),
      disconnects: mirror?.disconnects ?? 0,
      shown: this.#client?.shown,
      failures: this.#failures,
      lastError: this.#lastError ?? mirror?.lastError?.message,
    };
  }

  get phase(): PeerPhase {
    return this.#phase;
  }

  get freshness(): Freshness {
    return this.#freshness;
  }

  get heartbeatAgeMs(): number | undefined {
    return this.#heartbeatAt === undefined ? undefined : this.#deps.clock.monotonic() - this.#heartbeatAt;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get inPieces(): boolean {
    return this.#inPieces;
  }

  get revision(): number | undefined {
    return this.#revision;
  }

  /** What the connection in use has shown; undefined where there is none. */
  get handshake(): LinkHandshake | undefined {
    return this.#client?.handshake;
  }

  /** Batches that were received and not handed on. */
  get waiting(): number {
    return this.#piecework.waiting;
  }

  get #canaries(): readonly string[] {
    return this.#offers?.canaries ?? this.#keys.canaries;
  }

  get #canariesOfRecords(): readonly string[] {
    return this.#offers?.canariesOfRecords ?? this.#keys.canaries;
  }

  /** Follows the peer until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#deps;
    const backoff = new Backoff(random);
    const stopTicking = this.#tick();
    try {
      while (!signal.aborted) {
        try {
          await this.#session(signal);
          backoff.reset();
        } catch (error) {
          if (signal.aborted) break;
          this.#failures += 1;
          const reason = reasonOf(error);
          if (reason !== this.#lastError) log.warn('peer link failed', { error });
          this.#lastError = reason;
          this.#enter('failed');
        }
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
    } finally {
      stopTicking();
      this.#piecework.drop();
    }
  }

  async #session(signal: AbortSignal): Promise<void> {
    this.#place = await this.#deps.gate.enter(CONNECT_PLACE_MS, signal);
    try {
      await this.#follow(signal);
    } finally {
      this.#place.leave();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const client = await this.#deps.openDoor(this.#deps.spec);
    this.#client = client;
    const door = new DoorQuestions(client, this.#keys);
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const offers = new PeerOffers({
      keys: this.#keys,
      door,
      withheld: this.#deps.withheld ?? NOTHING_WITHHELD,
      onChange: (refusal) => over.abort(refusal),
      signal: both,
    });
    try {
      this.#enter(this.#mirror === undefined ? 'connecting' : 'reconnecting');
      const card = await door.card(signal);
      this.#place?.hold(LIST_PLACE_MS);
      this.#enter('verifying');
      this.#plain = card === 'hidden' || card === 'absent';
      const prefixes = await offers.decide(card);
      this.#offers = offers;
      this.#revision = undefined;
      const observer: MirrorObserver = {
        onBatch: (batch) => this.#receive(batch),
        onState: (state) => this.#followed(state),
      };
      // Whoever takes the records in has them: here they would be held a second time.
      this.#mirror = client.mirror(prefixes, observer, this.#keys.isStatement);
      this.#enter('listing');
      await this.#mirror.run(both);
      if (!signal.aborted && isFailure(over.signal.reason, Meanings.denied)) throw over.signal.reason;
    } finally {
      client.close();
    }
  }

  #receive(batch: MirrorBatch): void {
    const { events } = batch;
    // That the peer is alive is true whatever waits before it.
    if (events.some((event) => event.type === 'put' && event.kv.key === this.#keys.heartbeat)) {
      this.#heartbeatAt = this.#deps.clock.monotonic();
    }
    // The session, and with it the mirror, may be another one by the time.
    this.#piecework.add(this.#takeIn(batch, this.#mirror?.entries ?? NOTHING, this.#inPiecesNow));
  }

  *#takeIn(batch: MirrorBatch, entries: Mirror['entries'], inPieces: boolean): Generator<undefined, void> {
    const { intake, spec } = this.#deps;
    const { name } = spec;
    this.#history.reached(batch.position);
    this.#completeness.read(batch, entries, this.#canariesOfRecords);
    if (batch.relisted && this.#plain) intake.setCard(name, undefined);
    const records = this.#takeStatements(batch);
    const ordered = batch.relisted ? this.#headsLast(records) : records;
    for (let at = 0; at < ordered.length; at += PIECE_RECORDS) {
      if (at > 0) yield;
      intake.applyPeerBatch(name, ordered.slice(at, at + PIECE_RECORDS));
    }
    if (batch.relisted) this.#listed(new Set(records.map(keyOf)), inPieces);
    this.#revision = batch.position.revision;
  }

  /** The card and config decide how records are judged: they go first, whatever their place in the batch. Returns the records. */
  #takeStatements(batch: MirrorBatch): readonly StoreEvent[] {
    const records: StoreEvent[] = [];
    for (const event of batch.events) {
      const key = keyOf(event);
      const isPut = event.type === 'put';
      if (this.#keys.isStatement(key)) {
        if (isPut || !this.#completeness.isRefilled)
          this.#takeStatement(key, isPut ? event.kv.value : undefined, batch);
        continue;
      }
      this.#completeness.note(event);
      if (isPut || !this.#completeness.isRefilled) records.push(event);
    }
    return records;
  }

  /** What the peer says of itself, or says no more. */
  #takeStatement(key: string, value: Uint8Array | undefined, { relisted }: MirrorBatch): void {
    const { intake, spec, onBundle } = this.#deps;
    if (key === this.#keys.card) {
      if (value !== undefined) this.#plain = false;
      this.#offers?.cardCame(value);
      intake.setCard(spec.name, value, !relisted && this.#hasCaughtUp);
    } else if (key === this.#keys.config) intake.setConfig(spec.name, value);
    else if (key === this.#keys.bundle) onBundle?.(spec.name, value);
  }

  /** A head makes its service one in pieces: they are to be there by then. */
  #headsLast(records: readonly StoreEvent[]): readonly StoreEvent[] {
    const isHead = (event: StoreEvent) => keyOf(event).startsWith(HEADS_ROOT);
    return [...records.filter((event) => !isHead(event)), ...records.filter(isHead)];
  }

  /** All of a list was handed on. */
  #listed(keys: ReadonlySet<string>, inPieces: boolean): void {
    if (this.#completeness.isRefilled) this.#completeness.list(keys);
    else this.#retain(keys, inPieces);
  }

  /** What is not in the list is taken away, and with it the other form of services. */
  #retain(keys: ReadonlySet<string>, inPieces: boolean): void {
    const switched = inPieces !== this.#inPieces;
    this.#inPieces = inPieces;
    this.#deps.intake.retainRecords(this.#deps.spec.name, keys);
    if (switched) this.#deps.onChange();
  }

  get #hasCaughtUp(): boolean {
    return this.#liveSince !== undefined && this.#deps.clock.monotonic() - this.#liveSince >= CAUGHT_UP_MS;
  }

  /** Services come in pieces in this session; `#inPieces` follows once they were listed. */
  get #inPiecesNow(): boolean {
    return this.#offers?.inPieces === true;
  }

  /** A peer whose etcd was emptied is whole again: what it lacks is gone. */
  #takeAway(lost: Lost): void {
    const { intake, spec } = this.#deps;
    if (this.#mirror?.entries.has(this.#keys.card) === false) intake.setCard(spec.name, undefined);
    if (this.#mirror?.entries.has(this.#keys.config) === false) intake.setConfig(spec.name, undefined);
    if ('allBut' in lost) this.#retain(lost.allBut, this.#inPiecesNow);
    else intake.applyPeerBatch(spec.name, lost.deletions);
  }

  #followed(state: MirrorState): void {
    if (isFailure(state.lastError, Meanings.denied)) this.#offers?.refused(state.lastError);
    if (state.phase === 'live') {
      this.#lastError = undefined;
      this.#liveSince ??= this.#deps.clock.monotonic();
      this.#enter('live');
    } else {
      this.#liveSince = undefined;
      this.#enter(state.phase === 'listing' ? 'listing' : 'reconnecting');
    }
    this.#measure();
  }

  #tick(): () => void {
    let cancel = () => {};
    const again = () => {
      this.#measure();
      cancel = this.#deps.clock.after(FRESHNESS_TICK_MS, again);
    };
    again();
    return () => cancel();
  }

  #measure(): void {
    const { clock, limits, intake, spec } = this.#deps;
    const lost = this.#completeness.settle(this.#canariesOfRecords, this.#piecework.isDone);
    if (lost !== undefined) this.#takeAway(lost);
    const silenceMs = this.heartbeatAgeMs ?? clock.monotonic() - this.#configuredAt;
    const freshness = freshnessAt(silenceMs, this.#plain ? limits.plain : limits.card);
    const listed = this.#mirror?.state.position !== undefined && this.#piecework.isDone;
    if (listed) this.#place?.leave();
    const synced = listed ? this.#completeness.reach(this.#canaries) : this.#completeness.reached;
    const historyLost = this.#history.look(!this.#completeness.isRefilled && this.#mirror?.state.phase === 'live');
    if (freshness === this.#freshness && synced === this.#synced && historyLost === this.#historyLost) return;
    this.#freshness = freshness;
    this.#synced = synced;
    this.#historyLost = historyLost;
    intake.setFreshness(spec.name, { freshness, heartbeatAgeMs: this.heartbeatAgeMs, synced, historyLost });
    this.#deps.onChange();
  }

  #enter(phase: PeerPhase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    if (phase === 'live' || phase === 'reconnecting') this.#deps.log.info('peer link changed', { phase });
    this.#deps.onChange();
  }
}

const HEADS_ROOT = OWN_STATE_ROOTS.heads;
const NOTHING: Mirror['entries'] = new Map();
const keyOf = (event: StoreEvent): string => (event.type === 'put' ? event.kv.key : event.key);
