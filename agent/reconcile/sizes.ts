// How many rows of ours fit the maps of a node: asked of the maps themselves, since what is pinned decides, not the settings.

import type { MapCounts } from '../desired/demand.ts';
import { REV_NAT_ID_MAX } from '../maps/layout.ts';
import { forEachMap, type MapName, type ServiceMaps } from '../maps/port.ts';

/** The sizes that count: a reverse NAT map may be larger than there are ids. */
export function sizesOf(maps: ServiceMaps): MapCounts {
  const size = (map: MapName) => maps.info(map).maxEntries;
  return {
    ...forEachMap(size),
    reverseNat: Math.min(size('reverseNat'), REV_NAT_ID_MAX),
    reverseNat6: Math.min(size('reverseNat6'), REV_NAT_ID_MAX),
  };
}
