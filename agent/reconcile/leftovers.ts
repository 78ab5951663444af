// Rows that nothing desired leads to, and that no frontend's plan takes away: backends that no slot leads to, service ids of which
// only the reverse row is there, and rows that nobody can read. They are taken away when nothing else is left to do.

import { type Pause, visitAll } from '../pause.ts';
import type { Removal } from './change.ts';
import type { MapImage } from './image.ts';
import type { IdSpaces } from './observe.ts';

export interface Leaving {
  readonly backendIds: readonly number[];
  readonly serviceIds: readonly number[];
  /** By step. */
  readonly removals: readonly (readonly Removal[])[];
}

export class Leftovers {
  readonly #ids: IdSpaces;
  /** Ids whose reverse rows were found without any other row of a frontend. */
  #lone: readonly number[] = [];

  constructor(ids: IdSpaces) {
    this.#ids = ids;
  }

  /** In maps that were read just now, and whose ids are known. */
  async find(image: MapImage, pause: Pause): Promise<void> {
    const lone: number[] = [];
    await visitAll(image.reverses(), pause, ([id]) => {
      if (this.#isLone(id, image)) lone.push(id);
    });
    this.#lone = lone;
  }

  /** What can go now: backends when no reader can come to them any more. */
  take(image: MapImage, now: number): Leaving {
    const orphans = [...image.expiredOrphans(now)];
    const serviceIds = this.#lone.filter((id) => this.#isLone(id, image));
    this.#lone = [];
    const reverse = serviceIds.flatMap((id) => image.removalOfReverse(id));
    return { backendIds: orphans.map(({ id }) => id), serviceIds, removals: [reverse, orphans, [...image.strays()]] };
  }

  /** Those that are gone leave their numbers. */
  release({ backendIds, serviceIds }: Leaving, image: MapImage, now: number): void {
    for (const id of backendIds) if (!image.hasBackend(id)) this.#ids.backends.release(id, now);
    for (const id of serviceIds) if (image.reverse(id) === undefined) this.#ids.services.release(id, now);
  }

  /** Nothing in the maps has this service id, and nothing desired will. */
  #isLone(id: number, image: MapImage): boolean {
    const owner = this.#ids.services.ownerOf(id);
    return owner === undefined || (image.frontend(owner) === undefined && owner.placed === undefined);
  }
}
