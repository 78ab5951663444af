// The clients that have a session affinity, with the names of what their rows refer to, and whether a program would still follow
// them. Whether its time is over a row does not say: that depends on when it is asked.

import type { Family } from '../../mesh/model/address.ts';
import { type FrontendName, frontendName } from '../desired/names.ts';
import type { MapImage, ObservedFrontend } from '../reconcile/image.ts';
import { parseAffinityRow } from './affinity-row.ts';
import type { ServiceMaps } from './port.ts';

export interface AffinityEntry {
  /** The cookie of the client's network namespace; a text, since it has 64 bits. */
  readonly client: string;
  /** Null where the service is gone. */
  readonly frontend: FrontendName | null;
  /** `10.1.0.7:8080/TCP`; null where the backend is gone. */
  readonly backend: string | null;
  /** In seconds since the machine started. */
  readonly last_used: number;
  /** False where the backend takes no new connections of the service: the next one goes elsewhere. */
  readonly followed: boolean;
}

const FAMILIES: readonly Family[] = [4, 6];

export async function describeAffinity(
  maps: Pick<ServiceMaps, 'dumpAffinity'>,
  image: MapImage,
): Promise<readonly AffinityEntry[]> {
  const frontends = new Map<number, ObservedFrontend>();
  for (const observed of image.frontends()) {
    if (observed.master !== undefined) frontends.set(observed.master.serviceId, observed);
  }
  const entries: AffinityEntry[] = [];
  for (const family of FAMILIES) {
    for (const row of await maps.dumpAffinity(family)) {
      const found = parseAffinityRow(row, family);
      if (found === undefined) continue;
      const observed = frontends.get(found.serviceId);
      const backend = image.backend(found.backendId);
      entries.push({
        client: String(found.client),
        frontend: observed?.frontend.name ?? null,
        backend: backend === undefined ? null : frontendName(backend.target),
        last_used: found.lastUsed,
        followed: observed !== undefined && isSelected(observed, found.backendId),
      });
    }
  }
  return entries;
}

function isSelected({ master, slots }: ObservedFrontend, backendId: number): boolean {
  if (master === undefined || master.affinityTimeout === 0) return false;
  for (const [slot, record] of slots) if (slot <= master.count && record.backendId === backendId) return true;
  return false;
}
