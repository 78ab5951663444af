// Has the programs tell events for as long as somebody observes, and passes them on with names. The one writer of the lease and
// the one reader of the ring. Looks at the ring ten times a second while observed, and not at all otherwise.

import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { WakeableSleep } from '../../runtime/wakeable-sleep.ts';
import {
  describeCounts,
  describeEvent,
  type MissedDocument,
  type RecentTrafficDocument,
  type TrafficCountersDocument,
  type TrafficEventDocument,
  type TrafficNames,
} from './document.ts';
import { parseEvent } from './event.ts';
import { NOTHING_MISSED, type Traffic } from './port.ts';

export interface ObservationSettings {
  /** Tells events without an observer too, so that the last ones can be asked for. */
  readonly always: boolean;
  readonly sampleEvery: number;
  readonly perSecond: number;
}

export interface ObservationDeps {
  /** Undefined where nothing is forwarded. */
  readonly traffic: Traffic | undefined;
  readonly names: TrafficNames;
  readonly settings: ObservationSettings;
  readonly clock: Clock;
  readonly nextTurn: () => Promise<void>;
  readonly log: Log;
}

export interface Observer {
  /** Translations are then not told for this observer's sake. */
  readonly refusedOnly: boolean;
  readonly events: (events: readonly TrafficEventDocument[]) => void;
  /** Since the observer came; called when it grows. */
  readonly missed: (missed: MissedDocument) => void;
}

/** Longer than any stall of the agent that is to go unnoticed; an agent that is killed leaves events on for no longer. */
const LEASE_MS = 5_000;
const RENEW_MS = 1_000;
const LOOK_MS = 100;
/** One or two milliseconds of reading and naming. */
const BATCH_EVENTS = 200;
/** What `observe --last` can show; half a megabyte. */
const RECENT_EVENTS_MAX = 1_000;
/** Well below the ten minutes that an id rests before another service gets it: no service inherits counts. */
const FORGET_MS = 60_000;

export class Observation {
  readonly #deps: ObservationDeps;
  readonly #observers = new Map<Observer, MissedDocument>();
  readonly #recent: TrafficEventDocument[] = [];
  #unreadable = 0;
  #renewAt = 0;
  #forgetAt = 0;
  #leased = false;
  readonly #idle: WakeableSleep;

  constructor(deps: ObservationDeps) {
    this.#deps = deps;
    this.#idle = new WakeableSleep(deps.clock);
  }

  /** Observes until the returned function is called. */
  observe(observer: Observer): () => void {
    this.#observers.set(observer, this.#missed());
    this.#changed();
    return () => {
      if (this.#observers.delete(observer)) this.#changed();
    };
  }

  recent(): RecentTrafficDocument {
    const listening = this.#wanted && this.#deps.traffic !== undefined;
    return { schema_version: 1, listening, events: this.#recent, missed: this.#missed() };
  }

  async counters(): Promise<TrafficCountersDocument> {
    const { traffic, names } = this.#deps;
    return describeCounts((await traffic?.counts()) ?? new Map(), names);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { traffic, log } = this.#deps;
    if (traffic === undefined) return;
    while (!signal.aborted) {
      try {
        this.#lease(traffic);
        await this.#drain(traffic, signal);
        await this.#forget(traffic);
      } catch (error) {
        log.warn('events of the datapath cannot be read', { reason: reasonOf(error) });
      }
      await this.#idle.sleep(this.#wanted ? LOOK_MS : FORGET_MS, signal);
    }
  }

  get #wanted(): boolean {
    return this.#deps.settings.always || this.#observers.size > 0;
  }

  #changed(): void {
    this.#renewAt = 0;
    this.#idle.wake();
  }

  #lease(traffic: Traffic): void {
    const { clock, settings } = this.#deps;
    if (!this.#wanted) {
      if (this.#leased) traffic.lease(undefined);
      this.#leased = false;
      return;
    }
    if (clock.monotonic() < this.#renewAt) return;
    const translations = settings.always || [...this.#observers.keys()].some(({ refusedOnly }) => !refusedOnly);
    const { sampleEvery, perSecond } = settings;
    traffic.lease({ milliseconds: LEASE_MS, sampleEvery: translations ? sampleEvery : 0, perSecond });
    this.#leased = true;
    this.#renewAt = clock.monotonic() + RENEW_MS;
  }

  /** What is in the ring now; with a turn of the event loop between batches. */
  async #drain(traffic: Traffic, signal: AbortSignal): Promise<void> {
    if (!this.#leased) return;
    for (let full = true; full && !signal.aborted; ) {
      const batch = traffic.take(BATCH_EVENTS);
      full = batch.length === BATCH_EVENTS;
      this.#pass(batch, traffic.nowNs());
      if (full) {
        this.#lease(traffic);
        await this.#deps.nextTurn();
      }
    }
    const now = this.#missed();
    for (const [observer, before] of this.#observers) {
      const missed = difference(now, before);
      if (missed.limited + missed.lost + missed.unreadable === 0) continue;
      this.#observers.set(observer, now);
      observer.missed(missed);
    }
  }

  #pass(batch: readonly Uint8Array[], nowNs: bigint): void {
    const wallMs = this.#deps.clock.now();
    const events = batch.flatMap((bytes) => {
      const event = parseEvent(bytes);
      if (!event.ok) {
        this.#unreadable += 1;
        return [];
      }
      const ageMs = Number(nowNs - event.value.timeNs) / 1e6;
      return [describeEvent(event.value, this.#deps.names, wallMs - ageMs)];
    });
    if (events.length === 0) return;
    this.#recent.push(...events);
    this.#recent.splice(0, Math.max(0, this.#recent.length - RECENT_EVENTS_MAX));
    for (const { events: receive } of this.#observers.keys()) receive(events);
  }

  /** Counters of services that are gone. */
  async #forget(traffic: Traffic): Promise<void> {
    const { clock, names } = this.#deps;
    if (clock.monotonic() < this.#forgetAt) return;
    this.#forgetAt = clock.monotonic() + FORGET_MS;
    const frontends = names.frontends();
    if (frontends === undefined) return;
    const gone = [...(await traffic.counts()).keys()].filter((id) => !frontends.has(id));
    if (gone.length > 0) await traffic.forgetCounts(gone);
  }

  #missed(): MissedDocument {
    return { ...(this.#deps.traffic?.missed() ?? NOTHING_MISSED), unreadable: this.#unreadable };
  }
}

const difference = (now: MissedDocument, before: MissedDocument): MissedDocument => ({
  limited: now.limited - before.limited,
  lost: now.lost - before.lost,
  unreadable: now.unreadable - before.unreadable,
});
