// What the maps hold of a frontend, in the terms in which it is desired: what to go back to when a new state does not land.

import type { DesiredFrontend, Entrance } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import type { MapImage } from './image.ts';

/** Absent where readers find nothing; slots that lead nowhere are left out. */
export function programmedFrontend(image: MapImage, entrance: Entrance): DesiredFrontend | undefined {
  const observed = image.frontend(entrance);
  if (observed?.master === undefined) return undefined;
  const { count, draining, affinityTimeout } = observed.master;
  const selected = new Set<Target>();
  const rest = new Set<Target>();
  // New connections get terminating backends only where there are no others.
  let isActive = false;
  for (let slot = 1; slot <= count + draining; slot += 1) {
    const record = observed.slots.get(slot);
    const backend = record === undefined ? undefined : image.backend(record.backendId);
    if (backend === undefined || selected.has(backend.target)) continue;
    (slot <= count ? selected : rest).add(backend.target);
    if (slot <= count && backend.state === 'active') isActive = true;
  }
  return {
    entrance,
    service: undefined,
    backends: [...selected, ...rest],
    active: isActive ? selected.size : 0,
    count: selected.size,
    affinityTimeout,
  };
}
