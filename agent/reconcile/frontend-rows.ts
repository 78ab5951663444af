// The rows of one frontend as they stand in the maps: its master, its slots, and how far readers may still look.

import type { Entrance } from '../desired/frontend.ts';
import type { MasterRecord } from './change.ts';
import { type ReadonlySlots, Slots } from './slots.ts';

/** `exact`: the row has the bytes that this program would write, also where they mean nothing to it. */
export type Observed<T> = T & { readonly exact: boolean };

export interface ObservedFrontend {
  readonly frontend: Entrance;
  readonly master: Observed<MasterRecord> | undefined;
  readonly slots: ReadonlySlots;
}

const NOTHING_HELD = { count: 0, until: Number.NEGATIVE_INFINITY };

export class FrontendRows implements ObservedFrontend {
  readonly frontend: Entrance;
  readonly slots = new Slots();
  master: Observed<MasterRecord> | undefined;
  /** Readers that loaded a master before it was lowered or removed use slots up to `count`, until `until`. */
  held: { readonly count: number; readonly until: number } = NOTHING_HELD;

  constructor(frontend: Entrance) {
    this.frontend = frontend;
  }

  get isEmpty(): boolean {
    return this.master === undefined && this.slots.size === 0;
  }

  /** Up to which slot readers may look now. */
  readable(now: number): number {
    return Math.max(this.master?.count ?? 0, this.held.until > now ? this.held.count : 0);
  }
}
