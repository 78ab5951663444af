// Do the maps hold what is desired? Follows every row as a program in the kernel would, and knows nothing of plans: it is what
// tests and diagnostics hold the reconciler against.

import type { BackendState } from '../../mesh/model/service.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import type { MapCounts } from '../desired/demand.ts';
import { DesiredState } from '../desired/desired-state.ts';
import { EntranceTable } from '../desired/entrances.ts';
import { type DesiredFrontend, drainingOf, selectedOf } from '../desired/frontend.ts';
import { type FrontendName, frontendName, placeName } from '../desired/names.ts';
import type { Target, TargetSource } from '../desired/targets.ts';
import type { ServiceMaps } from '../maps/port.ts';
import type { MapImage, ObservedFrontend } from './image.ts';
import { observe } from './observe.ts';

export interface Difference {
  /** `leftover`: a row that is not desired, and that no reader comes to. Everything else is felt. */
  readonly type: 'missing' | 'wrong' | 'leftover';
  /** The frontend, or the row. */
  readonly subject: string;
  readonly detail: string;
}

export interface Desired {
  readonly frontends: Iterable<DesiredFrontend>;
  readonly targetState: (target: Target) => BackendState | undefined;
  /** Where both sides have their targets from. */
  readonly targets: TargetSource;
}

/** What a snapshot asks of maps of these sizes. */
export async function desiredOf(snapshot: MeshSnapshot, sizes: MapCounts): Promise<Desired> {
  const state = new DesiredState(sizes);
  for (const [key, service] of snapshot.services) state.set(key, service, snapshot.cluster);
  await state.settle(noPause);
  return {
    frontends: [...state.frontends()],
    targetState: (target) => state.targetState(target),
    targets: state.table.onlooker,
  };
}

/** Empty when the maps hold what is desired and nothing else. */
export async function verify(maps: ServiceMaps, desired: Desired): Promise<readonly Difference[]> {
  return differencesOf(
    await observe(maps, () => 0, noPause, { targets: desired.targets, entrances: new EntranceTable() }),
    desired,
  );
}

/** The same of maps that were read. */
export function differencesOf(image: MapImage, desired: Desired): readonly Difference[] {
  const differences: Difference[] = [];
  const note = (type: Difference['type'], subject: string, detail: string) =>
    differences.push({ type, subject, detail });
  const wanted = new Set<FrontendName>();
  const used = new Set<number>();
  const reverse = new Set<number>();
  for (const frontend of desired.frontends) {
    const { entrance } = frontend;
    const { name } = entrance;
    wanted.add(name);
    const observed = image.at(entrance);
    if (observed?.master === undefined) note('missing', name, 'no master');
    else {
      reverse.add(observed.master.serviceId);
      compareFrontend(frontend, observed, image, desired, (type, detail) => note(type, name, detail));
    }
    for (const { backendId } of observed?.slots.values() ?? []) used.add(backendId);
  }
  for (const { frontend, master, slots } of image.frontends()) {
    if (wanted.has(frontend.name)) continue;
    if (master !== undefined) note('wrong', frontend.name, 'is not desired');
    else note('leftover', frontend.name, `${slots.size} slots without a master`);
  }
  for (const [id, { target }] of image.backends()) {
    if (!used.has(id)) note('leftover', target.name, `backend ${id} has no slot`);
  }
  for (const [id, place] of image.reverses()) {
    if (!reverse.has(id)) note('leftover', placeName(place), `reverse row of the unknown id ${id}`);
  }
  for (const { map, key } of image.strays()) note('leftover', `${map} ${key.join('.')}`, 'a row that cannot be read');
  return differences;
}

function compareFrontend(
  wanted: DesiredFrontend,
  { frontend, master, slots }: ObservedFrontend,
  image: MapImage,
  desired: Desired,
  note: (type: Difference['type'], detail: string) => void,
): void {
  if (master === undefined) return;
  const draining = wanted.backends.length - wanted.count;
  if (!master.exact || master.count !== wanted.count || master.draining !== draining) {
    note('wrong', `master says ${master.count}+${master.draining}, desired are ${wanted.count}+${draining}`);
  }
  if (master.affinityTimeout !== wanted.affinityTimeout) {
    note('wrong', `session affinity of ${master.affinityTimeout} s, desired is ${wanted.affinityTimeout} s`);
  }
  const place = image.reverse(master.serviceId);
  if (place === undefined || frontendName({ ...place, protocol: frontend.protocol }) !== frontend.name) {
    note(place === undefined ? 'missing' : 'wrong', `reverse row of id ${master.serviceId}`);
  }
  const expected = [selectedOf(wanted), drainingOf(wanted)];
  let slot = 0;
  for (const part of expected) {
    const targets = new Set(part);
    for (let index = 0; index < part.length; index += 1) {
      slot += 1;
      const record = slots.get(slot);
      const backend = record === undefined ? undefined : image.backend(record.backendId);
      if (record === undefined) note('missing', `slot ${slot}`);
      else if (backend === undefined) note('missing', `backend ${record.backendId} of slot ${slot}`);
      else if (!targets.delete(backend.target)) note('wrong', `slot ${slot} leads to ${backend.target.name}`);
      else if (!record.exact || record.serviceId !== master.serviceId) note('wrong', `bytes of slot ${slot}`);
      else if (!backend.exact || backend.state !== desired.targetState(backend.target)) {
        note('wrong', `bytes of backend ${record.backendId}`);
      }
    }
  }
  const surplus = slots.size - [...slots.keys()].filter((at) => at <= slot).length;
  if (surplus > 0) note('leftover', `${surplus} slots after slot ${slot}`);
}

const noPause = (): undefined => undefined;
