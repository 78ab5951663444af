// What the maps hold, as far as this program knows: read once from a dump, then followed change by change, so that a change
// of one service needs no dump. Counts which backends are referred to, and remembers for how long readers may still hold a
// count that was lowered. It decides nothing.

import { familyOf } from '../../mesh/model/address.ts';
import type { FrontendName, NamedFrontend } from '../desired/frontend.ts';
import { forEachMap, MAP_NAMES, type MapName } from '../maps/port.ts';
import {
  type BackendRecord,
  type Change,
  encodeKey,
  type MasterRecord,
  mapOf,
  type Place,
  type Put,
  type SlotRecord,
} from './change.ts';

/** `exact`: the row has the bytes that this program would write, also where they mean nothing to it. */
export type Observed<T> = T & { readonly exact: boolean };

export interface ObservedFrontend {
  readonly frontend: NamedFrontend;
  readonly master: Observed<MasterRecord> | undefined;
  readonly slots: ReadonlyMap<number, Observed<SlotRecord>>;
}

type FrontendChange = Extract<Change, { readonly frontend: NamedFrontend }>;
type SlotChange = Extract<FrontendChange, { readonly slot: number }>;

interface FrontendImage extends ObservedFrontend {
  master: Observed<MasterRecord> | undefined;
  readonly slots: Map<number, Observed<SlotRecord>>;
  /** Readers that loaded a master before it was lowered or removed use slots up to `count`, until `until`. */
  held: { readonly count: number; readonly until: number };
  /** By slot, 0 where there is none; made when it is first asked for. */
  backendIds: number[] | undefined;
}

/**
 * How long a reader in the kernel may go on with what it has read: from the master's count over the slot to the backend. It
 * takes microseconds; a second covers a processor that is taken away from it meanwhile. A row that readers may come to by an
 * older row is taken away this long after that older row.
 */
export const READER_GRACE_MS = 1_000;

/** No backend has this id. */
const NO_BACKEND = 0;

const NOTHING_HELD = { count: 0, until: Number.NEGATIVE_INFINITY };

export class MapImage {
  readonly #frontends = new Map<FrontendName, FrontendImage>();
  readonly #backends = new Map<number, Observed<BackendRecord>>();
  readonly #reverse = new Map<number, Place>();
  readonly #references = new Map<number, number>();
  /** Backends that no slot refers to, since when; the oldest first. */
  readonly #orphans = new Map<number, number>();
  /** Known rows of each map. */
  readonly #rows = forEachMap(() => 0);
  /** Rows that mean nothing; they take room all the same, until they are removed or a row of ours has their key. */
  readonly #strays = forEachMap(() => new Map<string, Uint8Array>());

  frontend(name: FrontendName): ObservedFrontend | undefined {
    return this.#frontends.get(name);
  }

  frontends(): Iterable<ObservedFrontend> {
    return this.#frontends.values();
  }

  backend(id: number): Observed<BackendRecord> | undefined {
    return this.#backends.get(id);
  }

  backends(): Iterable<[number, Observed<BackendRecord>]> {
    return this.#backends;
  }

  reverse(id: number): Place | undefined {
    return this.#reverse.get(id);
  }

  /** Takes away what stands for a service id. */
  removalOfReverse(id: number): readonly Extract<Change, { type: 'remove-reverse' }>[] {
    const place = this.#reverse.get(id);
    return place === undefined ? [] : [{ type: 'remove-reverse', id, family: familyOf(place.address) }];
  }

  reverses(): Iterable<[number, Place]> {
    return this.#reverse;
  }

  rows(map: MapName): number {
    return this.#rows[map] + this.#strays[map].size;
  }

  /** Backends that slots refer to. */
  get backendsInUse(): number {
    return this.#backends.size - this.#orphans.size;
  }

  /** Up to which slot readers may look now. */
  readable(name: FrontendName, now: number): number {
    const image = this.#frontends.get(name);
    if (image === undefined) return 0;
    return Math.max(image.master?.count ?? 0, image.held.until > now ? image.held.count : 0);
  }

  /** The first slot of the frontend that leads to the backend. */
  slotOf(name: FrontendName, backendId: number): number | undefined {
    const image = this.#frontends.get(name);
    if (image === undefined) return undefined;
    image.backendIds ??= backendIdsOf(image.slots);
    const slot = image.backendIds.indexOf(backendId);
    return slot === -1 ? undefined : slot;
  }

  /** Takes away the backends that have been unreachable for the readers' grace. */
  *expiredOrphans(now: number): Iterable<Extract<Change, { type: 'remove-backend' }>> {
    for (const [id, since] of this.#orphans) {
      if (since + READER_GRACE_MS > now) return;
      const backend = this.#backends.get(id);
      if (backend !== undefined) yield { type: 'remove-backend', id, family: familyOf(backend.target.address) };
    }
  }

  /** When the next orphan expires. */
  get orphanDueAt(): number | undefined {
    for (const since of this.#orphans.values()) return since + READER_GRACE_MS;
    return undefined;
  }

  /** Follows a row that has landed at `now`; `exact` is false only for rows read from a dump. */
  apply(change: Change, now: number, exact = true): void {
    switch (change.type) {
      case 'put-master':
        this.#putMaster(change, { ...change.record, exact }, now);
        return;
      case 'put-slot':
        this.#putSlot(change, { ...change.record, exact }, now);
        return;
      case 'put-backend':
        this.#forgetStray(change);
        this.#rows[mapOf(change)] += Number(!this.#backends.has(change.id));
        this.#backends.set(change.id, { ...change.backend, exact });
        if (!this.#references.has(change.id) && !this.#orphans.has(change.id)) this.#orphans.set(change.id, now);
        return;
      case 'put-reverse':
        this.#forgetStray(change);
        this.#rows[mapOf(change)] += Number(!this.#reverse.has(change.id));
        this.#reverse.set(change.id, change.place);
        return;
      case 'remove-master':
        this.#putMaster(change, undefined, now);
        return;
      case 'remove-slot':
        this.#putSlot(change, undefined, now);
        return;
      case 'remove-backend':
        this.#rows[mapOf(change)] -= Number(this.#backends.delete(change.id));
        this.#orphans.delete(change.id);
        return;
      case 'remove-reverse':
        this.#rows[mapOf(change)] -= Number(this.#reverse.delete(change.id));
        return;
      case 'remove-stray':
        this.#strays[change.map].delete(nameOf(change.key));
        return;
      default:
        change satisfies never;
    }
  }

  addStray(map: MapName, key: Uint8Array): void {
    this.#strays[map].set(nameOf(key), key);
  }

  *strays(): Iterable<Extract<Change, { type: 'remove-stray' }>> {
    for (const map of MAP_NAMES) for (const key of this.#strays[map].values()) yield { type: 'remove-stray', map, key };
  }

  /** After a dump it is not known what was lowered just before: readers may be at any slot that is there. */
  holdAll(now: number): void {
    for (const image of this.#frontends.values()) {
      let count = 0;
      for (const slot of image.slots.keys()) count = Math.max(count, slot);
      image.held = { count, until: now + READER_GRACE_MS };
    }
  }

  #putMaster(change: FrontendChange, master: Observed<MasterRecord> | undefined, now: number): void {
    const { frontend } = change;
    const image = this.#imageOf(frontend);
    const readable = this.readable(frontend.name, now);
    if (readable > (master?.count ?? 0)) image.held = { count: readable, until: now + READER_GRACE_MS };
    this.#rows[mapOf(change)] += Number(master !== undefined) - Number(image.master !== undefined);
    image.master = master;
    this.#forgetEmpty(image);
  }

  #putSlot(change: SlotChange, record: Observed<SlotRecord> | undefined, now: number): void {
    const { frontend, slot } = change;
    const image = this.#imageOf(frontend);
    const before = image.slots.get(slot);
    if (record === undefined) image.slots.delete(slot);
    else image.slots.set(slot, record);
    followSlot(image, slot, record?.backendId ?? NO_BACKEND);
    this.#rows[mapOf(change)] += Number(record !== undefined) - Number(before !== undefined);
    if (record !== undefined) this.#refer(record.backendId, 1, now);
    if (before !== undefined) this.#refer(before.backendId, -1, now);
    this.#forgetEmpty(image);
  }

  #refer(backendId: number, by: 1 | -1, now: number): void {
    const references = (this.#references.get(backendId) ?? 0) + by;
    if (references > 0) {
      this.#references.set(backendId, references);
      this.#orphans.delete(backendId);
      return;
    }
    this.#references.delete(backendId);
    if (this.#backends.has(backendId)) this.#orphans.set(backendId, now);
  }

  #imageOf(frontend: NamedFrontend): FrontendImage {
    const known = this.#frontends.get(frontend.name);
    if (known !== undefined) return known;
    const { name, address, port, protocol } = frontend;
    const image: FrontendImage = {
      frontend: { name, address, port, protocol },
      master: undefined,
      slots: new Map(),
      held: NOTHING_HELD,
      backendIds: undefined,
    };
    this.#frontends.set(name, image);
    return image;
  }

  /** A row that meant nothing was overwritten. */
  #forgetStray(put: Put): void {
    const strays = this.#strays[mapOf(put)];
    if (strays.size > 0) strays.delete(nameOf(encodeKey(put)));
  }

  #forgetEmpty(image: FrontendImage): void {
    if (image.master === undefined && image.slots.size === 0) this.#frontends.delete(image.frontend.name);
  }
}

function backendIdsOf(slots: FrontendImage['slots']): number[] {
  let last = 0;
  for (const slot of slots.keys()) last = Math.max(last, slot);
  return Array.from({ length: last + 1 }, (_, slot) => slots.get(slot)?.backendId ?? NO_BACKEND);
}

/** A list without gaps is what can be searched quickly: one that would get a gap is made anew when it is asked for. */
function followSlot(image: FrontendImage, slot: number, backendId: number): void {
  const { backendIds } = image;
  if (backendIds === undefined) return;
  if (slot > backendIds.length) image.backendIds = undefined;
  else backendIds[slot] = backendId;
}

const nameOf = (key: Uint8Array): string => key.join('.');
