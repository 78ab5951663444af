// The slots of one frontend as they stand in the maps. Nearly always they are all of one service id and as this program writes
// them, so that a list of backend ids says everything; what is otherwise in a slot is kept beside it.

import type { SlotRecord } from './change.ts';

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
  /** By slot, from 1 on; NO_BACKEND where there is none. Ends with a slot that is there. */
  #ids: number[] = [];
  #size = 0;
  #serviceId = 0;
  /** Slots that are there all the same, though they lead nowhere, are odd. */
  #odd: Map<number, Oddity> | undefined;

  get size(): number {
    return this.#size;
  }

  /** The number of the last slot. */
  get last(): number {
    return this.#ids.length;
  }

  has(slot: number): boolean {
    return (this.#ids[slot - 1] ?? NO_BACKEND) !== NO_BACKEND || this.#odd?.has(slot) === true;
  }

  get(slot: number): (SlotRecord & { readonly exact: boolean }) | undefined {
    if (!this.has(slot)) return undefined;
    const { serviceId, exact } = this.#odd?.get(slot) ?? { serviceId: this.#serviceId, exact: true };
    return { backendId: this.#ids[slot - 1] ?? NO_BACKEND, serviceId, exact };
  }

  backendIdAt(slot: number): number | undefined {
    return this.has(slot) ? this.#ids[slot - 1] : undefined;
  }

  /** Whether the slot has the very bytes that this program would write. */
  holds(slot: number, backendId: number, serviceId: number): boolean {
    if (this.#ids[slot - 1] !== backendId || !this.has(slot)) return false;
    const odd = this.#odd?.get(slot);
    return odd === undefined ? this.#serviceId === serviceId : odd.exact && odd.serviceId === serviceId;
  }

  /** The first slot that leads to each of the backends, where one does. */
  slotsOf(backendIds: ReadonlySet<number>): ReadonlyMap<number, number> {
    const slots = new Map<number, number>();
    const found = (id: number, at: number) => {
      if (id !== NO_BACKEND && at !== -1 && !slots.has(id)) slots.set(id, at + 1);
    };
    if (backendIds.size <= SEARCHES_MAX) for (const id of backendIds) found(id, this.#ids.indexOf(id));
    else
      for (let at = 0; at < this.#ids.length && slots.size < backendIds.size; at += 1) {
        const id = this.#ids[at] as number;
        if (backendIds.has(id)) found(id, at);
      }
    return slots;
  }

  set(slot: number, { backendId, serviceId }: SlotRecord, exact: boolean): void {
    if (!this.has(slot)) this.#size += 1;
    if (this.#size === 1) this.#serviceId = serviceId;
    while (this.#ids.length < slot - 1) this.#ids.push(NO_BACKEND);
    this.#ids[slot - 1] = backendId;
    if (exact && serviceId === this.#serviceId && backendId !== NO_BACKEND) this.#odd?.delete(slot);
    else {
      this.#odd ??= new Map();
      this.#odd.set(slot, { serviceId, exact });
    }
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    this.#size -= 1;
    this.#ids[slot - 1] = NO_BACKEND;
    this.#odd?.delete(slot);
    while (this.#ids.length > 0 && !this.has(this.#ids.length)) this.#ids.pop();
  }

  /** Gives back the room that the list has to grow. */
  fit(): void {
    this.#ids = this.#ids.slice();
  }

  /** Those that stand in the slots, commonly one. */
  serviceIds(): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const { serviceId } of this.#odd?.values() ?? []) ids.add(serviceId);
    if (this.#size > (this.#odd?.size ?? 0)) ids.add(this.#serviceId);
    return ids;
  }

  *keys(): IterableIterator<number> {
    for (let slot = 1; slot <= this.#ids.length; slot += 1) if (this.has(slot)) yield slot;
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
}

/** Slots to look at, not to change. */
export type ReadonlySlots = Omit<Slots, 'set' | 'delete' | 'fit'>;
