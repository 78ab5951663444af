// The rows that bring one frontend from what is observed to what is desired, in an order in which a reader never misses.
//
// A reader loads the master's count, then any slot up to it, then that slot's backend; each of these may see an older or a
// newer row. So at every moment each slot that a reader may come to holds a backend of the old or the new set:
//  - slots up to the new count get new backends at any time, before the master says that they are there;
//  - slots beyond the new count that a reader may still come to, because it has an older count, are left alone until the
//    readers' grace is over; then they are written or removed;
//  - what a slot refers to is written before it, and removed a grace after it (see MapImage.expiredOrphans).
// Rows that are new to a map come before rows that are overwritten: where a map turns out to be full, nothing that
// readers see has changed yet.

import type { Entrance } from '../desired/frontend.ts';
import { assignSlots } from './assign.ts';
import type { MasterRecord, Put, PutMaster, Removal } from './change.ts';
import { samePlace } from './change.ts';
import type { MapImage, Observed, ObservedFrontend } from './image.ts';

/** A frontend with its ids. */
export interface NumberedFrontend {
  readonly frontend: Entrance;
  readonly serviceId: number;
  readonly affinityTimeout: number;
  readonly selected: readonly number[];
  readonly draining: readonly number[];
}

export interface FrontendPlan {
  readonly newSlots: readonly Put[];
  readonly reverse: readonly Put[];
  readonly slots: readonly Put[];
  readonly master: readonly Put[];
  readonly removedMaster: readonly Removal[];
  readonly removedSlots: readonly Removal[];
  readonly removedReverse: readonly Removal[];
  /** Something is left to do once the readers' grace is over. */
  readonly waits: boolean;
}

/** One for all plans: most have nothing to do in most of their parts. */
const NONE: readonly never[] = [];

export function planPut(desired: NumberedFrontend, image: MapImage, now: number): FrontendPlan {
  const { frontend, serviceId, affinityTimeout, selected, draining } = desired;
  const slots = image.frontend(frontend)?.slots;
  if (slots === undefined) return planFirst(desired, image);
  const backendIds = assignSlots((slot) => slots.backendIdAt(slot), selected, draining);
  const placed = { frontend, serviceId, affinityTimeout, count: selected.length, draining: draining.length };
  return planPlaces(placed, image, now, (place) => {
    let slot = 0;
    for (const backendId of backendIds) {
      slot += 1;
      place(slot, backendId);
    }
  });
}

/** Nothing of the frontend is there, as of all of them when a node joins: nothing has to be looked at. */
function planFirst(desired: NumberedFrontend, image: MapImage): FrontendPlan {
  const { frontend, serviceId, affinityTimeout, selected, draining } = desired;
  const backendIds = draining.length === 0 ? selected : [...selected, ...draining];
  const [count, kept] = [selected.length, draining.length];
  return {
    newSlots: backendIds.map((backendId, at) => ({ type: 'put-slot', frontend, slot: at + 1, backendId, serviceId })),
    reverse: reverseOf(frontend, serviceId, image),
    slots: NONE,
    master: [{ type: 'put-master', frontend, count, draining: kept, affinityTimeout, serviceId }],
    removedMaster: NONE,
    removedSlots: NONE,
    removedReverse: NONE,
    waits: false,
  };
}

const reverseOf = (frontend: Entrance, serviceId: number, image: MapImage): readonly Put[] =>
  samePlace(image.reverse(serviceId), frontend) ? NONE : [{ type: 'put-reverse', id: serviceId, place: frontend }];

/** A frontend whose backends have their slots. */
export interface PlacedFrontend {
  readonly frontend: Entrance;
  readonly serviceId: number;
  readonly affinityTimeout: number;
  readonly count: number;
  readonly draining: number;
}

/** `forEachPlace` names the slots to look at, in ascending order: all but those that surely hold what they are to hold. */
export function planPlaces(
  { frontend, serviceId, affinityTimeout, count, draining }: PlacedFrontend,
  image: MapImage,
  now: number,
  forEachPlace: (place: (slot: number, backendId: number) => void) => void,
): FrontendPlan {
  const observed = image.frontend(frontend);
  const readable = image.readable(frontend, now);
  const newSlots: Put[] = [];
  const slots: Put[] = [];
  let waits = false;
  forEachPlace((slot, backendId) => {
    if (observed?.slots.holds(slot, backendId, serviceId) === true) return;
    if (slot > count && slot <= readable) waits = true;
    else {
      const put: Put = { type: 'put-slot', frontend, slot, backendId, serviceId };
      (observed?.slots.has(slot) === true ? slots : newSlots).push(put);
    }
  });
  const surplus = surplusSlots(frontend, observed, count + draining, readable);
  const master: PutMaster = { type: 'put-master', frontend, count, draining, affinityTimeout, serviceId };
  const there = observed?.master;
  return {
    newSlots,
    reverse: reverseOf(frontend, serviceId, image),
    slots,
    master: there !== undefined && sameMaster(there, master) ? NONE : [master],
    removedMaster: NONE,
    removedSlots: surplus.removable,
    removedReverse: NONE,
    waits: waits || surplus.waits,
  };
}

/** Master first; slots when no reader can come to them any more; the reverse row when nothing of the service is left. */
export function planRemoval(
  frontend: Entrance,
  serviceId: number | undefined,
  image: MapImage,
  now: number,
): FrontendPlan {
  const observed = image.frontend(frontend);
  const surplus = surplusSlots(frontend, observed, 0, image.readable(frontend, now));
  const gone = !surplus.waits;
  return {
    newSlots: NONE,
    reverse: NONE,
    slots: NONE,
    master: NONE,
    removedMaster: observed?.master === undefined ? NONE : [{ type: 'remove-master', frontend }],
    removedSlots: surplus.removable,
    removedReverse: gone && serviceId !== undefined ? image.removalOfReverse(serviceId) : NONE,
    waits: surplus.waits,
  };
}

interface Surplus {
  readonly removable: readonly Removal[];
  readonly waits: boolean;
}

const NO_SURPLUS: Surplus = { removable: NONE, waits: false };

function surplusSlots(
  frontend: Entrance,
  observed: ObservedFrontend | undefined,
  last: number,
  readable: number,
): Surplus {
  if (observed === undefined) return NO_SURPLUS;
  const removable: Removal[] = [];
  let waits = false;
  const { slots } = observed;
  for (let slot = last + 1; slot <= slots.last; slot += 1) {
    if (!slots.has(slot)) continue;
    if (slot > readable) removable.push({ type: 'remove-slot', frontend, slot });
    else waits = true;
  }
  return { removable, waits };
}

const sameMaster = (observed: Observed<MasterRecord>, wanted: MasterRecord): boolean =>
  observed.exact &&
  observed.count === wanted.count &&
  observed.draining === wanted.draining &&
  observed.affinityTimeout === wanted.affinityTimeout &&
  observed.serviceId === wanted.serviceId;
