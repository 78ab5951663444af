// How frontends were last programmed whole: what a service goes back to when a map refuses its new state, and from where a step to
// the next state starts (step.ts). What a predecessor programmed is read off the maps.

import type { DesiredFrontend, Entrance } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import { type Pause, visitAll } from '../pause.ts';
import type { MapImage } from './image.ts';

export class Programmed {
  readonly #frontends = new Map<Entrance, DesiredFrontend>();
  /** What of it is not what is desired, or does not stand in the maps as this process left it. */
  readonly #displaced = new Set<Entrance>();

  has(entrance: Entrance): boolean {
    return this.#frontends.has(entrance);
  }

  get(entrance: Entrance): DesiredFrontend | undefined {
    return this.#frontends.get(entrance);
  }

  /** The last desired state of a frontend whose rows are all in their place. */
  inPlace(entrance: Entrance): DesiredFrontend | undefined {
    return this.#displaced.has(entrance) ? undefined : this.#frontends.get(entrance);
  }

  /** All of it stands as desired. */
  place(frontend: DesiredFrontend): void {
    this.#frontends.set(frontend.entrance, frontend);
    this.#displaced.delete(frontend.entrance);
  }

  /** It was programmed, and something else is desired by now. */
  placeOutdated(frontend: DesiredFrontend): void {
    this.#frontends.set(frontend.entrance, frontend);
    this.#displaced.add(frontend.entrance);
  }

  /** The maps say how it stands: it does not fit, or a predecessor programmed it. */
  find(entrance: Entrance, image: MapImage): void {
    const found = programmedFrontend(image, entrance);
    if (found !== undefined) this.#frontends.set(entrance, found);
    this.#displaced.add(entrance);
  }

  forget(entrance: Entrance): void {
    this.#frontends.delete(entrance);
    this.#displaced.delete(entrance);
  }

  /** The maps were read anew: nobody knows whose rows these are. */
  displaceAll(pause: Pause): Promise<void> {
    return visitAll(this.#frontends.keys(), pause, (entrance) => this.#displaced.add(entrance));
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
