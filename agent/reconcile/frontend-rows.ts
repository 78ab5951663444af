// The rows of one frontend as they stand in the maps: its slots, its master, and how far readers may still look. There are as many
// of them as frontends: so it is one object, in which the master's fields stand, and a record is made for those who ask.

import type { Entrance } from '../desired/frontend.ts';
import type { MasterRecord } from './change.ts';
import type { SlotColumn } from './slot-column.ts';
import { type ReadonlySlots, Slots } from './slots.ts';

/** `exact`: the row has the bytes that this program would write, also where they mean nothing to it. */
export type Observed<T> = T & { readonly exact: boolean };

export interface ObservedFrontend {
  readonly frontend: Entrance;
  readonly master: Observed<MasterRecord> | undefined;
  readonly slots: ReadonlySlots;
}

const NOTHING_HELD = { count: 0, until: Number.NEGATIVE_INFINITY };

export class FrontendRows extends Slots implements ObservedFrontend {
  readonly frontend: Entrance;
  /** Readers that loaded a master before it was lowered or removed use slots up to `count`, until `until`. */
  held: { readonly count: number; readonly until: number } = NOTHING_HELD;
  #hasMaster = false;
  #count = 0;
  #draining = 0;
  #affinityTimeout = 0;
  #masterServiceId = 0;
  #isMasterExact = false;

  constructor(frontend: Entrance, column: SlotColumn) {
    super(column);
    this.frontend = frontend;
  }

  get slots(): Slots {
    return this;
  }

  get hasMaster(): boolean {
    return this.#hasMaster;
  }

  get master(): Observed<MasterRecord> | undefined {
    if (!this.#hasMaster) return undefined;
    return {
      count: this.#count,
      draining: this.#draining,
      affinityTimeout: this.#affinityTimeout,
      serviceId: this.#masterServiceId,
      exact: this.#isMasterExact,
    };
  }

  setMaster({ count, draining, affinityTimeout, serviceId }: MasterRecord, exact: boolean): void {
    this.#hasMaster = true;
    this.#count = count;
    this.#draining = draining;
    this.#affinityTimeout = affinityTimeout;
    this.#masterServiceId = serviceId;
    this.#isMasterExact = exact;
  }

  deleteMaster(): void {
    this.#hasMaster = false;
    this.#count = 0;
  }

  get isEmpty(): boolean {
    return !this.#hasMaster && this.size === 0;
  }

  /** Up to which slot readers may look now. */
  readable(now: number): number {
    return Math.max(this.#count, this.held.until > now ? this.held.count : 0);
  }
}
