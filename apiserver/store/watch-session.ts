// One watch stream of a mirror, from its opening to its end: starts one watch per lane, joins fragments, checks that the same
// etcd answers throughout, asks for progress and notices silence. It keeps nothing beyond its stream and decides nothing: the
// mirror owns the entries and what happens after the end.

import { type Clock, sleep } from '../../runtime/clock.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import { Meanings, storeChanged, storeFailure } from './failures.ts';
import type { KeyRange } from './key-range.ts';
import type { MirrorSource, WatchMessage, WatchStream } from './mirror-port.ts';
import type { StoreEvent } from './port.ts';

/** Fragments of one message are joined in memory; beyond this many events a paged list is cheaper than the message. */
const FRAGMENT_EVENTS_MAX = 500_000;

/**
 * Of a message, that are told in one turn, and the rest of their revision: what four full transactions wrote. Whoever is told takes some
 * ten microseconds for each, and an etcd that had to wait puts up to a thousand revisions into one message.
 */
const EVENTS_PER_TURN = 512;

/** The reason why a watch was refused comes as text inside a good answer. */
const PERMISSION = /permission ?denied|unauthenticated/i;

export interface Lane {
  readonly range: KeyRange;
  /** What errors call it. */
  readonly subject: string;
  readonly startRevision: number;
}

export interface WatchSessionOptions {
  readonly source: MirrorSource;
  readonly clock: Clock;
  readonly storeId: string;
  readonly lanes: readonly Lane[];
  /** Within this time every watch must stand. */
  readonly establishTimeoutMs: number;
  readonly progressIntervalMs: number;
  /** So many looks in a row at which nothing had come since the look before. */
  readonly silentLooksMax: number;
  /** Whether the other side is known to answer progress requests: if not, silence proves nothing. */
  readonly expectsProgress: () => boolean;
}

export interface WatchSessionHandlers {
  onHeard(): void;
  /** `revision` is where the answering etcd stands: never a place to resume from. */
  onCreated(lane: number, revision: number): void;
  /** Every watch stands. */
  onEstablished(): void;
  onEvents(lane: number, events: readonly StoreEvent[], lastRevision: number): void;
  /** Of one lane, or of the stream as an answer to a request. */
  onProgress(lane: number | undefined, revision: number): void;
}

export class WatchSession {
  readonly #options: WatchSessionOptions;
  readonly #handlers: WatchSessionHandlers;
  readonly #laneOf = new Map<number, number>();
  readonly #fragments = new Map<number, StoreEvent[]>();
  /** Parts of a message, and what came behind it. */
  readonly #untold: WatchMessage[] = [];
  #telling: Promise<void> | undefined;
  #over = false;
  #stream: WatchStream | undefined;
  #created = 0;
  #heard = false;
  #silentLooks = 0;
  #cancelTimer: () => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(options: WatchSessionOptions, handlers: WatchSessionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  /** Rejects with the reason of the end, always: a watch never comes to an end that is a success. */
  async run(signal: AbortSignal): Promise<never> {
    signal.throwIfAborted();
    const { source, clock, lanes, establishTimeoutMs } = this.#options;
    const abort = (): void => this.fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise<never>((_, reject) => {
        this.#fail = reject;
        this.#cancelTimer = clock.after(establishTimeoutMs, () =>
          this.fail(silent('watches not established', establishTimeoutMs)),
        );
        const stream = source.openWatch({
          onMessage: (message) => this.#take(message),
          onEnd: (error) => this.fail(error),
        });
        this.#stream = stream;
        for (const { range, startRevision } of lanes) stream.create(range, startRevision);
      });
    } finally {
      signal.removeEventListener('abort', abort);
      this.#over = true;
      this.#cancelTimer();
      this.#stream?.close();
    }
  }

  fail(error: unknown): void {
    // What is left of a message is not told: whoever follows goes on behind what was.
    this.#over = true;
    this.#fail(error);
    this.#stream?.close();
  }

  /** In order, with others' turns between the parts of a long message. Resolves when it is told, where that is not at once. */
  #take(message: WatchMessage): Promise<void> | undefined {
    for (const part of cut(message)) this.#untold.push(part);
    if (this.#telling === undefined && this.#tell()) this.#telling = this.#tellRest();
    return this.#telling;
  }

  async #tellRest(): Promise<void> {
    do await sleep(this.#options.clock, 0);
    while (this.#tell());
    this.#telling = undefined;
  }

  /** Tells what a turn has room for; returns whether anything is left to tell. */
  #tell(): boolean {
    for (let told = 0; told < EVENTS_PER_TURN; ) {
      const message = this.#over ? undefined : this.#untold.shift();
      if (message === undefined) return false;
      this.#guarded(() => this.#onMessage(message));
      if (message.type === 'events') told += message.events.length;
    }
    return this.#untold.length > 0;
  }

  /** A throw inside a handler is a bug of ours or an etcd beyond repair: it ends the session, and its owner sees it. */
  #guarded(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.fail(error);
    }
  }

  #onMessage(message: WatchMessage): void {
    this.#heard = true;
    this.#handlers.onHeard();
    if (message.type === 'canceled') throw this.#cancelled(message);
    if (message.storeId !== this.#options.storeId) throw storeChanged(this.#options.storeId, message.storeId);
    if (message.type === 'created') this.#onCreated(message.watchId, message.revision);
    else if (message.type === 'events') this.#onEvents(message);
    else this.#handlers.onProgress(message.requested ? undefined : this.#lane(message.watchId), message.revision);
  }

  #onCreated(watchId: number, revision: number): void {
    const lane = this.#created++;
    this.#laneOf.set(watchId, lane);
    this.#handlers.onCreated(lane, revision);
    if (this.#created < this.#options.lanes.length) return;
    this.#cancelTimer();
    this.#handlers.onEstablished();
    this.#askForProgress();
  }

  #onEvents(message: WatchMessage & { readonly type: 'events' }): void {
    const lane = this.#lane(message.watchId);
    const before = this.#fragments.get(lane);
    if (before === undefined && message.complete) {
      this.#handlers.onEvents(lane, message.events, message.lastRevision);
      return;
    }
    const joined = before ?? [];
    for (const event of message.events) joined.push(event);
    if (joined.length > FRAGMENT_EVENTS_MAX) throw tooLarge(this.#options.lanes[lane]?.subject ?? '');
    this.#fragments.set(lane, joined);
    if (!message.complete) return;
    this.#fragments.delete(lane);
    this.#handlers.onEvents(lane, joined, message.lastRevision);
  }

  #lane(watchId: number): number {
    const lane = this.#laneOf.get(watchId);
    if (lane === undefined)
      throw storeFailure(Meanings.failed, {
        operation: 'watch',
        subject: `watch ${watchId}`,
        reason: 'the other side speaks of a watch that was not created',
      });
    return lane;
  }

  #cancelled({ watchId, compactRevision, reason }: WatchMessage & { readonly type: 'canceled' }): OperationalError {
    // A watch that was refused never got an id: it is the next one in the order of creation.
    const subject = this.#options.lanes[this.#laneOf.get(watchId) ?? this.#created]?.subject ?? 'etcd';
    if (compactRevision > 0) {
      const gone = `history up to revision ${compactRevision} was compacted while nothing was received`;
      return storeFailure(Meanings.compacted, { operation: 'watch', subject, reason: gone });
    }
    const meaning = PERMISSION.test(reason) ? Meanings.denied : Meanings.failed;
    return storeFailure(meaning, { operation: 'watch', subject, reason: reason || 'cancelled without a reason' });
  }

  /**
   * Silence is counted in looks and not in time: a process that was busy itself finds at its next look what came meanwhile still
   * unread, and has heard nothing only because it did not listen.
   */
  #askForProgress(): void {
    const { clock, progressIntervalMs, silentLooksMax, expectsProgress } = this.#options;
    this.#silentLooks = this.#heard ? 0 : this.#silentLooks + 1;
    this.#heard = false;
    if (this.#silentLooks >= silentLooksMax && expectsProgress()) {
      this.fail(silent('no sign of life', this.#silentLooks * progressIntervalMs));
      return;
    }
    this.#stream?.requestProgress();
    this.#cancelTimer = clock.after(progressIntervalMs, () => this.#askForProgress());
  }
}

/** Into parts of whole revisions, each as good as a message of its own. */
function* cut(message: WatchMessage): Generator<WatchMessage> {
  if (message.type !== 'events' || !message.complete) {
    yield message;
    return;
  }
  const { events } = message;
  let begin = 0;
  for (let end = EVENTS_PER_TURN; end < events.length; end += 1) {
    const lastRevision = revisionOf(events[end - 1]);
    if (end - begin < EVENTS_PER_TURN || revisionOf(events[end]) === lastRevision) continue;
    yield { ...message, events: events.slice(begin, end), lastRevision };
    begin = end;
  }
  yield begin === 0 ? message : { ...message, events: events.slice(begin) };
}

const revisionOf = (event: StoreEvent | undefined): number =>
  event?.type === 'put' ? event.kv.modRevision : (event?.modRevision ?? 0);

function silent(what: string, forMs: number): OperationalError {
  const reason = `${what} for ${Math.round(forMs)} ms`;
  return storeFailure(Meanings.unreachable, { operation: 'watch', reason });
}

function tooLarge(subject: string): OperationalError {
  const reason = `more than ${FRAGMENT_EVENTS_MAX} events in the fragments of one message`;
  return storeFailure(Meanings.answerTooLarge, { operation: 'watch', subject, reason });
}
