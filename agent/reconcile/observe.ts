// Reads the maps into an image, and takes back the ids that stand in them. At start this is how an agent learns what its
// predecessor programmed; later it is how it finds out whether somebody else has touched the maps.

import type { ClusterId } from '../../mesh/model/names.ts';
import { EntranceTable } from '../desired/entrances.ts';
import type { Entrance } from '../desired/frontend.ts';
import type { IdSpace } from '../desired/ids.ts';
import { type Target, type TargetSource, TargetTable } from '../desired/targets.ts';
import {
  MASTER_SLOT,
  parseBackendKey,
  parseBackendValue,
  parseReverseNatKey,
  parseReverseNatValue,
  parseServiceSlot,
  parseServiceValue,
  serviceAddressAt,
} from '../maps/layout.ts';
import type { PackedRows } from '../maps/packed.ts';
import type { MapName, ServiceMaps } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import { type Put, putValue } from './change.ts';
import { MapImage } from './image.ts';

/** Slots first: a backend that is found after them is no orphan for a moment. */
const DUMP_ORDER: readonly MapName[] = ['services', 'services6', 'backends', 'backends6', 'reverseNat', 'reverseNat6'];

/** Where what is read gets its targets and entrances from. */
export interface Sources {
  readonly targets: TargetSource;
  readonly entrances: EntranceTable;
}

/**
 * `now` is asked after the dump: what readers may still hold is counted from then. Images whose targets are compared have to have
 * them from one source.
 */
export async function observe(
  maps: Pick<ServiceMaps, 'read'>,
  now: () => number,
  pause: Pause,
  { targets, entrances }: Sources = { targets: new TargetTable(), entrances: new EntranceTable() },
): Promise<MapImage> {
  const image = new MapImage(entrances);
  const read: (readonly [MapName, readonly PackedRows[]])[] = [];
  for (const map of DUMP_ORDER) read.push([map, await maps.read(map)]);
  const at = now();
  for (const [map, parts] of read) {
    for (const rows of parts) {
      const own = new Uint8Array(rows.valueSize);
      await visitAll(rowsOf(rows), pause, (row) => {
        const put = parseRow(map, rows, row, { targets, entrances });
        if (put !== undefined && !isTaken(put, image)) image.apply(put, at, isExact(put, rows, row, own));
        else image.addStray(map, rows.keyAt(row).slice());
      });
    }
  }
  await visitAll(image.frontends(), pause, ({ frontend }) => image.hold(frontend, at));
  return image;
}

export function* rowsOf({ length }: PackedRows): Iterable<number> {
  for (let row = 0; row < length; row += 1) yield row;
}

/** Whether these are the bytes that this program would write; `own` is room for them. */
export function isExact(put: Put, { values, valueSize }: PackedRows, row: number, own: Uint8Array): boolean {
  own.fill(0);
  putValue(put, own, 0);
  for (let at = 0; at < valueSize; at += 1) if (own[at] !== values[row * valueSize + at]) return false;
  return true;
}

/** An id stands in one of the two families' maps; of two such rows the IPv6 one is nobody's. */
function isTaken(put: Put, image: MapImage): boolean {
  if (put.type === 'put-backend') return image.backend(put.id) !== undefined;
  return put.type === 'put-reverse' && image.reverse(put.id) !== undefined;
}

export interface IdSpaces {
  readonly services: IdSpace<Entrance>;
  readonly backends: IdSpace<Target>;
}

/** Takes the ids in the image, and releases those that are not there (any more). The lowest of several is an owner's own. */
export async function restoreIds(image: MapImage, ids: IdSpaces, now: number, pause: Pause): Promise<void> {
  const present = new Set<number>();
  await visitAll(image.reverses(), pause, ([id]) => present.add(id));
  await visitAll(image.frontends(), pause, ({ frontend, master }) => {
    if (master === undefined) return;
    present.add(master.serviceId);
    ids.services.restore(master.serviceId, frontend);
  });
  // Of a service that was being removed, or not yet there, the slots alone tell the id.
  await visitAll(image.frontends(), pause, ({ frontend, slots }) => {
    for (const serviceId of slots.serviceIds()) {
      if (present.has(serviceId) && ids.services.ownerOf(serviceId) !== undefined) continue;
      present.add(serviceId);
      ids.services.restore(serviceId, frontend);
    }
  });
  await visitAll(present, pause, (id) => ids.services.restore(id, undefined));
  await ids.services.retain(present, now, pause);

  // In ascending order.
  await visitAll(image.backends(), pause, ([id, { target }]) => ids.backends.restore(id, target));
  await ids.backends.retain({ has: (id) => image.hasBackend(id) }, now, pause);
}

function parseRow(map: MapName, rows: PackedRows, row: number, { targets, entrances }: Sources): Put | undefined {
  switch (map) {
    case 'services':
    case 'services6':
      return parseServiceRow(rows, row, entrances);
    case 'backends':
    case 'backends6':
      return parseBackendRow(rows, row, targets);
    case 'reverseNat':
    case 'reverseNat6': {
      const id = parseReverseNatKey(rows.keys, row * rows.keySize, rows.keySize);
      const place = parseReverseNatValue(rows.values, row * rows.valueSize, rows.valueSize);
      if (id === undefined || place === undefined) return undefined;
      return {
        type: 'put-reverse',
        id,
        place: { address: place.address, port: place.port, family: map === 'reverseNat' ? 4 : 6 },
      };
    }
    default:
      return map satisfies never;
  }
}

function parseServiceRow(rows: PackedRows, row: number, entrances: EntranceTable): Put | undefined {
  const { keys, keySize, values, valueSize } = rows;
  const at = parseServiceSlot(keys, row * keySize, keySize);
  const value = parseServiceValue(values, row * valueSize, valueSize);
  if (at === undefined || value === undefined) return undefined;
  const frontend = entrances.atRow(keys, row * keySize + serviceAddressAt(at.family), at);
  if (frontend === undefined) return undefined;
  const { slot } = at;
  const serviceId = value.revNatId;
  if (slot !== MASTER_SLOT) return { type: 'put-slot', frontend, slot, backendId: value.backendId, serviceId };
  const { count, qcount: draining, affinityTimeout } = value;
  return { type: 'put-master', frontend, count, draining, affinityTimeout, serviceId };
}

function parseBackendRow(rows: PackedRows, row: number, targets: TargetSource): Put | undefined {
  const id = parseBackendKey(rows.keys, row * rows.keySize, rows.keySize);
  const value = parseBackendValue(rows.values, row * rows.valueSize, rows.valueSize);
  if (id === undefined || id === 0 || value === undefined) return undefined;
  const target = targets.at(value.address, value.port, value.protocol, value.clusterId as ClusterId);
  // States that this program does not write count as not taking connections; the row is not exact, so it is written anew.
  const state = value.state === 'active' ? 'active' : 'terminating';
  return { type: 'put-backend', id, target, state };
}
