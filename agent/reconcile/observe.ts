// Reads the maps into an image, and takes back the ids that stand in them. At start this is how an agent learns what its
// predecessor programmed; later it is how it finds out whether somebody else has touched the maps.

import { compareBytes } from '../../mesh/model/address.ts';
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
  parseServiceKey,
  parseServiceValue,
} from '../maps/layout.ts';
import { PackedRows } from '../maps/packed.ts';
import type { MapName, MapRow, ServiceMaps } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import { encodeRow, type Put } from './change.ts';
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
  maps: Pick<ServiceMaps, 'dump'>,
  now: () => number,
  pause: Pause,
  { targets, entrances }: Sources = { targets: new TargetTable(), entrances: new EntranceTable() },
): Promise<MapImage> {
  const image = new MapImage(entrances);
  const dumps: (readonly [MapName, readonly MapRow[]])[] = [];
  for (const map of DUMP_ORDER) dumps.push([map, await maps.dump(map)]);
  const at = now();
  for (const [map, rows] of dumps) {
    const own = ownBytes(rows);
    await visitAll(rows, pause, (row) => {
      const put = parseRow(map, row, { targets, entrances });
      if (put !== undefined && !isTaken(put, image)) image.apply(put, at, isExact(put, row, own));
      else image.addStray(map, row.key);
    });
  }
  await visitAll(image.frontends(), pause, ({ frontend }) => image.hold(frontend, at));
  return image;
}

/** Room for the bytes of one row of this map, as this program would write it. */
const ownBytes = ([first]: readonly MapRow[]): PackedRows =>
  new PackedRows({ keySize: first?.key.length ?? 0, valueSize: first?.value.length ?? 0 }, 1);

/** Whether these are the bytes that this program would write. */
function isExact(put: Put, { value }: MapRow, own: PackedRows): boolean {
  own.clear();
  encodeRow(put, own);
  return compareBytes(own.values, value) === 0;
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

function parseRow(map: MapName, { key, value }: MapRow, { targets, entrances }: Sources): Put | undefined {
  switch (map) {
    case 'services':
    case 'services6':
      return parseServiceRow(key, value, entrances);
    case 'backends':
    case 'backends6':
      return parseBackendRow(key, value, targets);
    case 'reverseNat':
    case 'reverseNat6': {
      const id = parseReverseNatKey(key);
      const place = parseReverseNatValue(value);
      return id === undefined || place === undefined ? undefined : { type: 'put-reverse', id, place };
    }
    default:
      return map satisfies never;
  }
}

function parseServiceRow(key: Uint8Array, value: Uint8Array, entrances: EntranceTable): Put | undefined {
  const at = parseServiceKey(key);
  const row = parseServiceValue(value);
  if (at === undefined || row === undefined) return undefined;
  const { slot } = at;
  const frontend = entrances.at(at);
  const serviceId = row.revNatId;
  if (slot !== MASTER_SLOT) {
    return { type: 'put-slot', frontend, slot, backendId: row.backendId, serviceId };
  }
  const { count, qcount: draining, affinityTimeout } = row;
  return { type: 'put-master', frontend, count, draining, affinityTimeout, serviceId };
}

function parseBackendRow(key: Uint8Array, value: Uint8Array, targets: TargetSource): Put | undefined {
  const id = parseBackendKey(key);
  const row = parseBackendValue(value);
  if (id === undefined || id === 0 || row === undefined) return undefined;
  const target = targets.at(row.address, row.port, row.protocol, row.clusterId as ClusterId);
  // States that this program does not write count as not taking connections; the row is not exact, so it is written anew.
  const state = row.state === 'active' ? 'active' : 'terminating';
  return { type: 'put-backend', id, target, state };
}
