// A local copy of some prefixes of an etcd, kept current by one watch stream.
//
// It resumes behind the last event or progress that was delivered, per watch, and never behind what an answer's header says:
// a header tells where etcd stands, not what has arrived. When the history behind that point is gone (compaction), or is not
// the history that was followed (another cluster id, a lower revision, a different entry at the same revision), it lists
// everything in pages at one revision, and only a complete list becomes known, as the differences to before.
//
// Two ways to watch several prefixes. `spanning`: one watch over everything between them, filtered here; revisions arrive in
// order, so `entries` is exactly the store's content at `position`. That is for one's own etcd. Otherwise one watch each, for
// doors that allow those prefixes and no more: each prefix is in order, but a quiet one does not say how far it is, so
// `position` is the lowest that all have passed and `entries` may be ahead of it.

import { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { Revision } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { type Random, seedFrom } from '../../runtime/random.ts';
import { Entries } from './entries.ts';
import { isFailure, Meanings, storeChanged, storeFailure } from './failures.ts';
import { checkHistory } from './history-check.ts';
import { belongsTo, type KeyRange, rangeOf, spanningRange } from './key-range.ts';
import { MirrorHealth } from './mirror-health.ts';
import type { MirrorSource } from './mirror-port.ts';
import type { KeyValue, Mirror, MirrorLimits, MirrorOptions, MirrorState, StoreEvent } from './port.ts';
import { WatchSession } from './watch-session.ts';
import { eventsOf, inTurns, readWhole, tellOf } from './whole-list.ts';
import { Witnesses } from './witnesses.ts';

const LIMITS: MirrorLimits = {
  establishTimeoutMs: 10_000,
  progressIntervalMs: 3_000,
  silentLooksMax: 2,
  pageKeys: undefined,
  lagGraceMs: 10_000,
  stableMs: 5_000,
  backoff: { delayMsMin: 100, delayMsMax: 10_000, jitter: 0.5 },
};

export interface MirrorDeps {
  readonly source: MirrorSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface MirrorLane {
  readonly range: KeyRange;
  readonly subject: string;
  /** Every event up to here has been delivered. */
  passed: number;
}

const ALL = (): boolean => true;

/** Why a stream ended that is to be followed by another at once. */
const RESUMED = Symbol('resumed');

/** After these, resuming is no use: only a list helps. */
const ENDS_THAT_NEED_A_LIST = [Meanings.compacted, Meanings.changed, Meanings.answerTooLarge];

export function createMirror(deps: MirrorDeps, options: MirrorOptions): Mirror {
  return new EtcdMirror(deps, options);
}

class EtcdMirror implements Mirror {
  readonly #deps: MirrorDeps;
  readonly #options: MirrorOptions;
  readonly #limits: MirrorLimits;
  readonly #backoff: Backoff;
  readonly #health: MirrorHealth;
  readonly #entries: Entries;
  /** Of its tables: doors belong to others, who choose their keys. */
  readonly #seed: number;
  /** Of what is passed on and not kept. */
  readonly #witnesses = new Witnesses();
  readonly #lanes: readonly MirrorLane[];
  #storeId: string | undefined;
  /** The revision of the last batch. */
  #reported = 0;
  #mustList = true;
  /** Silence proves something only where requests for progress have been answered before. */
  #answersProgress = false;
  #running = false;
  /** The stream in use; absent while there is none. */
  #session: WatchSession | undefined;
  #resuming = false;

  constructor(deps: MirrorDeps, options: MirrorOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#seed = seedFrom(deps.random);
    this.#entries = new Entries(new KeyedTable(this.#seed));
    this.#limits = { ...LIMITS, ...options.limits };
    this.#backoff = new Backoff(deps.random, this.#limits.backoff);
    this.#health = new MirrorHealth({ clock: deps.clock, changed: () => options.observer.onState?.(this.state) });
    const spanned = { range: spanningRange(options.prefixes), subject: options.prefixes.join(', '), passed: 0 };
    const each = options.prefixes.map((name) => ({ range: rangeOf(name), subject: name, passed: 0 }));
    this.#lanes = options.spanning === true ? [spanned] : each;
  }

  get entries(): ReadonlyMap<string, KeyValue> {
    return this.#entries;
  }

  get content(): ReadonlyMap<string, KeyValue> {
    return this.#entries.content;
  }

  get state(): MirrorState {
    return { ...this.#health.state, position: this.#position() };
  }

  resume(): void {
    // A stream that does not stand yet is on its way over a connection that is as new.
    if (this.#health.liveMs !== undefined) this.#session?.fail(RESUMED);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new Error('this mirror is running already');
    this.#running = true;
    try {
      while (!signal.aborted) {
        try {
          await this.#follow(signal);
        } catch (error) {
          if (signal.aborted) break;
          this.#resuming = error === RESUMED;
          if (this.#resuming) continue;
          if (!(error instanceof OperationalError)) throw error;
          this.#ended(error);
          await sleep(this.#deps.clock, this.#backoff.next(), signal).catch(() => {});
        }
      }
    } finally {
      this.#running = false;
      this.#health.stopped();
    }
  }

  /** One connection's life: always ends by a rejection. */
  async #follow(signal: AbortSignal): Promise<never> {
    // A stream that follows another at once goes on in the same history, and its mirror was never without one.
    if (!this.#resuming) {
      this.#health.connecting();
      if (this.#mustList || !(await this.#canResume(signal))) await this.#list(signal);
    }
    const session = new WatchSession(
      {
        source: this.#deps.source,
        clock: this.#deps.clock,
        storeId: this.#storeId ?? '',
        lanes: this.#lanes.map((lane) => ({ ...lane, startRevision: lane.passed + 1 })),
        establishTimeoutMs: this.#limits.establishTimeoutMs,
        progressIntervalMs: this.#limits.progressIntervalMs,
        silentLooksMax: this.#limits.silentLooksMax,
        expectsProgress: () => this.#answersProgress,
      },
      {
        onHeard: () => this.#health.heard(),
        onCreated: (lane, revision) => this.#checkLag(session, lane, revision, signal),
        onEstablished: () => this.#health.live(),
        onEvents: (lane, events, lastRevision) => this.#applyEvents(lane, events, lastRevision),
        onProgress: (lane, revision) => this.#progressed(lane, revision),
      },
    );
    this.#session = session;
    try {
      return await session.run(signal);
    } finally {
      this.#session = undefined;
    }
  }

  #ended(error: OperationalError): void {
    const { log } = this.#deps;
    const liveMs = this.#health.liveMs;
    if (ENDS_THAT_NEED_A_LIST.some((meaning) => isFailure(error, meaning))) this.#mustList = true;
    if (liveMs !== undefined) log.info('lost the watch on etcd', { error, revision: this.#position()?.revision });
    else if (this.#backoff.failures === 0) log.info('cannot follow etcd', { error });
    else log.debug('still cannot follow etcd', { error, failures: this.#backoff.failures });
    if (liveMs !== undefined && liveMs >= this.#limits.stableMs) this.#backoff.reset();
    this.#health.ended(error);
  }

  // --- Listing ---

  /** Reads everything at one revision and only then lets the differences be known. */
  async #list(signal: AbortSignal): Promise<void> {
    const { source, clock, log } = this.#deps;
    const { prefixes, keeps = ALL } = this.#options;
    this.#health.listing(0);
    const list = await readWhole(
      source,
      {
        prefixes,
        pageKeys: this.#limits.pageKeys,
        keeps,
        into: new KeyedTable<KeyValue>(this.#seed),
        accept: (position) => this.#refuseOlder(position),
        onPage: (entries) => {
          this.#health.heard();
          this.#health.listing(entries);
        },
      },
      signal,
    );
    const { at, kept, passed } = list;
    if (this.#storeId !== undefined && this.#storeId !== at.storeId) {
      log.warn('another etcd answers', { known: this.#storeId, seen: at.storeId });
    }
    // Nothing changes the entries meanwhile: there is no stream.
    const finding = eventsOf(list, this.#entries.content, this.#storeId !== undefined);
    const found = await inTurns(finding, clock, signal);
    this.#witnesses.listed(passed);
    this.#entries.replace(kept);
    this.#health.listComplete();
    this.#storeId = at.storeId;
    this.#mustList = false;
    this.#reported = at.revision;
    for (const lane of this.#lanes) lane.passed = at.revision;
    log.debug('listed etcd', { entries: kept.size + passed.length, changes: found.count, revision: at.revision });
    const { observer, differencesPerTurn } = this.#options;
    await tellOf(found, { position: at, observer, perTurn: differencesPerTurn, clock }, signal);
  }

  /** Rejects while the other side may be a replica that lags. */
  async #canResume(signal: AbortSignal): Promise<boolean> {
    const { source, log } = this.#deps;
    const position = this.#position();
    if (position === undefined) return false;
    const verdict = await checkHistory(source, this.#known(), position, signal);
    this.#health.heard();
    if (verdict === 'behind' && this.#health.mayLag(this.#limits.lagGraceMs)) throw behind(position);
    if (verdict === 'behind' || verdict === 'other')
      log.warn('etcd has lost the history that was followed', { ...position });
    // Of what is compacted, the watch itself will say whether it can go on. To list what was empty is cheap.
    return verdict === 'same' || verdict === 'compacted';
  }

  /** A list of an older state would take back what is known, only because another replica answers. */
  #refuseOlder(position: Position): void {
    const known = this.#position();
    if (known?.storeId !== position.storeId || position.revision >= known.revision) return;
    if (this.#health.mayLag(this.#limits.lagGraceMs)) throw behind(known);
  }

  // --- Watching ---

  /** A member that stands behind us either lags, which is harmless, or is an etcd that lost its history meanwhile. */
  #checkLag(session: WatchSession, lane: number, revision: number, signal: AbortSignal): void {
    if (revision >= (this.#lanes[lane]?.passed ?? 0)) return;
    const known = this.#storeId ?? '';
    this.#canResume(signal).then(
      (can) => can || session.fail(storeChanged(known, known)),
      (error) => session.fail(error),
    );
  }

  #applyEvents(index: number, received: readonly StoreEvent[], lastRevision: number): void {
    const lane = this.#lanes[index];
    if (lane === undefined) return;
    const { prefixes, keeps = ALL } = this.#options;
    const position = this.#position()?.revision ?? 0;
    const events: StoreEvent[] = [];
    for (const event of received) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (!prefixes.some((name) => belongsTo(name, key))) continue;
      if (keeps(key)) events.push(this.#apply(event));
      else {
        this.#witnesses.follow(event, position);
        events.push(event);
      }
    }
    lane.passed = Math.max(lane.passed, lastRevision);
    this.#deliver(events);
  }

  #progressed(index: number | undefined, revision: number): void {
    if (index === undefined) this.#answersProgress = true;
    if (index === undefined && this.#options.trustRequestedProgress !== true) return;
    const lanes = index === undefined ? this.#lanes : this.#lanes.slice(index, index + 1);
    for (const lane of lanes) lane.passed = Math.max(lane.passed, revision);
    this.#deliver([]);
  }

  #deliver(events: readonly StoreEvent[]): void {
    const position = this.#position();
    if (position === undefined || (events.length === 0 && position.revision === this.#reported)) return;
    this.#reported = position.revision;
    this.#options.observer.onBatch({ position, events, relisted: false });
  }

  /** Makes the event true in the entries, and adds what was there before. */
  #apply(event: StoreEvent): StoreEvent {
    const key = event.type === 'put' ? event.kv.key : event.key;
    const previous = this.#entries.get(key);
    if (event.type === 'put') this.#entries.put(event.kv);
    else this.#entries.delete(key);
    return previous === undefined ? event : { ...event, previous };
  }

  *#known(): Generator<KeyValue> {
    yield* this.#entries.values();
    yield* this.#witnesses.values();
  }

  #position(): Position | undefined {
    if (this.#storeId === undefined) return undefined;
    const revision = Math.min(...this.#lanes.map((lane) => lane.passed));
    return { storeId: this.#storeId, revision: revision as Revision };
  }
}

function behind(known: Position): OperationalError {
  return storeFailure(Meanings.futureRevision, {
    operation: 'follow etcd',
    subject: known.storeId,
    reason: `it stands before revision ${known.revision}, which is known already`,
  });
}
