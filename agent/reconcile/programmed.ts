// What the maps hold of a frontend, in the terms in which it is desired: what to go back to when a new state does not land.

import type { DesiredBackend, DesiredFrontend, FrontendName } from '../desired/frontend.ts';
import type { MapImage } from './image.ts';

/** Absent where readers find nothing; slots that lead nowhere are left out. */
export function programmedFrontend(image: MapImage, name: FrontendName): DesiredFrontend | undefined {
  const observed = image.frontend(name);
  if (observed?.master === undefined) return undefined;
  const { count, draining, affinityTimeout } = observed.master;
  const selected = new Map<string, DesiredBackend>();
  const rest = new Map<string, DesiredBackend>();
  for (let slot = 1; slot <= count + draining; slot += 1) {
    const record = observed.slots.get(slot);
    const backend = record === undefined ? undefined : image.backend(record.backendId);
    if (backend === undefined || selected.has(backend.target.name)) continue;
    (slot <= count ? selected : rest).set(backend.target.name, { ...backend.target, state: backend.state });
  }
  return {
    ...observed.frontend,
    backends: [...selected.values(), ...rest.values()],
    count: selected.size,
    affinityTimeout,
  };
}
