// The step of a frontend from one desired state, that is in its place, to the next: the same rows as planned from all of its
// backends (plan.ts), found by looking at those that changed. What it relies on: after a state was programmed whole, the slots
// of its count hold its selected backends, each once, in rows that this process wrote. Where more than that would have to be
// known, it leaves the frontend to the whole plan. Rows that somebody else changed are found by a dump, after which nothing
// counts as in its place.

import { itemsOf } from '../../mesh/model/list.ts';
import { type DesiredFrontend, drainingOf, selectedOf } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import { unshared } from '../desired/unshared.ts';
import { fillSlots } from './assign.ts';
import type { MapImage } from './image.ts';
import { type FrontendPlan, planPlaces } from './plan.ts';

/** With more changes than these, and than half of the backends, the whole plan is hardly dearer. */
const FEW_CHANGES = 64;

export interface Step {
  readonly frontend: DesiredFrontend;
  /** Selected before the step, from the first slot on. */
  readonly countBefore: number;
  /** Not selected any more. */
  readonly gone: readonly Target[];
  /** Selected anew. */
  readonly came: readonly Target[];
  /** All of them: commonly few. */
  readonly draining: readonly Target[];
}

/** Absent where too much changed, or new connections get backends of another state: then every backend's row is looked at. */
export function stepBetween(before: DesiredFrontend, after: DesiredFrontend): Step | undefined {
  if (before.count > 0 && after.count > 0 && before.active > 0 !== after.active > 0) return undefined;
  const draining = drainingOf(after);
  const { less, more } = unshared(selectedOf(before), selectedOf(after));
  const changes = Math.max(less.length, more.length, draining.length);
  if (changes > Math.max(FEW_CHANGES, after.backends.length / 2)) return undefined;
  return { frontend: after, countBefore: before.count, gone: less, came: more, draining };
}

/** How the ids are asked for; those of all backends of the step's frontend are known. */
export interface KnownIds {
  idOf(target: Target): number | undefined;
  ownerOf(id: number): Target | undefined;
}

/** Absent where the slots do not say enough. */
export function planStep(
  step: Step,
  serviceId: number,
  ids: KnownIds,
  image: MapImage,
  now: number,
): FrontendPlan | undefined {
  const { frontend, draining } = step;
  const moves = selectedMoves(step, ids, image);
  if (moves === undefined) return undefined;
  const slots = image.frontend(frontend.entrance)?.slots;
  const last = fillSlots((slot) => slots?.backendIdAt(slot), frontend.count + 1, numbersOf(draining, ids));
  const { affinityTimeout, count } = frontend;
  const placed = { frontend: frontend.entrance, serviceId, affinityTimeout, count, draining: draining.length };
  return planPlaces(placed, image, now, (place) => {
    for (const [slot, backendId] of moves) place(slot, backendId);
    for (const [index, backendId] of last.entries()) place(frontend.count + 1 + index, backendId);
  });
}

/** Slots of the new count whose backend is another one, in ascending order. */
function selectedMoves(
  { frontend, countBefore, gone, came }: Step,
  ids: KnownIds,
  image: MapImage,
): readonly (readonly [number, number])[] | undefined {
  const { entrance, backends, count } = frontend;
  const backendAt = (slot: number) => image.frontend(entrance)?.slots.backendIdAt(slot);
  const homeless = new Set(numbersOf(came, ids));
  const left = new Set(numbersOf(gone, ids));
  for (const id of left) if (homeless.delete(id)) left.delete(id);
  const free: number[] = [];
  const slots = image.slotsOf(entrance, left);
  for (const id of left) {
    const slot = slots.get(id);
    if (slot === undefined || slot > countBefore) return undefined;
    if (slot <= count) free.push(slot);
  }
  for (let slot = count + 1; slot <= countBefore; slot += 1) {
    const there = backendAt(slot);
    if (there !== undefined && !left.has(there)) homeless.add(there);
  }
  for (let slot = countBefore + 1; slot <= count; slot += 1) {
    const there = backendAt(slot);
    if (there !== undefined) {
      if (homeless.delete(there)) continue;
      // A slot that readers were leaving holds a backend that has another slot already: which one stays depends on all.
      const wanted = itemsOf(backends)[slot - 1];
      if (wanted !== undefined && ids.idOf(wanted) === there) return undefined;
    }
    free.push(slot);
  }
  if (free.length !== homeless.size) return undefined;
  const moving = homeless.size > 1 && count < countBefore ? inOrder(homeless, itemsOf(backends), ids) : [...homeless];
  return free.sort((a, b) => a - b).map((slot, index) => [slot, moving[index] as number] as const);
}

function inOrder(homeless: ReadonlySet<number>, backends: readonly Target[], ids: KnownIds): readonly number[] {
  const targets = new Set([...homeless].map((id) => ids.ownerOf(id)));
  return numbersOf(
    backends.filter((target) => targets.has(target)),
    ids,
  );
}

const numbersOf = (backends: readonly Target[], ids: KnownIds): readonly number[] =>
  backends.flatMap((target) => ids.idOf(target) ?? []);
