// How many rows of ours fit the maps of a node: asked of the maps themselves, since what is pinned decides, not the settings.

import type { MapCounts } from '../desired/demand.ts';
import { REV_NAT_ID_MAX } from '../maps/layout.ts';
import type { ServiceMaps } from '../maps/port.ts';

/** The sizes that count: a reverse NAT map may be larger than there are ids. */
export function sizesOf(maps: ServiceMaps): MapCounts {
  return {
    services: maps.info('services').maxEntries,
    backends: maps.info('backends').maxEntries,
    reverseNat: Math.min(maps.info('reverseNat').maxEntries, REV_NAT_ID_MAX),
  };
}
