// The rows of one frontend as they stand in the maps: its master, its slots, and how far readers may still look. It is at the same
// time the frontend's name, so that nobody keeps a copy of that.

import type { Family } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import type { FrontendName, MapProtocol, NamedFrontend } from '../desired/names.ts';
import type { MasterRecord } from './change.ts';
import { type ReadonlySlots, Slots } from './slots.ts';

/** `exact`: the row has the bytes that this program would write, also where they mean nothing to it. */
export type Observed<T> = T & { readonly exact: boolean };

export interface ObservedFrontend {
  readonly frontend: NamedFrontend;
  readonly master: Observed<MasterRecord> | undefined;
  readonly slots: ReadonlySlots;
}

const NOTHING_HELD = { count: 0, until: Number.NEGATIVE_INFINITY };

export class FrontendRows implements ObservedFrontend, NamedFrontend {
  readonly name: FrontendName;
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly family: Family;
  readonly slots = new Slots();
  master: Observed<MasterRecord> | undefined;
  /** Readers that loaded a master before it was lowered or removed use slots up to `count`, until `until`. */
  held: { readonly count: number; readonly until: number } = NOTHING_HELD;

  constructor({ name, address, port, protocol, family }: NamedFrontend) {
    this.name = name;
    this.address = address;
    this.port = port;
    this.protocol = protocol;
    this.family = family;
  }

  get frontend(): NamedFrontend {
    return this;
  }

  get isEmpty(): boolean {
    return this.master === undefined && this.slots.size === 0;
  }

  /** Up to which slot readers may look now. */
  readable(now: number): number {
    return Math.max(this.master?.count ?? 0, this.held.until > now ? this.held.count : 0);
  }
}
