// How far the maps are from what this program left in them: rows that somebody else wrote, changed or took away. Looks at every row
// as bytes, beside those that this program would write for its key, and keeps nothing of it: nearly always all are as they were.

import type { EntranceTable } from '../desired/entrances.ts';
import {
  MASTER_SLOT,
  parseBackendKey,
  parseReverseNatKey,
  parseServiceSlot,
  serviceAddressAt,
} from '../maps/layout.ts';
import type { PackedRows } from '../maps/packed.ts';
import { MAP_NAMES, type MapName, mapNameOf, type ServiceMaps } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import type { Put } from './change.ts';
import type { MapImage } from './image.ts';
import { isExact, rowsOf } from './observe.ts';

/** Rows that are in the maps or in the image only, or differ. */
export async function countDrift(
  maps: Pick<ServiceMaps, 'read'>,
  believed: MapImage,
  entrances: EntranceTable,
  pause: Pause,
): Promise<number> {
  let drift = 0;
  for (const map of MAP_NAMES) {
    let met = 0;
    for (const rows of await maps.read(map)) {
      const own = new Uint8Array(rows.valueSize);
      await visitAll(rowsOf(rows), pause, (row) => {
        const believedRow = believedAt(map, rows, row, believed, entrances);
        if (believedRow !== undefined) met += 1;
        if (believedRow === undefined || !believedRow.exact || !isExact(believedRow.put, rows, row, own)) drift += 1;
      });
    }
    drift += believed.knownRows(map) - met;
  }
  return drift;
}

interface BelievedRow {
  readonly put: Put;
  /** It has the bytes that this program would write. */
  readonly exact: boolean;
}

function believedAt(
  map: MapName,
  rows: PackedRows,
  row: number,
  believed: MapImage,
  entrances: EntranceTable,
): BelievedRow | undefined {
  const { keys, keySize } = rows;
  const from = row * keySize;
  switch (map) {
    case 'services':
    case 'services6':
      return believedService(keys, from, keySize, believed, entrances);
    case 'backends':
    case 'backends6': {
      const id = parseBackendKey(keys, from, keySize);
      const backend = id === undefined ? undefined : believed.backend(id);
      if (id === undefined || backend === undefined) return undefined;
      const { target, state, exact } = backend;
      if (mapNameOf('backends', target.family) !== map) return undefined;
      return { put: { type: 'put-backend', id, target, state }, exact };
    }
    case 'reverseNat':
    case 'reverseNat6': {
      const id = parseReverseNatKey(keys, from, keySize);
      const place = id === undefined ? undefined : believed.reverse(id);
      if (id === undefined || place === undefined) return undefined;
      if (mapNameOf('reverseNat', place.family) !== map) return undefined;
      return { put: { type: 'put-reverse', id, place }, exact: true };
    }
    default:
      return map satisfies never;
  }
}

function believedService(
  keys: Uint8Array,
  from: number,
  keySize: number,
  believed: MapImage,
  entrances: EntranceTable,
): BelievedRow | undefined {
  const at = parseServiceSlot(keys, from, keySize);
  const frontend = at && entrances.findRow(keys, from + serviceAddressAt(at.family), at);
  const observed = frontend && believed.frontend(frontend);
  if (at === undefined || frontend === undefined || observed === undefined) return undefined;
  const { slot } = at;
  if (slot === MASTER_SLOT) {
    const { master } = observed;
    if (master === undefined) return undefined;
    const { count, draining, affinityTimeout, serviceId, exact } = master;
    return { put: { type: 'put-master', frontend, count, draining, affinityTimeout, serviceId }, exact };
  }
  const record = observed.slots.get(slot);
  if (record === undefined) return undefined;
  const { backendId, serviceId, exact } = record;
  return { put: { type: 'put-slot', frontend, slot, backendId, serviceId }, exact };
}
