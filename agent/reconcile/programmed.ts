// How frontends were last programmed whole: what a service goes back to when a map refuses its new state, and from where a step to
// the next state starts (step.ts). What a predecessor programmed is read off the maps. It stands with the entrances themselves.

import type { DesiredFrontend, Entrance } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import type { MapImage } from './image.ts';

export class Programmed {
  /** How often the maps were read. */
  #reading = 1;

  /** The last desired state of a frontend whose rows are all in their place. */
  inPlace({ programmed, programmedAfter }: Entrance): DesiredFrontend | undefined {
    return programmedAfter === this.#reading ? programmed : undefined;
  }

  /** All of it stands as desired. */
  place(frontend: DesiredFrontend): void {
    this.#note(frontend.entrance, frontend, this.#reading);
  }

  /** It was programmed, and something else is desired by now. */
  placeOutdated(frontend: DesiredFrontend): void {
    this.#note(frontend.entrance, frontend, 0);
  }

  /** The maps say how it stands: it does not fit, or a predecessor programmed it. */
  find(entrance: Entrance, image: MapImage): void {
    this.#note(entrance, programmedFrontend(image, entrance) ?? entrance.programmed, 0);
  }

  forget(entrance: Entrance): void {
    this.#note(entrance, undefined, 0);
  }

  /** The maps were read anew: nobody knows whose rows these are. */
  displaceAll(): void {
    this.#reading += 1;
  }

  #note(entrance: Entrance, programmed: DesiredFrontend | undefined, after: number): void {
    entrance.programmed = programmed;
    entrance.programmedAfter = after;
  }
}

/** Absent where readers find nothing; slots that lead nowhere are left out. */
function programmedFrontend(image: MapImage, entrance: Entrance): DesiredFrontend | undefined {
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
