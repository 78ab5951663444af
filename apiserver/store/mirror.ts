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

import type { Revision } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { differences, sameEntry } from './differences.ts';
import { isFailure, Meanings, storeChanged, storeFailure } from './failures.ts';
import { belongsTo, type KeyRange, rangeOf, singleKey, spanningRange } from './key-range.ts';
import type { MirrorSource } from './mirror-port.ts';
import { pagesOf } from './pages.ts';
import type { KeyValue, Mirror, MirrorLimits, MirrorOptions, MirrorState, StoreEvent } from './port.ts';
import { WatchSession } from './watch-session.ts';

const LIMITS: MirrorLimits = {
  establishTimeoutMs: 10_000,
  progressIntervalMs: 5_000,
  silenceMsMax: 15_000,
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
  readonly #entries = new Map<string, KeyValue>();
  readonly #lanes: readonly MirrorLane[];
  #running = false;
  #storeId: string | undefined;
  #reported = 0;
  #mustList = true;
  #phase: MirrorState['phase'] = 'connecting';
  #staleSince: number | undefined;
  #lastHeard: number | undefined;
  #liveSince: number | undefined;
  #listed = 0;
  #lastError: Error | undefined;
  #disconnects = 0;
  #behindSince: number | undefined;
  #answersProgress = false;

  constructor(deps: MirrorDeps, options: MirrorOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#backoff = new Backoff(deps.random, this.#limits.backoff);
    const spanned = { range: spanningRange(options.prefixes), subject: options.prefixes.join(', '), passed: 0 };
    const each = options.prefixes.map((name) => ({ range: rangeOf(name), subject: name, passed: 0 }));
    this.#lanes = options.spanning === true ? [spanned] : each;
  }

  get entries(): ReadonlyMap<string, KeyValue> {
    return this.#entries;
  }

  get state(): MirrorState {
    return {
      phase: this.#phase,
      position: this.#position(),
      staleSince: this.#staleSince,
      lastHeard: this.#lastHeard,
      listed: this.#listed,
      lastError: this.#lastError,
      disconnects: this.#disconnects,
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new Error('this mirror is running already');
    this.#running = true;
    this.#staleSince = this.#deps.clock.monotonic();
    try {
      while (!signal.aborted) {
        try {
          await this.#follow(signal);
        } catch (error) {
          if (signal.aborted) break;
          if (!(error instanceof OperationalError)) throw error;
          this.#ended(error);
          await sleep(this.#deps.clock, this.#backoff.next(), signal).catch(() => {});
        }
      }
    } finally {
      this.#running = false;
      this.#liveSince = undefined;
      this.#enter('connecting');
    }
  }

  /** One connection's life: always ends by a rejection. */
  async #follow(signal: AbortSignal): Promise<never> {
    this.#enter('connecting');
    if (this.#mustList || !(await this.#sameHistory(signal))) await this.#list(signal);
    const storeId = this.#storeId ?? '';
    const session = new WatchSession(
      {
        source: this.#deps.source,
        clock: this.#deps.clock,
        storeId,
        lanes: this.#lanes.map((lane) => ({ ...lane, startRevision: lane.passed + 1 })),
        establishTimeoutMs: this.#limits.establishTimeoutMs,
        progressIntervalMs: this.#limits.progressIntervalMs,
        silenceMsMax: this.#limits.silenceMsMax,
        expectsProgress: () => this.#answersProgress,
      },
      {
        onHeard: () => this.#heard(),
        onCreated: (lane, revision) => this.#checkLag(session, lane, revision, signal),
        onEstablished: () => this.#established(),
        onEvents: (lane, events, lastRevision) => this.#applyEvents(lane, events, lastRevision),
        onProgress: (lane, revision) => this.#progressed(lane, revision),
      },
    );
    return session.run(signal);
  }

  // --- Listing ---

  /** Reads everything at one revision and only then lets the differences be known. */
  async #list(signal: AbortSignal): Promise<void> {
    const { source, log } = this.#deps;
    this.#listed = 0;
    this.#enter('listing');
    const listed = new Map<string, KeyValue>();
    let at: Position | undefined;
    for (const name of this.#options.prefixes) {
      for await (const page of pagesOf(source, { range: rangeOf(name), at, pageKeys: this.#limits.pageKeys, signal })) {
        at ??= this.#notBehind(page.position);
        for (const kv of page.entries) listed.set(kv.key, kv);
        this.#listed = listed.size;
        this.#heard();
        this.#report();
      }
    }
    if (at === undefined) throw new Error('a mirror needs at least one prefix');
    this.#behindSince = undefined;
    if (this.#storeId !== undefined && this.#storeId !== at.storeId) {
      log.warn('another etcd answers', { known: this.#storeId, seen: at.storeId });
    }
    const events = differences(this.#entries, listed, at.revision);
    this.#storeId = at.storeId;
    this.#mustList = false;
    this.#reported = at.revision;
    for (const lane of this.#lanes) lane.passed = at.revision;
    for (const event of events) this.#apply(event);
    log.debug('listed etcd', { entries: listed.size, changes: events.length, revision: at.revision });
    this.#options.observer.onBatch({ position: at, events, relisted: true });
  }

  /**
   * Whether etcd still has the history that was followed. A cluster id is not enough: an etcd that was wiped and started
   * again with the same flags has the same id, and soon the same revisions. So one known entry is read again as of the
   * position; etcd's own order of revisions vouches for the rest.
   */
  async #sameHistory(signal: AbortSignal): Promise<boolean> {
    const position = this.#position();
    if (position === undefined) return false;
    const witness = this.#newestUpTo(position.revision);
    // Nothing known to compare with: a list of what was empty is cheap.
    if (witness === undefined) return false;
    const request = { range: singleKey(witness.key), revision: position.revision, limit: 1 };
    try {
      const page = await this.#deps.source.readPage(request, signal);
      this.#heard();
      const found = page.entries[0];
      return page.position.storeId === position.storeId && found !== undefined && sameEntry(found, witness);
    } catch (error) {
      if (isFailure(error, Meanings.futureRevision) && !this.#mayBeLag()) return false;
      // Too old to be read, perhaps not too old to be watched: the watch itself will say.
      if (isFailure(error, Meanings.compacted)) return true;
      throw error;
    }
  }

  /** A list of an older state would take back what is known, only because another replica answers. */
  #notBehind(position: Position): Position {
    const known = this.#position();
    if (known?.storeId !== position.storeId || position.revision >= known.revision || !this.#mayBeLag())
      return position;
    throw storeFailure(Meanings.futureRevision, {
      operation: 'list etcd',
      subject: position.storeId,
      reason: `it stands at revision ${position.revision}, before ${known.revision}, which is known already`,
    });
  }

  #mayBeLag(): boolean {
    const now = this.#deps.clock.monotonic();
    this.#behindSince ??= now;
    return now - this.#behindSince < this.#limits.lagGraceMs;
  }

  #newestUpTo(revision: number): KeyValue | undefined {
    let newest: KeyValue | undefined;
    for (const kv of this.#entries.values()) {
      if (kv.modRevision <= revision && kv.modRevision > (newest?.modRevision ?? 0)) newest = kv;
    }
    return newest;
  }

  // --- Watching ---

  /** A member that stands behind us either lags, which is harmless, or is an etcd that lost its history meanwhile. */
  #checkLag(session: WatchSession, lane: number, revision: number, signal: AbortSignal): void {
    if (revision >= (this.#lanes[lane]?.passed ?? 0)) return;
    this.#sameHistory(signal).then(
      (same) => same || session.fail(storeChanged(this.#storeId ?? '', this.#storeId ?? '')),
      (error) => session.fail(error),
    );
  }

  #established(): void {
    this.#liveSince = this.#deps.clock.monotonic();
    this.#staleSince = undefined;
    this.#behindSince = undefined;
    this.#lastError = undefined;
    this.#enter('live');
  }

  #applyEvents(index: number, received: readonly StoreEvent[], lastRevision: number): void {
    const lane = this.#lanes[index];
    if (lane === undefined) return;
    const events: StoreEvent[] = [];
    for (const event of received) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (this.#options.prefixes.some((name) => belongsTo(name, key))) events.push(this.#apply(event));
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
    if (event.type === 'put') this.#entries.set(key, event.kv);
    else this.#entries.delete(key);
    return previous === undefined ? event : { ...event, previous };
  }

  // --- What is told about it ---

  #position(): Position | undefined {
    if (this.#storeId === undefined) return undefined;
    const revision = Math.min(...this.#lanes.map((lane) => lane.passed));
    return { storeId: this.#storeId, revision: revision as Revision };
  }

  #ended(error: OperationalError): void {
    const { clock, log } = this.#deps;
    if (ENDS_THAT_NEED_A_LIST.some((meaning) => isFailure(error, meaning))) this.#mustList = true;
    if (!isFailure(error, Meanings.futureRevision)) this.#behindSince = undefined;
    this.#lastError = error;
    this.#staleSince ??= this.#lastHeard;
    if (this.#liveSince !== undefined) {
      this.#disconnects += 1;
      if (clock.monotonic() - this.#liveSince >= this.#limits.stableMs) this.#backoff.reset();
      this.#liveSince = undefined;
      log.info('lost the watch on etcd', { error, revision: this.#position()?.revision });
    } else if (this.#backoff.failures === 0) {
      log.info('cannot follow etcd', { error });
    } else {
      log.debug('still cannot follow etcd', { error, failures: this.#backoff.failures });
    }
    this.#enter('connecting');
  }

  #heard(): void {
    this.#lastHeard = this.#deps.clock.monotonic();
  }

  #enter(phase: MirrorState['phase']): void {
    this.#phase = phase;
    this.#report();
  }

  #report(): void {
    this.#options.observer.onState?.(this.state);
  }
}
