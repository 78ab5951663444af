// What stands behind one port of a service in one family: the targets that its port names have at the backends. Made from all
// backends, or from what it was and the backends that came and went, with the same outcome. Snapshots share the backends that
// did not change, so that where one of thousands did, the others are not even looked at. What becomes of it is service.ts.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { Backend } from '../../mesh/model/service.ts';
import { unshared } from './differing.ts';
import { type Behind, NO_TARGETS } from './frontend.ts';
import type { MapProtocol } from './names.ts';
import type { Target, TargetTable } from './targets.ts';

/** What of a service's ports leads to targets, for the addresses of one family. */
export interface Way {
  readonly protocol: MapProtocol;
  readonly names: ReadonlySet<string>;
  readonly family: Family;
  readonly table: TargetTable;
}

export interface BackendChange {
  readonly gone: readonly Backend[];
  readonly came: readonly Backend[];
  /** All that are there now. */
  readonly backends: readonly Backend[];
}

/** With more changes than this, all backends are looked at instead. */
const CHANGES_MAX = 64;

/** Absent where too much changed. */
export function changeOf(before: readonly Backend[], backends: readonly Backend[]): BackendChange | undefined {
  const { less, more } = unshared(before, backends);
  return Math.max(less.length, more.length) > CHANGES_MAX ? undefined : { gone: less, came: more, backends };
}

export function behindAll(backends: readonly Backend[], way: Way): Behind {
  const active: Target[] = [];
  const terminating: Target[] = [];
  for (const backend of backends) addTargets(backend.state === 'active' ? active : terminating, backend, way);
  return { active: fitted(active), terminating: fitted(terminating) };
}

/** An array that grew has room for more, which it would keep as long as the service lives. */
const fitted = (targets: readonly Target[]): readonly Target[] => (targets.length === 0 ? NO_TARGETS : targets.slice());

export function behindAfter(before: Behind, change: BackendChange, way: Way): Behind {
  const active = [...before.active];
  const terminating = [...before.terminating];
  const partOf = ({ state }: Backend) => (state === 'active' ? active : terminating);
  for (const backend of change.gone) {
    const targets = targetsAt(backend, way);
    const [first] = targets;
    if (first !== undefined) partOf(backend).splice(partOf(backend).indexOf(first), targets.length);
  }
  // From the last to the first: what follows one that came is then in its place already.
  for (const backend of change.came.toReversed()) {
    const part = partOf(backend);
    const next = part.length === 0 ? undefined : nextTarget(change.backends, backend, way);
    part.splice(next === undefined ? part.length : part.indexOf(next), 0, ...targetsAt(backend, way));
  }
  return { active, terminating };
}

/** The first target after the backend's own, of those in the same state. */
function nextTarget(backends: readonly Backend[], backend: Backend, way: Way): Target | undefined {
  for (let at = backends.indexOf(backend) + 1; at < backends.length; at += 1) {
    const other = backends[at];
    if (other?.state !== backend.state) continue;
    const [first] = targetsAt(other, way);
    if (first !== undefined) return first;
  }
  return undefined;
}

function targetsAt(backend: Backend, way: Way): readonly Target[] {
  const targets: Target[] = [];
  addTargets(targets, backend, way);
  return targets;
}

/**
 * Each target once. Snapshots hold a backend's address once per cluster (mesh/snapshot/consistent.ts), so that only the ports
 * of one backend can lead to the same target, and only they are compared.
 */
function addTargets(targets: Target[], backend: Backend, { names, protocol, family, table }: Way): void {
  const { address, clusterId } = backend;
  if (familyOf(address) !== family) return;
  const first = targets.length;
  for (const { name, port, protocol: own } of backend.ports) {
    if (own !== protocol || !names.has(name)) continue;
    const target = table.at(address, port, protocol, clusterId);
    if (targets.indexOf(target, first) === -1) targets.push(target);
  }
}
