// How many rows the maps of a node are to have: what is not configured follows from what is.

import type { MapRole } from '../maps/port.ts';
import type { KernelMapName } from './map-specs.ts';

/** Entries per map. Those of IPv6 that are not given are as large as their IPv4 counterparts. */
export interface DatapathSizes extends Readonly<Record<MapRole, number> & Partial<Record<`${MapRole}6`, number>>> {
  /**
   * Pairs of a socket and a backend whose service is remembered: of sockets that send without being connected, and of connected
   * ones whose place (CONNECTED_SOCKETS) is another's. When there are more, the oldest see a backend's address instead of the
   * service's. 88 bytes each, 120 for IPv6.
   * @default 262144, as Cilium's
   */
  readonly reverseSockets?: number;
  /** @default reverseSockets */
  readonly reverseSockets6?: number;
  /**
   * Pairs of a client and a service with session affinity. When there are more, the oldest may be sent to another backend.
   * @default 65536, as Cilium's
   */
  readonly affinity?: number;
  /** @default affinity */
  readonly affinity6?: number;
  /** Addresses of peers' pods, of both families. Rows are allocated when they come. @default 512000, as Cilium's */
  readonly ipcache?: number;
}

const REVERSE_SOCKETS_DEFAULT = 262_144;
/** As bpf/include/connected.h says: a socket's place follows from it, so it is nobody's choice. 56 bytes each. */
export const CONNECTED_SOCKETS = 262_144;
const SERVICE_IDS_MAX = 65_536;
const AFFINITY_DEFAULT = 65_536;
const IPCACHE_DEFAULT = 512_000;

export function wholeSizes(given: DatapathSizes): Readonly<Record<KernelMapName, number>> {
  const { services, backends, reverseNat, reverseSockets = REVERSE_SOCKETS_DEFAULT } = given;
  const { affinity = AFFINITY_DEFAULT } = given;
  // Ids of both families come from one range of 16 bits.
  const counters = Math.min(SERVICE_IDS_MAX, reverseNat + (given.reverseNat6 ?? reverseNat));
  const six = {
    services6: services,
    backends6: backends,
    reverseNat6: reverseNat,
    reverseSockets6: reverseSockets,
    affinity6: affinity,
  };
  const fixed = { connectedSockets: CONNECTED_SOCKETS };
  return { ...six, ...fixed, reverseSockets, affinity, ipcache: IPCACHE_DEFAULT, counters, ...given };
}
