// How far the maps are from what this program left in them: rows that somebody else wrote, changed or took away.

import { type Pause, visitAll } from '../pause.ts';
import type { BackendRecord } from './change.ts';
import { samePlace } from './change.ts';
import type { MapImage, Observed, ObservedFrontend } from './image.ts';

/** Rows that are in one of the two images only, or differ. */
export async function countDifferences(believed: MapImage, found: MapImage, pause: Pause): Promise<number> {
  let differences = 0;
  await visitAll(believed.frontends(), pause, (frontend) => {
    differences += frontendDifferences(frontend, found.frontend(frontend.frontend));
  });
  await visitAll(found.frontends(), pause, (frontend) => {
    if (believed.frontend(frontend.frontend) === undefined) differences += frontendDifferences(frontend, undefined);
  });
  await visitAll(believed.backends(), pause, ([id, backend]) => {
    differences += Number(!sameBackend(backend, found.backend(id)));
  });
  await visitAll(found.backends(), pause, ([id]) => {
    differences += Number(!believed.hasBackend(id));
  });
  await visitAll(believed.reverses(), pause, ([id, place]) => {
    differences += Number(!samePlace(found.reverse(id), place));
  });
  await visitAll(found.reverses(), pause, ([id]) => {
    differences += Number(believed.reverse(id) === undefined);
  });
  for (const _ of found.strays()) differences += 1;
  return differences;
}

function frontendDifferences(a: ObservedFrontend, b: ObservedFrontend | undefined): number {
  let differences = Number(!sameMaster(a, b));
  for (const [slot, record] of a.slots) {
    const other = b?.slots.get(slot);
    const same =
      other?.backendId === record.backendId && other.serviceId === record.serviceId && other.exact === record.exact;
    differences += Number(!same);
  }
  for (const slot of b?.slots.keys() ?? []) differences += Number(!a.slots.has(slot));
  return differences;
}

function sameMaster({ master: a }: ObservedFrontend, other: ObservedFrontend | undefined): boolean {
  const b = other?.master;
  if (a === undefined || b === undefined) return a === b;
  return (
    a.count === b.count &&
    a.draining === b.draining &&
    a.affinityTimeout === b.affinityTimeout &&
    a.serviceId === b.serviceId &&
    a.exact === b.exact
  );
}

const sameBackend = (a: Observed<BackendRecord>, b: Observed<BackendRecord> | undefined): boolean =>
  b !== undefined && a.target === b.target && a.state === b.state && a.exact === b.exact;
