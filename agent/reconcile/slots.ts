// The slots of one frontend as they stand in the maps. Nearly always they are all of one service id and as this program writes
// them, so that backend ids, which stand in a column with those of other frontends, say everything; what is otherwise in a slot is
// kept beside it.

import type { SlotRecord } from './change.ts';
import type { SlotColumn } from './slot-column.ts';

/** Of a slot that is not of the frontend's usual service id, or not as this program would write it. */
interface Oddity {
  readonly serviceId: number;
  readonly exact: boolean;
}

/** Looking for so many numbers one after the other is faster than asking of each slot whether it is one of them. */
const SEARCHES_MAX = 4;
/** No backend has this id. */
const NO_BACKEND = 0;

export class Slots {
  readonly #column: SlotColumn;
  /** Where in the column slot 1 stands, where there is room. */
  #at = 0;
  #room = 0;
  /** Up to the last slot that is there; NO_BACKEND where there is none between. */
  #last = 0;
  #size = 0;
  #serviceId = 0;
  /** Slots that are there all the same, though they lead nowhere, are odd. */
  #odd: Map<number, Oddity> | undefined;

  constructor(column: SlotColumn) {
    this.#column = column;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of the last slot. */
  get last(): number {
    return this.#last;
  }

  has(slot: number): boolean {
    return this.#idAt(slot) !== NO_BACKEND || this.#odd?.has(slot) === true;
  }

  get(slot: number): (SlotRecord & { readonly exact: boolean }) | undefined {
    if (!this.has(slot)) return undefined;
    const { serviceId, exact } = this.#odd?.get(slot) ?? { serviceId: this.#serviceId, exact: true };
    return { backendId: this.#idAt(slot), serviceId, exact };
  }

  backendIdAt(slot: number): number | undefined {
    const id = this.#idAt(slot);
    return id !== NO_BACKEND || this.#odd?.has(slot) === true ? id : undefined;
  }

  /** Whether the slot has the very bytes that this program would write. */
  holds(slot: number, backendId: number, serviceId: number): boolean {
    if (this.#idAt(slot) !== backendId || !this.has(slot)) return false;
    const odd = this.#odd?.get(slot);
    return odd === undefined ? this.#serviceId === serviceId : odd.exact && odd.serviceId === serviceId;
  }

  /** The first slot that leads to each of the backends, where one does. */
  slotsOf(backendIds: ReadonlySet<number>): ReadonlyMap<number, number> {
    const slots = new Map<number, number>();
    const ids = this.#column.ids.subarray(this.#at, this.#at + this.#last);
    const found = (id: number, at: number) => {
      if (id !== NO_BACKEND && at !== -1 && !slots.has(id)) slots.set(id, at + 1);
    };
    if (backendIds.size <= SEARCHES_MAX) for (const id of backendIds) found(id, ids.indexOf(id));
    else
      for (let at = 0; at < ids.length && slots.size < backendIds.size; at += 1) {
        const id = ids[at] as number;
        if (backendIds.has(id)) found(id, at);
      }
    return slots;
  }

  set(slot: number, { backendId, serviceId }: SlotRecord, exact: boolean): void {
    if (!this.has(slot)) this.#size += 1;
    if (this.#size === 1) this.#serviceId = serviceId;
    if (slot > this.#room) this.#makeRoom(slot);
    if (slot > this.#last) this.#last = slot;
    this.#column.ids[this.#at + slot - 1] = backendId;
    if (exact && serviceId === this.#serviceId && backendId !== NO_BACKEND) this.#odd?.delete(slot);
    else {
      this.#odd ??= new Map();
      this.#odd.set(slot, { serviceId, exact });
    }
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    this.#size -= 1;
    this.#column.ids[this.#at + slot - 1] = NO_BACKEND;
    this.#odd?.delete(slot);
    while (this.#last > 0 && !this.has(this.#last)) this.#last -= 1;
    if (this.#last > 0) return;
    this.#column.giveBack(this.#at, this.#room);
    this.#room = 0;
  }

  /** Those that stand in the slots, commonly one. */
  serviceIds(): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const { serviceId } of this.#odd?.values() ?? []) ids.add(serviceId);
    if (this.#size > (this.#odd?.size ?? 0)) ids.add(this.#serviceId);
    return ids;
  }

  *keys(): IterableIterator<number> {
    for (let slot = 1; slot <= this.#last; slot += 1) if (this.has(slot)) yield slot;
  }

  *[Symbol.iterator](): IterableIterator<[number, SlotRecord & { readonly exact: boolean }]> {
    for (const slot of this.keys()) {
      const record = this.get(slot);
      if (record !== undefined) yield [slot, record];
    }
  }

  *values(): IterableIterator<SlotRecord & { readonly exact: boolean }> {
    for (const [, record] of this) yield record;
  }

  #idAt(slot: number): number {
    return slot <= this.#last ? (this.#column.ids[this.#at + slot - 1] as number) : NO_BACKEND;
  }

  #makeRoom(slot: number): void {
    const room = this.#column.roomFor(slot);
    const at = this.#column.take(room);
    this.#column.ids.copyWithin(at, this.#at, this.#at + this.#last);
    if (this.#room > 0) this.#column.giveBack(this.#at, this.#room);
    this.#at = at;
    this.#room = room;
  }
}

/** Slots to look at, not to change. */
export type ReadonlySlots = Omit<Slots, 'set' | 'delete'>;
