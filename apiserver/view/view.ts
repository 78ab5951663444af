// The view: the own etcd's records merged into the snapshot that agents program. It is fed by a mirror, looks again at the
// services that a batch touches, and publishes one immutable snapshot at the batch's revision when something in it has
// changed. It writes nothing. Batches that come close together become one snapshot: under load it publishes at most once per
// COALESCE_MS, more rarely where a pass takes long or brings much, and it lets the event loop turn while it works through a large list.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { MeshService } from '../../mesh/model/service.ts';
import { checkChange } from '../../mesh/snapshot/consistent.ts';
import { isEmpty, type ServiceDelta, type SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import { sameClusters } from '../../mesh/snapshot/equality.ts';
import { compareText } from '../../mesh/snapshot/order.ts';
import { ServiceMap } from '../../mesh/snapshot/service-map.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { MirrorBatch, MirrorObserver } from '../store/port.ts';
import { SnapshotHistory } from './history.ts';
import { VIEW_PREFIXES, ViewInputs } from './inputs.ts';
import type { FeedListener, SnapshotFeed } from './port.ts';
import type { OwnCluster } from './records.ts';

export interface ViewDeps {
  readonly cluster: OwnCluster;
  readonly clock: Clock;
  readonly log: Log;
}

export interface View extends SnapshotFeed, MirrorObserver {
  /** Resolves when everything received so far has been looked at. */
  settled(): Promise<void>;
}

/** Under load a change waits at least this long for others; at idle it does not wait. */
const COALESCE_MS = 5;
/**
 * After a pass that took long, twice as long. After one that brought many backends, this long for each of them: while a mesh is
 * listed, each of its services changes with every peer, and every step goes the whole way to the kernel of every node.
 */
const COALESCE_MS_PER_BACKEND = 0.2;
/** But no longer than this. */
const COALESCE_MS_MAX = 500;
/** Longest uninterrupted piece of work, so that heartbeats and acknowledgements go on while a large list is read. */
const SLICE_MS = 5;

export const createView = (deps: ViewDeps): View => new MirroredView(deps);

class MirroredView implements View {
  readonly #deps: ViewDeps;
  readonly #inputs: ViewInputs;
  readonly #history = new SnapshotHistory();
  readonly #listeners = new Set<FeedListener>();
  /** The newest value of each key that has not been looked at; `undefined` for a deleted one. */
  #pending = new Map<string, Uint8Array | undefined>();
  /** The same of a list that is not complete yet. */
  readonly #listing = new Map<string, Uint8Array | undefined>();
  /** Touched, but not yet part of a snapshot. */
  #touched = new Set<ServiceKey>();
  #received: Position | undefined;
  #current: MeshSnapshot | undefined;
  #pass: Promise<void> | undefined;
  /** The etcd answers from before what was published of it; nothing is, until it is beyond. */
  #behind = false;
  #nextPassAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ViewDeps) {
    this.#deps = deps;
    this.#inputs = new ViewInputs(deps.cluster);
  }

  get current(): MeshSnapshot | undefined {
    return this.#current;
  }

  get reached(): Position | undefined {
    return this.#history.reached;
  }

  at(position: Position): MeshSnapshot | undefined {
    return this.#history.at(position);
  }

  outdatedSince(position: Position): number | undefined {
    return this.#history.outdatedSince(position);
  }

  subscribe(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async settled(): Promise<void> {
    while (this.#pass !== undefined) await this.#pass;
  }

  onBatch(batch: MirrorBatch): void {
    // Nothing is complete before the first whole list.
    if (this.#received === undefined && !batch.relisted) return;
    for (const event of batch.events) {
      const [key, value] = event.type === 'put' ? [event.kv.key, event.kv.value] : [event.key, undefined];
      if (!VIEW_PREFIXES.some((prefix) => key.startsWith(prefix))) continue;
      (batch.relisted ? this.#listing : this.#pending).set(key, value);
    }
    if (batch.more === true) return;
    for (const [key, value] of this.#listing) this.#pending.set(key, value);
    this.#listing.clear();
    this.#received = batch.position;
    this.#pass ??= this.#run();
  }

  /** Works until nothing is left that came in meanwhile. */
  async #run(): Promise<void> {
    const { clock } = this.#deps;
    let position: Position | undefined;
    do {
      const waitMs = this.#pending.size === 0 ? 0 : this.#nextPassAt - clock.monotonic();
      await (waitMs > 0 ? sleep(clock, waitMs) : Promise.resolve());
      const begunAt = clock.monotonic();
      position = this.#received;
      const changes = this.#pending;
      this.#pending = new Map();
      await this.#read(changes);
      const merged = await this.#merge();
      if (position !== undefined) this.#publish(position, merged);
      const endedAt = clock.monotonic();
      const pauseMs = Math.max(COALESCE_MS, 2 * (endedAt - begunAt), COALESCE_MS_PER_BACKEND * backendsIn(merged));
      this.#nextPassAt = endedAt + Math.min(COALESCE_MS_MAX, pauseMs);
    } while (this.#pending.size > 0 || this.#received !== position);
    this.#pass = undefined;
  }

  async #read(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    await this.#inSlices(changes, ([key, value]) => {
      const touched = this.#inputs.apply(key, value);
      if (touched.ok) for (const service of touched.value) this.#touched.add(service);
      else this.#deps.log.warn('unreadable record in the own etcd', { key, reason: touched.error });
    });
  }

  /** What has become of the services that were touched. One that came out unsound keeps its previous value. */
  async #merge(): Promise<Merged> {
    const services = new Map<ServiceKey, MeshService | undefined>();
    const changed: ServiceDelta[] = [];
    const removed: ServiceKey[] = [];
    await this.#inSlices(this.#touched, (key) => {
      const before = this.#current?.services.get(key);
      const { service, change } = this.#inputs.step(key, before) ?? { service: undefined, change: undefined };
      if (service === before) return;
      const [problem] = change === undefined ? [] : checkChange(service, change);
      if (problem !== undefined) {
        this.#deps.log.error('merged service is not sound', { reason: problem });
        return;
      }
      services.set(key, service);
      if (change !== undefined) changed.push(change);
      else if (service === undefined) removed.push(key);
    });
    changed.sort((a, b) => compareText(a.key, b.key));
    return { services, changed, removed: removed.sort(compareText) };
  }

  async #inSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
    const { clock } = this.#deps;
    let startedAt = clock.monotonic();
    for (const item of items) {
      if (clock.monotonic() - startedAt >= SLICE_MS) {
        await sleep(clock, 0);
        startedAt = clock.monotonic();
      }
      work(item);
    }
  }

  #publish(position: Position, merged: Merged): void {
    const before = this.#current ?? this.#nothing(position);
    const sameStore = this.#current?.position.storeId === position.storeId;
    const step = this.#step(before, position, merged);
    const reached = this.#history.reached?.revision ?? 0;
    if (sameStore && (position.revision < reached || (position.revision === reached && !isEmpty(step.delta)))) {
      // What was touched stays so, and becomes part of the first snapshot beyond.
      if (!this.#behind) this.#deps.log.warn('own etcd has gone back', { revision: position.revision, reached });
      this.#behind = true;
      return;
    }
    this.#behind = false;
    this.#touched.clear();
    if (sameStore && isEmpty(step.delta)) {
      this.#history.extend(position.revision);
      return;
    }
    const delta = sameStore ? step.delta : undefined;
    this.#current = step.next;
    this.#history.push(step.next, delta, this.#deps.clock.monotonic());
    for (const listener of this.#listeners) listener(step.next, delta);
  }

  #nothing(position: Position): MeshSnapshot {
    return { position, cluster: this.#deps.cluster.name, clusters: new Map(), services: ServiceMap.empty };
  }

  #step(
    before: MeshSnapshot,
    position: Position,
    { services, changed, removed }: Merged,
  ): { readonly next: MeshSnapshot; readonly delta: SnapshotDelta } {
    const known = this.#inputs.clusters();
    const clusters = sameClusters(before.clusters, known) ? undefined : known;
    const next = {
      position,
      cluster: before.cluster,
      clusters: clusters ?? before.clusters,
      services: ServiceMap.from(before.services).with(services),
    };
    return { next, delta: { from: before.position, to: position, changed, removed, clusters } };
  }
}

const backendsIn = ({ changed }: Merged): number =>
  changed.reduce((backends, { upserted, removed }) => backends + upserted.length + removed.length, 0);

/** The services that differ from the current snapshot, and how. */
interface Merged extends Pick<SnapshotDelta, 'changed' | 'removed'> {
  readonly services: ReadonlyMap<ServiceKey, MeshService | undefined>;
}
