// One row to write or to take away, in terms of the domain. Plans are made of changes, the executor writes their bytes, and
// the image of the maps follows them once they have landed.

import type { Family } from '../../mesh/model/address.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import type { Entrance } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import {
  backendKey,
  MASTER_SLOT,
  putBackendKey,
  putBackendValue,
  putMasterValue,
  putReverseNatKey,
  putReverseNatValue,
  putServiceKey,
  putSlotValue,
  type ReverseNatRow,
  reverseNatKey,
  serviceKey,
} from '../maps/layout.ts';
import type { PackedRows } from '../maps/packed.ts';
import { type MapName, mapNameOf } from '../maps/port.ts';

export interface MasterRecord {
  readonly count: number;
  /** Slots after `count` that only keep the connections they have. */
  readonly draining: number;
  /** Seconds of session affinity; 0 without. */
  readonly affinityTimeout: number;
  readonly serviceId: number;
}

export interface SlotRecord {
  readonly backendId: number;
  readonly serviceId: number;
}

export interface BackendRecord {
  readonly target: Target;
  readonly state: BackendState;
}

/** What a service id stands for: a frontend without its protocol. */
export interface Place extends ReverseNatRow {
  readonly v4?: number | undefined;
  /** Known already, so that nobody reads the address for it. */
  readonly family: Family;
}

export type PutBackend = BackendRecord & { readonly type: 'put-backend'; readonly id: number };
export type PutSlot = SlotRecord & {
  readonly type: 'put-slot';
  readonly frontend: Entrance;
  readonly slot: number;
};
export type PutReverse = { readonly type: 'put-reverse'; readonly id: number; readonly place: Place };
export type PutMaster = MasterRecord & { readonly type: 'put-master'; readonly frontend: Entrance };
export type Put = PutBackend | PutSlot | PutReverse | PutMaster;

export type Removal =
  | { readonly type: 'remove-master'; readonly frontend: Entrance }
  | { readonly type: 'remove-slot'; readonly frontend: Entrance; readonly slot: number }
  | { readonly type: 'remove-reverse'; readonly id: number; readonly family: Family }
  | { readonly type: 'remove-backend'; readonly id: number; readonly family: Family }
  /** A row that no version of this program would write. */
  | { readonly type: 'remove-stray'; readonly map: MapName; readonly key: Uint8Array };

export type Change = Put | Removal;

export function mapOf(change: Change): MapName {
  switch (change.type) {
    case 'put-backend':
      return mapNameOf('backends', change.target.family);
    case 'remove-backend':
      return mapNameOf('backends', change.family);
    case 'put-reverse':
      return mapNameOf('reverseNat', change.place.family);
    case 'remove-reverse':
      return mapNameOf('reverseNat', change.family);
    case 'put-slot':
    case 'put-master':
    case 'remove-master':
    case 'remove-slot':
      return mapNameOf('services', change.frontend.family);
    case 'remove-stray':
      return change.map;
    default:
      return change satisfies never;
  }
}

export function encodeKey(change: Change): Uint8Array {
  switch (change.type) {
    case 'put-backend':
    case 'remove-backend':
      return backendKey(change.id);
    case 'put-reverse':
    case 'remove-reverse':
      return reverseNatKey(change.id);
    case 'put-slot':
    case 'remove-slot':
      return keyOf(change.frontend, change.slot);
    case 'put-master':
    case 'remove-master':
      return keyOf(change.frontend, MASTER_SLOT);
    case 'remove-stray':
      return change.key;
    default:
      return change satisfies never;
  }
}

const keyOf = ({ address, port, protocol }: Entrance, slot: number): Uint8Array =>
  serviceKey({ address, port, protocol, slot });

/** Adds the row that the change writes; the rows are those of its map. */
export function encodeRow(put: Put, rows: PackedRows): void {
  const row = rows.grow();
  putKey(put, rows.keys, row * rows.keySize);
  putValue(put, rows.values, row * rows.valueSize);
}

function putKey(put: Put, keys: Uint8Array, at: number): void {
  switch (put.type) {
    case 'put-backend':
      putBackendKey(keys, at, put.id);
      return;
    case 'put-reverse':
      putReverseNatKey(keys, at, put.id);
      return;
    case 'put-slot':
      putServiceKey(keys, at, put.frontend.family, put.frontend, put.slot);
      return;
    case 'put-master':
      putServiceKey(keys, at, put.frontend.family, put.frontend, MASTER_SLOT);
      return;
    default:
      put satisfies never;
  }
}

/** Where zeros are. */
export function putValue(put: Put, values: Uint8Array, at: number): void {
  switch (put.type) {
    case 'put-backend':
      putBackendValue(values, at, put.target.family, put.target, put.state);
      return;
    case 'put-reverse':
      putReverseNatValue(values, at, put.place.family, put.place);
      return;
    case 'put-slot':
      putSlotValue(values, at, put.backendId, put.serviceId);
      return;
    case 'put-master': {
      const { count, draining, affinityTimeout, serviceId } = put;
      putMasterValue(values, at, { count, qcount: draining, revNatId: serviceId, affinityTimeout });
      return;
    }
    default:
      put satisfies never;
  }
}

/** The changes of each map together, in the order in which the maps come up. */
export function byMap(changes: readonly Removal[]): ReadonlyMap<MapName, readonly Removal[]> {
  const grouped = new Map<MapName, Removal[]>();
  for (const change of changes) {
    const map = mapOf(change);
    const group = grouped.get(map);
    if (group === undefined) grouped.set(map, [change]);
    else group.push(change);
  }
  return grouped;
}

export const samePlace = (a: Place | undefined, b: Place): boolean => a?.address === b.address && a.port === b.port;
