// What the watches of one stream are to be told next. Each watch is a place in the shared history, so that a client which does
// not read costs nothing: once its place is forgotten, its watch is cancelled as compacted, and it lists again. A watch of what has
// not changed since its place is moved on without a look. Messages are made
// one at a time, when they can be sent. Watches take turns, the one furthest behind first; progress is told when none is behind, so
// that it says of all of them that nothing was left out up to its revision.

import type { messages } from '../store/etcd-wire.ts';
import { holdsKey, isEmpty, type KeyInterval, requestedInterval } from './byte-key.ts';
import type { KeptEvent } from './event-ring.ts';
import type { DoorHistory } from './history.ts';
import type { Interest } from './interests.ts';
import { type Refusal, WatchCancelReasons } from './refusals.ts';
import { encodedEvent, encodeEvents, encodeNotice, type Header, numberOf, type WatchNotice } from './wire.ts';

/** A message ends with the revision in which it reaches one of these; etcd's own ends after 1,000 revisions. */
const MESSAGE_EVENTS_MAX = 1_000;
const MESSAGE_BYTES_MAX = 1024 * 1024;
/** So many changes may be looked at for one message before others get their turn: a few milliseconds. */
const STEP_EVENTS_MAX = 20_000;

/** An answer about the whole stream, or about a watch that never came to be. */
const NO_WATCH = -1;
const NO_PUT = 0;
const NO_DELETE = 1;
const SMALLEST_KEY = Uint8Array.of(0);
const NO_BYTES = new Uint8Array(0);

interface Watch {
  readonly id: number;
  readonly interval: KeyInterval;
  readonly interest: Interest;
  readonly epoch: number;
  readonly withPrevious: boolean;
  readonly fragments: boolean;
  readonly notifiesProgress: boolean;
  readonly wantsPuts: boolean;
  readonly wantsDeletes: boolean;
  /** The next revision to look at. */
  cursor: number;
  /** Nothing was sent since the last tick. */
  quiet: boolean;
}

export interface StreamWatchesDeps {
  readonly history: DoorHistory;
  /** Why the client may not watch this. */
  readonly objection: (interval: KeyInterval) => Refusal | undefined;
  /** Takes one more watch out of the client's quota; false when it is used up. */
  readonly reserve: () => Refusal | undefined;
  readonly release: () => void;
  /** There may be something to tell. */
  readonly wake: () => void;
}

/** `later`: there may be more, but others should have their turn first. */
export type NextMessage = Buffer | 'nothing' | 'later';

export class StreamWatches {
  readonly #deps: StreamWatchesDeps;
  readonly #watches = new Map<number, Watch>();
  /** Answers to requests, in their order. */
  #answers: Buffer[] = [];
  /** The rest of a message that was cut. */
  #fragments: { readonly watchId: number; readonly message: Buffer }[] = [];
  /** Those that were behind in this round, the one furthest behind last. */
  #round: Watch[] = [];
  #progressAsked = false;
  #progressDue: Watch[] = [];
  #nextId = 0;

  constructor(deps: StreamWatchesDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** Who reads requests should stop while these pile up. */
  get answersWaiting(): number {
    return this.#answers.length;
  }

  request(request: messages.WatchRequest.$Properties): void {
    if (request.createRequest) this.#create(request.createRequest);
    else if (request.cancelRequest) this.#cancel(numberOf(request.cancelRequest.watchId));
    else if (request.progressRequest) this.#progressAsked = true;
  }

  /** Time has passed: watches that want it, and were sent nothing since the last tick, are told how far they are. */
  tick(): void {
    this.#progressDue = [...this.#watches.values()].filter(({ notifiesProgress, quiet }) => notifiesProgress && quiet);
    for (const watch of this.#watches.values()) watch.quiet = true;
  }

  close(): void {
    for (const id of [...this.#watches.keys()]) this.#forget(id);
  }

  next(): NextMessage {
    const answer = this.#answers.shift();
    if (answer !== undefined) return answer;
    const fragment = this.#fragments.shift();
    if (fragment !== undefined) return fragment.message;
    let looked = 0;
    for (let watch = this.#nextBehind(); watch !== undefined; watch = this.#nextBehind()) {
      if (this.#isForgotten(watch)) return this.#compacted(watch);
      const gathered = this.#gather(watch);
      if (gathered.events.length > 0) return this.#message(watch, gathered.events);
      looked += gathered.looked;
      if (looked > STEP_EVENTS_MAX) return 'later';
    }
    return this.#progress();
  }

  // --- Requests ---

  #create(request: messages.WatchCreateRequest.$Properties): void {
    const key = request.key?.length ? request.key : SMALLEST_KEY;
    const interval = requestedInterval(key, request.rangeEnd ?? NO_BYTES);
    const wantedId = numberOf(request.watchId);
    const problem = this.#problemOf(interval, wantedId);
    if (problem !== undefined) {
      this.#answer({ watchId: NO_WATCH, created: true, canceled: true, cancelReason: problem });
      return;
    }
    const { history, wake } = this.#deps;
    const filters: readonly number[] = request.filters ?? [];
    const start = numberOf(request.startRevision);
    const watch: Watch = {
      id: this.#idFor(wantedId),
      interval,
      interest: history.watch(interval, wake),
      epoch: history.epoch,
      withPrevious: request.prevKv === true,
      fragments: request.fragment === true,
      notifiesProgress: request.progressNotify === true,
      wantsPuts: !filters.includes(NO_PUT),
      wantsDeletes: !filters.includes(NO_DELETE),
      cursor: start === 0 ? history.revision + 1 : start,
      quiet: false,
    };
    this.#watches.set(watch.id, watch);
    this.#answer({ watchId: watch.id, created: true });
  }

  #problemOf(interval: KeyInterval, wantedId: number): string | undefined {
    const objection = this.#deps.objection(interval);
    if (objection !== undefined) return objection.details;
    if (isEmpty(interval)) return WatchCancelReasons.emptyRange;
    if (!Number.isSafeInteger(wantedId) || wantedId < 0) return WatchCancelReasons.unknownId;
    if (wantedId !== 0 && this.#watches.has(wantedId)) return WatchCancelReasons.duplicateId;
    return this.#deps.reserve()?.details;
  }

  #idFor(wanted: number): number {
    if (wanted !== 0) return wanted;
    while (this.#watches.has(this.#nextId)) this.#nextId += 1;
    return this.#nextId++;
  }

  #cancel(id: number): void {
    if (!this.#watches.has(id)) return;
    this.#forget(id);
    this.#fragments = this.#fragments.filter(({ watchId }) => watchId !== id);
    this.#answer({ watchId: id, canceled: true });
  }

  #answer(notice: Omit<WatchNotice, 'header'>): void {
    this.#answers.push(encodeNotice({ ...notice, header: this.#header(this.#deps.history.revision) }));
  }

  #forget(id: number): void {
    this.#watches.get(id)?.interest.release();
    if (this.#watches.delete(id)) this.#deps.release();
  }

  // --- Events ---

  #nextBehind(): Watch | undefined {
    if (this.#round.length === 0) {
      this.#round = [...this.#watches.values()]
        .filter((watch) => this.#isBehind(watch))
        .sort((a, b) => a.cursor - b.cursor)
        .reverse();
    }
    for (let watch = this.#round.pop(); watch !== undefined; watch = this.#round.pop()) {
      if (this.#watches.get(watch.id) === watch) return watch;
    }
    return undefined;
  }

  /** Nothing has changed in the interval since the watch's place: there it is as good as at the newest revision. */
  #isBehind(watch: Watch): boolean {
    const { epoch, revision } = this.#deps.history;
    if (watch.epoch !== epoch) return true;
    if (watch.cursor > revision) return false;
    if (watch.cursor <= watch.interest.changedAt) return true;
    watch.cursor = revision + 1;
    return false;
  }

  #isForgotten({ cursor, epoch }: Watch): boolean {
    const { history } = this.#deps;
    return cursor <= history.oldestRevision || epoch !== history.epoch;
  }

  /** As etcd says it: no reason, a revision that a watch can start from, and a header that tells no revision. */
  #compacted({ id }: Watch): Buffer {
    this.#forget(id);
    const compactRevision = this.#deps.history.oldestRevision + 1;
    return encodeNotice({ header: this.#header(0), watchId: id, canceled: true, compactRevision });
  }

  /** The next events for a watch, which is moved behind them: whole revisions. */
  #gather(watch: Watch): { readonly events: readonly Uint8Array[]; readonly looked: number } {
    const { history } = this.#deps;
    const events: Uint8Array[] = [];
    let bytes = 0;
    let looked = 0;
    for (const kept of history.changesFrom(watch.cursor)) {
      const full = events.length >= MESSAGE_EVENTS_MAX || bytes >= MESSAGE_BYTES_MAX || looked >= STEP_EVENTS_MAX;
      if (full && kept.revision >= watch.cursor) return { events, looked };
      watch.cursor = kept.revision + 1;
      looked += 1;
      if (!isFor(watch, kept)) continue;
      const encoded = encodedEvent(kept, watch.withPrevious);
      bytes += encoded.length;
      events.push(encoded);
    }
    watch.cursor = history.revision + 1;
    return { events, looked };
  }

  /**
   * The header tells how far the watch is, not how far the store is: clients that go on behind the header's revision (Cilium's)
   * miss nothing when a message was not the last one.
   */
  #message(watch: Watch, events: readonly Uint8Array[]): Buffer {
    watch.quiet = false;
    const header = this.#header(watch.cursor - 1);
    const parts = watch.fragments ? cut(events) : [events];
    const encoded = parts.map((part, index) =>
      encodeEvents({ header, watchId: watch.id, events: part, fragment: index < parts.length - 1 }),
    );
    const [first = Buffer.alloc(0), ...rest] = encoded;
    for (const message of rest) this.#fragments.push({ watchId: watch.id, message });
    return first;
  }

  #progress(): NextMessage {
    const header = this.#header(this.#deps.history.revision);
    if (this.#progressAsked) {
      this.#progressAsked = false;
      return encodeNotice({ header, watchId: NO_WATCH });
    }
    for (let watch = this.#progressDue.pop(); watch !== undefined; watch = this.#progressDue.pop()) {
      if (this.#watches.get(watch.id) === watch && watch.quiet) return encodeNotice({ header, watchId: watch.id });
    }
    return 'nothing';
  }

  #header(revision: number): Header {
    return { storeId: this.#deps.history.storeId, revision };
  }
}

function isFor({ interval, wantsPuts, wantsDeletes }: Watch, { key, event }: KeptEvent): boolean {
  return (event.type === 'put' ? wantsPuts : wantsDeletes) && holdsKey(interval, key);
}

/** Into parts of about the size of a message, for clients that join them again. */
function cut(events: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const parts: Uint8Array[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    if (bytes + event.length > MESSAGE_BYTES_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(event);
    bytes += event.length;
  }
  return parts;
}
