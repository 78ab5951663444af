// One row to write or to take away, in terms of the domain. Plans are made of changes, the executor writes their bytes, and
// the image of the maps follows them once they have landed.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import type { NamedFrontend } from '../desired/names.ts';
import type { Target } from '../desired/targets.ts';
import {
  backendKey,
  backendValue,
  MASTER_SLOT,
  masterValue,
  type ReverseNatRow,
  reverseNatKey,
  reverseNatValue,
  serviceKey,
  slotValue,
} from '../maps/layout.ts';
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
export type Place = ReverseNatRow;

export type Put =
  | { readonly type: 'put-backend'; readonly id: number; readonly backend: BackendRecord }
  | { readonly type: 'put-slot'; readonly frontend: NamedFrontend; readonly slot: number; readonly record: SlotRecord }
  | { readonly type: 'put-reverse'; readonly id: number; readonly place: Place }
  | { readonly type: 'put-master'; readonly frontend: NamedFrontend; readonly record: MasterRecord };

export type Removal =
  | { readonly type: 'remove-master'; readonly frontend: NamedFrontend }
  | { readonly type: 'remove-slot'; readonly frontend: NamedFrontend; readonly slot: number }
  | { readonly type: 'remove-reverse'; readonly id: number; readonly family: Family }
  | { readonly type: 'remove-backend'; readonly id: number; readonly family: Family }
  /** A row that no version of this program would write. */
  | { readonly type: 'remove-stray'; readonly map: MapName; readonly key: Uint8Array };

export type Change = Put | Removal;

export function mapOf(change: Change): MapName {
  switch (change.type) {
    case 'put-backend':
      return mapNameOf('backends', familyOf(change.backend.target.address));
    case 'remove-backend':
      return mapNameOf('backends', change.family);
    case 'put-reverse':
      return mapNameOf('reverseNat', familyOf(change.place.address));
    case 'remove-reverse':
      return mapNameOf('reverseNat', change.family);
    case 'put-slot':
    case 'put-master':
    case 'remove-master':
    case 'remove-slot':
      return mapNameOf('services', familyOf(change.frontend.address));
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
      return serviceKey({ ...change.frontend, slot: change.slot });
    case 'put-master':
    case 'remove-master':
      return serviceKey({ ...change.frontend, slot: MASTER_SLOT });
    case 'remove-stray':
      return change.key;
    default:
      return change satisfies never;
  }
}

export function encodeValue(put: Put): Uint8Array {
  switch (put.type) {
    case 'put-backend': {
      const { target, state } = put.backend;
      const { address, port, protocol, clusterId } = target;
      return backendValue({ address, port, protocol, clusterId, state });
    }
    case 'put-reverse':
      return reverseNatValue(put.place);
    case 'put-slot':
      return slotValue({ backendId: put.record.backendId, revNatId: put.record.serviceId });
    case 'put-master': {
      const { count, draining, affinityTimeout, serviceId } = put.record;
      return masterValue({ count, qcount: draining, revNatId: serviceId, affinityTimeout });
    }
    default:
      return put satisfies never;
  }
}

/** The changes of each map together, in the order in which the maps come up. */
export function byMap<T>(items: readonly T[], changeOf: (item: T) => Change): ReadonlyMap<MapName, readonly T[]> {
  const grouped = new Map<MapName, T[]>();
  for (const item of items) {
    const map = mapOf(changeOf(item));
    const group = grouped.get(map);
    if (group === undefined) grouped.set(map, [item]);
    else group.push(item);
  }
  return grouped;
}

export const samePlace = (a: Place | undefined, b: Place): boolean => a?.address === b.address && a.port === b.port;
