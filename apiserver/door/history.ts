// The store as the door shows it: all entries at the newest revision, and the latest changes, from which older revisions are
// read by undoing and watches are served. Fed by the mirror of the own etcd. It serves what it has while etcd is away; once a
// list had to be made anew, the history before it is no longer whole and is forgotten. Pure state.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { KeyValue, MirrorBatch, MirrorObserver, StoreEvent } from '../store/port.ts';
import { type ByteKey, byteKeyOfText, holdsKey, type KeyInterval } from './byte-key.ts';
import { EventRing, type KeptEvent, type RingLimits, sizeOf } from './event-ring.ts';
import { type Interest, Interests } from './interests.ts';
import { SortedEntries } from './sorted-entries.ts';

/**
 * At 300 changes a second, a busy mesh, 100,000 are five minutes: longer than a peer's reconnect, and about what a list of
 * everything costs, which is the alternative. The bytes bound what a storm of large values may take.
 */
export const HISTORY_LIMITS: RingLimits = { eventsMax: 100_000, bytesMax: 128 * 1024 * 1024 };

export type KeyOrder = 'ascending' | 'descending';

export class DoorHistory implements MirrorObserver {
  readonly #entries = new SortedEntries();
  readonly #ring: EventRing;
  readonly #interests = new Interests();
  #position: Position | undefined;
  #oldest = 0;
  #epoch = 0;
  #bytes = 0;

  constructor(limits: RingLimits = HISTORY_LIMITS) {
    this.#ring = new EventRing(limits);
  }

  /** Absent before the first complete list. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** 0 before the first complete list. */
  get revision(): number {
    return this.#position?.revision ?? 0;
  }

  get storeId(): string {
    return this.#position?.storeId ?? '0';
  }

  /** The oldest revision that can be read. Watches can start behind it. */
  get oldestRevision(): number {
    return this.#oldest;
  }

  /** Counts the lists: nothing that was read or watched in one epoch goes on in the next. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Of all entries, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  get keptEvents(): number {
    return this.#ring.size;
  }

  /** `wake` is called after each batch in which the interval changed, and after each list. */
  watch(interval: KeyInterval, wake: () => void): Interest {
    return this.#interests.add(interval, this.revision, wake);
  }

  onBatch({ position, events, relisted, more = false }: MirrorBatch): void {
    // A mirror says when it has listed anew; that a batch does not follow on what is known would come to the same.
    const startsAnew = relisted || this.storeId !== position.storeId || position.revision < this.revision;
    if (startsAnew) {
      this.#ring.clear();
      this.#epoch += 1;
      this.#oldest = position.revision;
    }
    for (const event of events) {
      const key = byteKeyOfText(event.type === 'put' ? event.kv.key : event.key);
      this.#apply(key, event);
      const revision = event.type === 'put' ? event.kv.modRevision : event.modRevision;
      if (startsAnew) continue;
      this.#ring.push({ key, revision, event, encoded: undefined });
      this.#interests.changed(key, revision);
    }
    this.#oldest = this.#ring.trim() ?? this.#oldest;
    // What is read before a list is complete is of an epoch that ends with it.
    if (more) return;
    this.#position = position;
    if (startsAnew) this.#interests.allChanged(position.revision);
    this.#interests.wake();
  }

  /** Changes at or behind `revision`, which is behind `oldestRevision`. */
  changesFrom(revision: number): Iterable<KeptEvent> {
    return this.#ring.from(revision);
  }

  /** How many changes came behind `revision`: what reading there costs, beside what is read. */
  changesSince(revision: number): number {
    return this.#ring.countFrom(revision + 1);
  }

  /** How many keys of `interval` there were at `revision`. */
  countAt(interval: KeyInterval, revision: number): number {
    let count = this.#entries.count(interval);
    for (const { key, event } of this.#ring.from(revision + 1)) {
      if (!holdsKey(interval, key)) continue;
      count += (event.previous === undefined ? 0 : 1) - (event.type === 'put' ? 1 : 0);
    }
    return count;
  }

  /**
   * The entries of `interval` as they were at `revision`, by key, one by one, so that whoever wants few pays for few. Nothing may
   * be fed while this is iterated.
   */
  *entriesAt(interval: KeyInterval, revision: number, order: KeyOrder = 'ascending'): Generator<KeyValue> {
    const before = this.#changedSince(interval, revision);
    const isBefore: (a: ByteKey, b: ByteKey) => boolean = order === 'ascending' ? (a, b) => a < b : (a, b) => a > b;
    const entries = order === 'ascending' ? this.#entries.within(interval) : this.#entries.withinDescending(interval);
    const gone = [...before.keys()].filter((key) => !this.#entries.has(key)).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    let next = 0;
    for (const { key, kv: newest } of entries) {
      for (let other = gone[next]; other !== undefined && isBefore(other, key); other = gone[next]) {
        const kv = before.get(other);
        if (kv !== undefined) yield kv;
        next += 1;
      }
      const kv = before.has(key) ? before.get(key) : newest;
      if (kv !== undefined) yield kv;
    }
    for (const other of gone.slice(next)) {
      const kv = before.get(other);
      if (kv !== undefined) yield kv;
    }
  }

  /** What the keys that have changed since held at `revision`: the first change behind it tells. */
  #changedSince(interval: KeyInterval, revision: number): ReadonlyMap<ByteKey, KeyValue | undefined> {
    const before = new Map<ByteKey, KeyValue | undefined>();
    for (const { key, event } of this.#ring.from(revision + 1)) {
      if (holdsKey(interval, key) && !before.has(key)) before.set(key, event.previous);
    }
    return before;
  }

  #apply(key: ByteKey, event: StoreEvent): void {
    const known = event.type === 'put' ? this.#entries.set(key, event.kv) : this.#entries.delete(key);
    if (known !== undefined) this.#bytes -= sizeOf(known);
    if (event.type === 'put') this.#bytes += sizeOf(event.kv);
  }
}
