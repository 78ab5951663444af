// What the next round is to make of what is marked: whole services together, up to the size of a round, each frontend as it is
// desired, or as it stood before a map refused its service, or not at all. It writes nothing, and settles nothing.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { DesiredFrontend, Entrance, Placed } from '../desired/frontend.ts';
import type { MapImage } from './image.ts';
import type { Marked } from './marked.ts';
import type { Programmed } from './programmed.ts';
import type { Refusals } from './refusals.ts';

/** Rounds end here, so that planning one takes less than a few milliseconds. */
const ROUND_FRONTENDS_MAX = 128;
const ROUND_BACKENDS_MAX = 4_096;

/** What is to be made of a service's frontends: as desired, or as held while the service is refused. */
export interface Intent {
  readonly service: ServiceKey;
  readonly frontends: readonly DesiredFrontend[];
}

export interface AgendaDeps {
  readonly marked: Marked;
  readonly refusals: Refusals;
  readonly programmed: Programmed;
}

export class Agenda {
  readonly put: Intent[] = [];
  readonly remove: Entrance[] = [];
  /** Neither desired nor programmed. */
  readonly gone: Entrance[] = [];
  readonly #deps: AgendaDeps;
  readonly #image: MapImage;
  #frontends = 0;
  #backends = 0;

  private constructor(deps: AgendaDeps, image: MapImage) {
    this.#deps = deps;
    this.#image = image;
  }

  /** Takes from what is marked. */
  static take(deps: AgendaDeps, image: MapImage): Agenda {
    const agenda = new Agenda(deps, image);
    while (agenda.#frontends < ROUND_FRONTENDS_MAX && agenda.#backends < ROUND_BACKENDS_MAX) {
      const entrance = deps.marked.frontends.first;
      if (entrance === undefined) break;
      if (entrance.placed === undefined) agenda.#takeAway(entrance);
      else agenda.#takeService(entrance.placed);
    }
    return agenda;
  }

  #takeAway(entrance: Entrance): void {
    this.#deps.marked.frontends.delete(entrance);
    const isThere = this.#image.frontend(entrance) !== undefined || entrance.programmed !== undefined;
    (isThere ? this.remove : this.gone).push(entrance);
    this.#frontends += 1;
  }

  /** Those of its frontends that are marked. */
  #takeService({ key: service, admitted }: Placed): void {
    const isRefused = this.#deps.refusals.isRefused(service);
    // As a rule all of them, as desired: then there is a list of them already.
    const isWhole = !isRefused && admitted.every(({ entrance }) => entrance.isMarked);
    const frontends: DesiredFrontend[] = [];
    for (const desired of admitted) {
      const { entrance } = desired;
      if (!this.#deps.marked.frontends.delete(entrance)) continue;
      // What a predecessor programmed is what to go back to, until this process has programmed something itself.
      if (entrance.programmed === undefined && this.#image.frontend(entrance)?.master !== undefined) {
        this.#deps.programmed.find(entrance, this.#image);
      }
      const intent = isRefused ? entrance.programmed : desired;
      if (intent === undefined) this.remove.push(entrance);
      else if (!isWhole) frontends.push(intent);
      this.#frontends += 1;
      this.#backends += desired.backends.length;
    }
    const put = isWhole ? admitted : frontends;
    if (put.length > 0) this.put.push({ service, frontends: put });
  }
}
