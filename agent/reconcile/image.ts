// What the maps hold, as far as this program knows: read once from a dump, then followed change by change, so that a change
// of one service needs no dump. Counts which backends are referred to, and remembers for how long readers may still hold a
// count that was lowered. It decides nothing.

import type { BackendState } from '../../mesh/model/service.ts';
import { EntranceTable } from '../desired/entrances.ts';
import type { Entrance } from '../desired/frontend.ts';
import { type Frontend, type FrontendName, parseFrontendName } from '../desired/names.ts';
import { Paged } from '../desired/paged.ts';
import type { Target } from '../desired/targets.ts';
import { forEachMap, MAP_NAMES, type MapName } from '../maps/port.ts';
import { BackendRows } from './backend-rows.ts';
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
import { FrontendRows, type Observed, type ObservedFrontend } from './frontend-rows.ts';
import { SlotColumn } from './slot-column.ts';

export type { Observed, ObservedFrontend };

type FrontendChange = Extract<Change, { readonly frontend: Entrance }>;
type SlotChange = Extract<FrontendChange, { readonly slot: number }>;

/**
 * How long a reader in the kernel may go on with what it has read: from the master's count over the slot to the backend. It
 * takes microseconds; a second covers a processor that is taken away from it meanwhile. A row that readers may come to by an
 * older row is taken away this long after that older row.
 */
export const READER_GRACE_MS = 1_000;

export class MapImage {
  readonly #entrances: EntranceTable;
  /** By the indexes of their entrances, which are held as long as there are rows. */
  readonly #frontends = new Paged<FrontendRows>();
  readonly #slots = new SlotColumn();
  /** The last one that was looked for, and whether it was there. */
  #foundAt: Entrance | undefined;
  #found: FrontendRows | undefined;
  readonly #backends = new BackendRows();
  readonly #reverse = new Paged<Place>();
  /** Known rows of each map. */
  readonly #rows = forEachMap(() => 0);
  /** Rows that mean nothing; they take room all the same, until they are removed or a row of ours has their key. */
  readonly #strays = forEachMap(() => new Map<string, Uint8Array>());
  #departures = 0;

  /** Entrances are those of the table. */
  constructor(entrances = new EntranceTable()) {
    this.#entrances = entrances;
  }

  frontend(entrance: Entrance): ObservedFrontend | undefined {
    return this.#find(entrance);
  }

  /** For those who know only the place. */
  at(place: Frontend | FrontendName): ObservedFrontend | undefined {
    const parsed = typeof place === 'string' ? parseFrontendName(place) : place;
    const entrance = parsed === undefined ? undefined : this.#entrances.find(parsed);
    return entrance === undefined ? undefined : this.#find(entrance);
  }

  *frontends(): Iterable<ObservedFrontend> {
    for (const [, rows] of this.#frontends) yield rows;
  }

  /** Lets go of the entrances: the image is not to be used any more. */
  release(): void {
    for (const [, { frontend }] of this.#frontends) this.#entrances.drop(frontend);
  }

  backend(id: number): Observed<BackendRecord> | undefined {
    return this.#backends.get(id);
  }

  hasBackend(id: number): boolean {
    return this.#backends.has(id);
  }

  /** Whether the backend's row is as this program would write it. */
  holdsBackend(id: number, target: Target, state: BackendState): boolean {
    return this.#backends.holds(id, target, state);
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
    return place === undefined ? [] : [{ type: 'remove-reverse', id, family: place.family }];
  }

  reverses(): Iterable<[number, Place]> {
    return this.#reverse;
  }

  /** Rows that mean something. */
  knownRows(map: MapName): number {
    return this.#rows[map];
  }

  rows(map: MapName): number {
    return this.#rows[map] + this.#strays[map].size;
  }

  /** Grows whenever a slot stops leading to a backend, and once more when nobody can hold that backend any longer. */
  get departures(): number {
    return this.#departures;
  }

  /** Backends that slots refer to. */
  get backendsInUse(): number {
    return this.#backends.inUse;
  }

  /** Up to which slot readers may look now. */
  readable(entrance: Entrance, now: number): number {
    return this.#find(entrance)?.readable(now) ?? 0;
  }

  /** The first slot of the frontend that leads to each of the backends. */
  slotsOf(entrance: Entrance, backendIds: ReadonlySet<number>): ReadonlyMap<number, number> {
    return this.#find(entrance)?.slots.slotsOf(backendIds) ?? new Map();
  }

  /** Takes away the backends that have been unreachable for the readers' grace. */
  expiredOrphans(now: number): Iterable<Extract<Change, { type: 'remove-backend' }>> {
    return this.#backends.removalsOfOrphans(READER_GRACE_MS, now);
  }

  /** When the next orphan expires. */
  get orphanDueAt(): number | undefined {
    const since = this.#backends.orphanSince;
    return since === undefined ? undefined : since + READER_GRACE_MS;
  }

  /** Follows a row that has landed at `now`; `exact` is false only for rows read from a dump. */
  apply(change: Change, now: number, exact = true): void {
    switch (change.type) {
      case 'put-master':
        this.#putMaster(change, change, exact, now);
        return;
      case 'put-slot':
        this.#putSlot(change, change, exact, now);
        return;
      case 'put-backend':
        this.#forgetStray(change);
        this.#rows[mapOf(change)] += Number(!this.#backends.has(change.id));
        this.#backends.put(change.id, change, exact, now);
        return;
      case 'put-reverse':
        this.#forgetStray(change);
        this.#rows[mapOf(change)] += Number(!this.#reverse.has(change.id));
        this.#reverse.set(change.id, change.place);
        return;
      case 'remove-master':
        this.#putMaster(change, undefined, true, now);
        return;
      case 'remove-slot':
        this.#putSlot(change, undefined, true, now);
        return;
      case 'remove-backend':
        this.#rows[mapOf(change)] -= Number(this.#backends.delete(change.id));
        this.#departures += 1;
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
  hold(entrance: Entrance, now: number): void {
    const rows = this.#find(entrance);
    if (rows === undefined) return;
    rows.held = { count: rows.slots.last, until: now + READER_GRACE_MS };
  }

  #putMaster(change: FrontendChange, master: MasterRecord | undefined, exact: boolean, now: number): void {
    const { frontend } = change;
    const rows = this.#rowsOf(frontend);
    const readable = rows.readable(now);
    if (readable > (master?.count ?? 0)) rows.held = { count: readable, until: now + READER_GRACE_MS };
    this.#rows[mapOf(change)] += Number(master !== undefined) - Number(rows.hasMaster);
    if (master === undefined) rows.deleteMaster();
    else rows.setMaster(master, exact);
    this.#forgetEmpty(rows);
  }

  #putSlot(change: SlotChange, record: SlotRecord | undefined, exact: boolean, now: number): void {
    const { frontend, slot } = change;
    const rows = this.#rowsOf(frontend);
    const before = rows.slots.backendIdAt(slot);
    if (record === undefined) rows.slots.delete(slot);
    else rows.slots.set(slot, record, exact);
    this.#rows[mapOf(change)] += Number(record !== undefined) - Number(before !== undefined);
    if (record?.backendId !== before) {
      if (record !== undefined) this.#backends.refer(record.backendId, 1, now);
      if (before !== undefined) {
        this.#backends.refer(before, -1, now);
        this.#departures += 1;
      }
    }
    this.#forgetEmpty(rows);
  }

  /** One frontend is asked for many times in a row. */
  #find(entrance: Entrance): FrontendRows | undefined {
    if (entrance !== this.#foundAt) {
      this.#found = this.#frontends.get(entrance.index);
      this.#foundAt = entrance;
    }
    return this.#found;
  }

  #rowsOf(entrance: Entrance): FrontendRows {
    const known = this.#find(entrance);
    if (known !== undefined) return known;
    const rows = new FrontendRows(entrance, this.#slots);
    this.#entrances.hold(entrance);
    this.#frontends.set(entrance.index, rows);
    this.#found = rows;
    return rows;
  }

  /** A row that meant nothing was overwritten. */
  #forgetStray(put: Put): void {
    const strays = this.#strays[mapOf(put)];
    if (strays.size > 0) strays.delete(nameOf(encodeKey(put)));
  }

  #forgetEmpty({ isEmpty, frontend }: FrontendRows): void {
    if (!isEmpty) return;
    this.#frontends.delete(frontend.index);
    this.#entrances.drop(frontend);
    this.#found = undefined;
    this.#foundAt = undefined;
  }
}

const nameOf = (key: Uint8Array): string => key.join('.');
