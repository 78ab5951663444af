// Numbers for frontends and targets, as they stand in the maps. An owner keeps its number as long as it has a row; a released
// number rests before another owner gets it, since sockets and readers may still hold it, and goes back to the same owner
// meanwhile. Numbers are given in ascending order and start over at the end. Knows no clock: times come with the calls.

import { BACKEND_ID_MAX, REV_NAT_ID_MAX } from '../maps/layout.ts';
import { type Pause, visitAll } from '../pause.ts';
import { Paged } from './paged.ts';

export interface IdSpaceOptions {
  /** Inclusive. */
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** How long a released number rests. */
  readonly restMs: number;
}

/** Clients keep what they were told of a frontend for about this long: long-lived UDP sockets, resolvers, peers' tables. */
const ID_REST_MS = 10 * 60_000;

/** Bounds what a storm of changes keeps in memory; more than that many releases in the time of rest end it early. */
const RESTING_MAX = 65_536;

export const SERVICE_IDS: IdSpaceOptions = { first: 1, last: REV_NAT_ID_MAX, restMs: ID_REST_MS };
export const BACKEND_IDS: IdSpaceOptions = { first: 1, last: BACKEND_ID_MAX, restMs: ID_REST_MS };

/** Where owners have their numbers. An owner is held as long as a number of it is in use or rests, so that it is known again. */
export interface OwnNumbers<Owner> {
  get(owner: Owner): number | undefined;
  set(owner: Owner, id: number): void;
  delete(owner: Owner): void;
  hold(owner: Owner): void;
  drop(owner: Owner): void;
}

/** Of owners that know their number themselves, and are held by their table. */
export const numbersOf = <Owner extends { id: number }>(table: {
  hold(owner: Owner): void;
  drop(owner: Owner): void;
}): OwnNumbers<Owner> => ({
  get: ({ id }) => (id === 0 ? undefined : id),
  set: (owner, id) => {
    owner.id = id;
  },
  delete: (owner) => {
    owner.id = 0;
  },
  hold: (owner) => table.hold(owner),
  drop: (owner) => table.drop(owner),
});

/** Stands for the owner of a number that is in a row which nobody should use. */
const NOBODY = Symbol('nobody');

export class IdSpace<Owner extends string | object> {
  readonly #options: IdSpaceOptions;
  readonly #ids: OwnNumbers<Owner>;
  /** Taken numbers. */
  readonly #owners = new Paged<Owner | typeof NOBODY>();
  /** Released numbers, the longest rested first. */
  readonly #resting = new Map<number, { readonly owner: Owner | undefined; readonly until: number }>();
  /** The resting number of an owner that had one. */
  readonly #lastOf = new Map<Owner, number>();
  #next: number;

  constructor(options: IdSpaceOptions, ids: OwnNumbers<Owner>) {
    this.#options = options;
    this.#ids = ids;
    this.#next = options.first;
  }

  get inUse(): number {
    return this.#owners.size;
  }

  get resting(): number {
    return this.#resting.size;
  }

  idOf(owner: Owner): number | undefined {
    return this.#ids.get(owner);
  }

  ownerOf(id: number): Owner | undefined {
    const owner = this.#owners.get(id);
    return owner === NOBODY ? undefined : owner;
  }

  /** Takes a number as it was found in a map. The first one found for an owner is its own, others are only taken. */
  restore(id: number, owner: Owner | undefined): void {
    const { first, last } = this.#options;
    if (id < first || id > last || this.#owners.has(id)) return;
    const own = owner === undefined || this.#ids.get(owner) !== undefined ? undefined : owner;
    if (own === undefined) this.#owners.set(id, NOBODY);
    else this.#give(own, id);
    this.#stopResting(id);
    if (id >= this.#next) this.#next = this.#after(id);
  }

  /** The owner's number, a new one if it has none; absent where there is none left. */
  claim(owner: Owner, now: number): number | undefined {
    const known = this.#ids.get(owner);
    if (known !== undefined) return known;
    // Mostly none rests: then there is nothing to look through for each of thousands of new owners.
    if (this.#resting.size > 0) this.#wake(now);
    const id = this.#restingFor(owner) ?? this.#free();
    if (id === undefined) return undefined;
    this.#give(owner, id);
    this.#stopResting(id);
    return id;
  }

  /** Why there is none left where there is none. */
  get shortage(): string {
    return `all ${this.#size} ids are taken: ${this.#owners.size} in use, ${this.#resting.size} resting`;
  }

  /** The number's last row is gone. */
  release(id: number, now: number): void {
    if (!this.#owners.has(id)) return;
    const owner = this.ownerOf(id);
    this.#owners.delete(id);
    if (owner !== undefined) this.#ids.delete(owner);
    this.#resting.set(id, { owner, until: now + this.#options.restMs });
    if (owner !== undefined) this.#lastOf.set(owner, id);
    this.#wake(now);
  }

  /** Releases every number that is not in `ids`: claims whose rows never came to be. */
  async retain(ids: { has(id: number): boolean }, now: number, pause: Pause): Promise<void> {
    const gone: number[] = [];
    await visitAll(this.#owners, pause, ([id]) => {
      if (!ids.has(id)) gone.push(id);
    });
    for (const id of gone) this.release(id, now);
  }

  get #size(): number {
    return this.#options.last - this.#options.first + 1;
  }

  #give(owner: Owner, id: number): void {
    this.#ids.hold(owner);
    this.#ids.set(owner, id);
    this.#owners.set(id, owner);
  }

  #stopResting(id: number): void {
    if (this.#resting.size === 0) return;
    const resting = this.#resting.get(id);
    if (resting === undefined) return;
    this.#resting.delete(id);
    const { owner } = resting;
    if (owner === undefined) return;
    if (this.#lastOf.get(owner) === id) this.#lastOf.delete(owner);
    this.#ids.drop(owner);
  }

  #restingFor(owner: Owner): number | undefined {
    if (this.#resting.size === 0) return undefined;
    const id = this.#lastOf.get(owner);
    return id !== undefined && this.#resting.get(id)?.owner === owner ? id : undefined;
  }

  #wake(now: number): void {
    for (const [id, { until }] of this.#resting) {
      if (until > now && this.#resting.size <= RESTING_MAX) return;
      this.#stopResting(id);
    }
  }

  #free(): number | undefined {
    if (this.#owners.size + this.#resting.size >= this.#size) return undefined;
    let id = this.#next;
    while (this.#owners.has(id) || this.#resting.has(id)) id = this.#after(id);
    this.#next = this.#after(id);
    return id;
  }

  #after(id: number): number {
    return id >= this.#options.last ? this.#options.first : id + 1;
  }
}
