// One term of publishing, into one etcd: from the moment this replica leads until it no longer does, or until another etcd
// answers. It lists what is there, says what should be, keeps it so, and leaves everything in place when it ends: a stop is no
// removal. What a predecessor has published and the source does not know is deleted only when the source is complete.

import { setImmediate } from 'node:timers/promises';
import { identityRange } from '../../mesh/model/identity.ts';
import type { NumericIdentity } from '../../mesh/model/names.ts';
import { encodeCard } from '../../mesh/wire/card.ts';
import { encodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import { identityKey } from '../../mesh/wire/identity.ts';
import { encodeText } from '../../mesh/wire/json.ts';
import type { RecordKindName } from '../../mesh/wire/record.ts';
import { encodeTime } from '../../mesh/wire/time.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import type { Source } from '../sources/port.ts';
import { isFailure } from '../store/failures.ts';
import type { Condition, MirrorBatch, Store } from '../store/port.ts';
import { WholePace } from '../whole-pace.ts';
import type { ClusterOriginRecord } from './cluster-origin.ts';
import { clusterCard, clusterConfig } from './convert/cluster.ts';
import { PublisherMeanings, publisherFailures } from './failures.ts';
import { Identities } from './identities.ts';
import { KeyWriter } from './key-writer.ts';
import { ownedKeys } from './owned-keys.ts';
import { Projection, type Unit } from './projection.ts';
import type { ClusterSettings } from './settings.ts';

/** Readers call a peer ageing after 10 s of silence: three beats may be late before that. */
export const HEARTBEAT_INTERVAL_MS = 3_000;
/** As the field does; a change or loss in between is noticed by the mirror and mended at once. */
const CONFIG_REFRESH_MS = 5 * 60_000;
/** The card's time tells readers how far clocks differ; their tolerance is half of this. */
const CARD_REFRESH_MS = 60_000;
const COLLECT_INTERVAL_MS = 60_000;
/** A source that is not ready for this long must not cost the predecessor's keys: a third of their time to live. */
const KEEP_LEFTOVERS_AFTER_MS = 5 * 60_000;
/** Enough to fill a transaction of allocations; few enough to give others their turn even when services are large. */
const UNITS_AT_ONCE = 64;

export interface SessionDeps {
  readonly store: Store;
  readonly source: Source;
  readonly cluster: ClusterSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly origin: ClusterOriginRecord;
  readonly fence: Condition | undefined;
  readonly remembered: ReadonlyMap<string, NumericIdentity>;
  readonly heartbeatMs: number;
  /** When the cluster joined its first mesh, milliseconds since the epoch; undefined while it has no peer. */
  readonly joinedAt: () => number | undefined;
  readonly onError: (error: unknown) => void;
}

export class PublishSession {
  readonly identities: Identities;
  readonly writer: KeyWriter;
  readonly #deps: SessionDeps;
  readonly #keys: ReturnType<typeof ownedKeys>;
  readonly #pace: WholePace;
  readonly #projection: Projection;
  readonly #units: WorkQueue<Unit>;
  readonly #origin: WorkQueue<'origin'>;
  readonly #ending = new AbortController();
  /** Units that have not been projected since the start; undefined before the source is ready. */
  #initial: Set<Unit> | undefined;
  #projected = false;
  #pruned = false;

  constructor(deps: SessionDeps) {
    const { store, source, cluster, clock, random, fence, remembered } = deps;
    this.#deps = deps;
    this.#keys = ownedKeys(cluster.name);
    const onError = (error: unknown) => this.#failed(error);
    this.writer = new KeyWriter({ ...this.#keys, store, clock, random, fence, onError });
    this.identities = new Identities({
      ...{ store, clock, fence, remembered },
      range: identityRange(cluster.id, cluster.maxConnectedClusters),
      onChange: (number, labels) =>
        this.writer.set(identityKey(number), labels === undefined ? undefined : encodeText(labels)),
    });
    const set = (key: string, value: Uint8Array | undefined) => this.writer.set(key, value);
    this.#pace = new WholePace({ clock, onDue: (service) => this.#units.add(`whole ${service}`) });
    this.#projection = new Projection({
      ...{ objects: source.objects, cluster, identities: this.identities, set },
      pace: this.#pace,
    });
    this.#units = new WorkQueue<Unit>({
      ...{ name: 'objects', clock, random, onError, batchMax: UNITS_AT_ONCE },
      work: (units, signal) => this.#project(units, signal),
    });
    this.#origin = new WorkQueue<'origin'>({
      ...{ name: 'cluster record', clock, random, onError },
      work: async (_, signal) => this.#settleOrigin(signal),
    });
  }

  get depth(): number {
    return this.writer.depth + this.#units.depth + this.#pace.waiting;
  }

  isSynced(kind: RecordKindName): boolean {
    return this.writer.hasLanded(this.#keys.canaryOf(kind));
  }

  observe(batch: MirrorBatch): void {
    this.writer.observe(batch);
  }

  /** Looks at the cluster's record again: it may be to be created, restored, or given the time of the join. */
  originChanged(): void {
    this.#origin.add('origin');
  }

  /** Resolves when the signal aborts; rejects when the term is over for another reason. */
  async run(signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#ending.signal]);
    try {
      await this.identities.load(both);
      await this.writer.list(both);
      const parts = [
        this.writer.run(both),
        this.#units.run(both),
        this.#origin.run(both),
        this.#follow(both),
        this.#every(this.#deps.heartbeatMs, both, () => this.#write(this.#keys.heartbeat, this.#now())),
        this.#every(CONFIG_REFRESH_MS, both, () => this.#publishConfig()),
        this.#every(CARD_REFRESH_MS, both, () => this.originChanged()),
        this.#every(COLLECT_INTERVAL_MS, both, () => this.#collect(both)),
        this.#keepLeftovers(both),
      ];
      await Promise.all(parts.map((part) => part.catch((error) => this.#ending.abort(error))));
    } catch (error) {
      this.#ending.abort(error);
    }
    this.#pace.stop();
    if (!signal.aborted && this.#ending.signal.aborted) throw this.#ending.signal.reason;
  }

  // --- The source's objects ---

  async #follow(signal: AbortSignal): Promise<void> {
    const { source } = this.#deps;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([source.ready, aborted]);
    if (signal.aborted) return;
    const unsubscribe = source.subscribe((refs) => {
      this.#units.addAll(this.#projection.touchedBy(refs));
      this.#pruneWhenComplete();
    });
    this.#initial = new Set(this.#projection.all());
    this.#units.addAll(this.#initial);
    this.#initialDone([]);
    await aborted;
    unsubscribe();
  }

  async #project(units: readonly Unit[], signal: AbortSignal): Promise<readonly Unit[]> {
    // Without new label sets this never waits for anything: at a start, others must have their turn in between.
    if (units.length === UNITS_AT_ONCE) await setImmediate();
    const without = await this.#projection.project(units, signal);
    if (without.length > 0) this.#failed(publisherFailures.exhausted(without.length, this.identities.capacity));
    this.#initialDone(units);
    return without;
  }

  /** When everything that the source knew at the start has been said, the canaries may follow it. */
  #initialDone(units: readonly Unit[]): void {
    for (const unit of units) this.#initial?.delete(unit);
    if (this.#projected || this.#initial?.size !== 0) return;
    this.#projected = true;
    this.#deps.log.info('everything known is on its way', { keys: this.writer.depth });
    this.writer.settleLeftovers({ prune: false });
    this.#pruneWhenComplete();
    for (const canary of this.#keys.canaries) this.writer.set(canary, this.#now());
  }

  #pruneWhenComplete(): void {
    if (!this.#projected || this.#pruned || !this.#deps.source.complete) return;
    this.#pruned = true;
    this.writer.settleLeftovers({ prune: true });
  }

  async #keepLeftovers(signal: AbortSignal): Promise<void> {
    await sleep(this.#deps.clock, KEEP_LEFTOVERS_AFTER_MS, signal).catch(() => {});
    if (!signal.aborted && !this.#projected) this.writer.settleLeftovers({ prune: false });
  }

  // --- What the cluster says about itself ---

  async #settleOrigin(signal: AbortSignal): Promise<undefined> {
    const { origin, fence, joinedAt } = this.#deps;
    const joined = joinedAt();
    await (joined === undefined ? origin.load(fence, signal) : origin.markJoined(joined, fence, signal));
    this.#publishCard();
    return undefined;
  }

  #publishConfig(): void {
    this.#write(this.#keys.config, encodeClusterConfig(clusterConfig(this.#deps.cluster)));
  }

  #publishCard(): void {
    const { cluster, clock, origin } = this.#deps;
    if (origin.known === undefined) return;
    this.writer.set(this.#keys.card, encodeCard(clusterCard(cluster, origin.known, clock.now())));
  }

  async #collect(signal: AbortSignal): Promise<void> {
    if (!this.#pruned) return;
    try {
      await this.identities.collect((labels) => this.#projection.isUsed(labels), signal);
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    }
  }

  // --- Machinery ---

  /** Even what is there: readers take the write itself as a sign of life. */
  #write(key: string, value: Uint8Array): void {
    this.writer.set(key, value);
    this.writer.refresh(key);
  }

  #now(): Uint8Array {
    return encodeTime(this.#deps.clock.now());
  }

  /** At once, and then again and again. */
  async #every(intervalMs: number, signal: AbortSignal, task: () => void | Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await task();
      await sleep(this.#deps.clock, intervalMs, signal).catch(() => {});
    }
  }

  /** What a retry may cure is reported; what ends the term, or is a bug, ends it. */
  #failed(error: unknown): void {
    const over = isFailure(error, PublisherMeanings.fenced) || isFailure(error, PublisherMeanings.storeChanged);
    if (over || !(error instanceof OperationalError)) this.#ending.abort(error);
    else this.#deps.onError(error);
  }
}
