// Which services fit the maps. Whole services only: those with a backend in the own cluster first, then the older, then by name, each
// taken if it still fits. A function of all services and the sizes, so that every node of a cluster leaves out the same ones,
// whatever it had before and in whichever order they came, and a service comes in as soon as there is room. A new service is the
// youngest, so that it takes nobody's place; one that comes before another in this order does, wherever it was until now.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { MapName } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import { Demand, type MapCounts } from './demand.ts';
import { type DesiredFrontend, REFUSAL_CODES, type Refusal } from './frontend.ts';

export interface Candidate {
  readonly key: ServiceKey;
  readonly local: boolean;
  /** As in MeshService. */
  readonly createdSeconds: number | undefined;
  /** The frontends that are its own. */
  readonly frontends: readonly DesiredFrontend[];
}

export interface Admission {
  readonly demand: Demand;
  readonly refused: ReadonlyMap<ServiceKey, Refusal>;
}

function byPrecedence(a: Candidate, b: Candidate): number {
  if (a.local !== b.local) return a.local ? -1 : 1;
  const [older, younger] = [a.createdSeconds ?? UNKNOWN_AGE, b.createdSeconds ?? UNKNOWN_AGE];
  if (older !== younger) return older < younger ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

const UNKNOWN_AGE = Number.POSITIVE_INFINITY;

export async function admit(candidates: Candidate[], sizes: MapCounts, pause: Pause): Promise<Admission> {
  const demand = new Demand();
  const wanted = new Demand();
  const left: { readonly key: ServiceKey; readonly map: MapName }[] = [];
  await visitAll(candidates.sort(byPrecedence), pause, ({ key, frontends }) => {
    wanted.add(frontends);
    const map = demand.overflow(frontends, sizes);
    if (map === undefined) demand.add(frontends);
    else left.push({ key, map });
  });
  const counts = wanted.counts;
  return { demand, refused: new Map(left.map(({ key, map }) => [key, noRoom(key, map, counts[map], sizes[map])])) };
}

export function noRoom(service: ServiceKey, map: MapName, wanted: number, size: number): Refusal {
  const setting = `datapath.sizes.${map}`;
  const reason = `the ${map} map has ${size} entries and all services together need ${wanted}; raise ${setting}`;
  return { service, code: REFUSAL_CODES.kernel, reason, room: { map, wanted, size, setting } };
}
