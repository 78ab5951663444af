// Which services are not programmed although they are desired, why, and when they are tried again. Refused: a map did not take
// their rows, so they stand as they were before. Waiting: there is no room for them at the moment, so they come in as soon as
// rows go. Also where maps turned out to be full before their size.

import type { ServiceKey } from '../../mesh/model/names.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Random } from '../../runtime/random.ts';
import type { MapCounts } from '../desired/demand.ts';
import { REFUSAL_CODES, type Refusal } from '../desired/frontend.ts';
import { forEachMap, type MapName } from '../maps/port.ts';
import type { MapFailure } from './execute.ts';

/**
 * Refused services are tried again by themselves after these times, growing: something else may have made room. The first is
 * longer than two graces, so that what the last attempt left behind is gone.
 */
const RETRY = { delayMsMin: 5_000, delayMsMax: 60_000 };

export class Refusals {
  readonly #refused = new Map<ServiceKey, Refusal>();
  readonly #waiting = new Map<ServiceKey, Refusal>();
  readonly #backoff: Backoff;
  /** Somebody else's rows, or the kernel's own limit. */
  #fullAt: Partial<Record<MapName, number>> = {};
  #retryAt: number | undefined;

  constructor(random: Random) {
    this.#backoff = new Backoff(random, RETRY);
  }

  get retryAt(): number | undefined {
    return this.#retryAt;
  }

  /** One per service. */
  list(): readonly Refusal[] {
    return [...new Map([...this.#waiting, ...this.#refused]).values()];
  }

  get hasRefused(): boolean {
    return this.#refused.size > 0;
  }

  /** Whether the service stands as it was before a map refused it. */
  isRefused(service: ServiceKey): boolean {
    return this.#refused.size > 0 && this.#refused.has(service);
  }

  waiting(): readonly ServiceKey[] {
    return [...this.#waiting.keys()];
  }

  /** `rows` are in the map that did not take those of the service. */
  refuse(service: ServiceKey, { code, map, reason }: MapFailure, rows: number): void {
    if (code === 'MAP_FULL') this.#fullAt[map] = Math.min(rows, this.#fullAt[map] ?? rows);
    const text = `the ${map} map did not take its rows: ${reason}`;
    this.#refused.set(service, { service, code: REFUSAL_CODES.kernel, reason: text });
    this.#waiting.delete(service);
  }

  /** What a round made of the service: it waits, or it is programmed as far as it is wanted. */
  settle(service: ServiceKey, waiting: Refusal | undefined): void {
    if (waiting !== undefined) this.#waiting.set(service, waiting);
    else if (this.#waiting.size > 0) this.#waiting.delete(service);
  }

  /** The service has changed: it is a new attempt. */
  forgive(service: ServiceKey): void {
    this.#refused.delete(service);
  }

  /** The services to try again now, if it is time; they start with a clean slate. */
  takeDue(now: number): readonly ServiceKey[] {
    if (this.#retryAt === undefined || this.#retryAt > now) return [];
    const due = this.list().map(({ service }) => service);
    this.#retryAt = undefined;
    this.#fullAt = {};
    this.#refused.clear();
    this.#waiting.clear();
    return due;
  }

  /** Drops what is not desired any more, and sets the time of the next attempt for the rest. */
  schedule(now: number, isDesired: (service: ServiceKey) => boolean): void {
    for (const refusals of [this.#refused, this.#waiting]) {
      for (const service of refusals.keys()) if (!isDesired(service)) refusals.delete(service);
    }
    if (this.#refused.size + this.#waiting.size > 0) this.#retryAt ??= now + this.#backoff.next();
    else {
      this.#backoff.reset();
      this.#retryAt = undefined;
    }
  }

  /** How much the maps hold, as far as is known. */
  sizes(nominal: MapCounts): MapCounts {
    return forEachMap((map) => Math.min(nominal[map], this.#fullAt[map] ?? nominal[map]));
  }
}
