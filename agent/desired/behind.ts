// What stands behind one port of a service in one family: the targets that its port names have at the backends. Made from all
// backends, or from what it was and the backends that came and went, with the same outcome. Snapshots share the backends that
// did not change, so that where one of thousands did, the others are not even looked at. What becomes of it is service.ts.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { Backend, BackendState } from '../../mesh/model/service.ts';
import { replaced } from '../../mesh/snapshot/replaced.ts';
import { type Behind, NO_TARGETS } from './frontend.ts';
import type { MapProtocol } from './names.ts';
import type { Target, TargetTable } from './targets.ts';
import { unshared } from './unshared.ts';

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

/** With more changes than these, and than half of the backends, looking at all of them is hardly dearer. */
const FEW_CHANGES = 64;

/** Absent where too much changed. */
export function changeOf(before: readonly Backend[], backends: readonly Backend[]): BackendChange | undefined {
  const { less, more } = unshared(before, backends);
  const changes = Math.max(less.length, more.length);
  if (changes > Math.max(FEW_CHANGES, backends.length / 2)) return undefined;
  return { gone: less, came: more, backends };
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
  const partAfter = (state: BackendState, part: readonly Target[]): readonly Target[] => {
    const isOf = (backend: Backend) => backend.state === state;
    const gone = change.gone.filter(isOf).flatMap((backend) => targetsAt(backend, way));
    const arriving = change.came.filter(isOf);
    if (part.length === 0) return fitted(arriving.flatMap((backend) => targetsAt(backend, way)));
    const came = insertions(arriving, change.backends, way);
    return gone.length + came.length === 0 ? part : edited(part, gone, came);
  };
  return { active: partAfter('active', before.active), terminating: partAfter('terminating', before.terminating) };
}

/** Targets that come before one that stays, or at the end. */
interface Insertion {
  readonly targets: readonly Target[];
  readonly next: Target | undefined;
}

/** Where what came is to stand; all of it in one state. In the order of the backends. */
function insertions(came: readonly Backend[], backends: readonly Backend[], way: Way): readonly Insertion[] {
  const places: Insertion[] = [];
  let next: Target | undefined;
  let looked = backends.length;
  // From the last to the first, so that what stands between two that came is looked at once.
  for (const backend of came.toReversed()) {
    const at = backends.lastIndexOf(backend, looked - 1);
    next = firstTarget(backends, at + 1, looked, backend.state, way) ?? next;
    places.push({ targets: targetsAt(backend, way), next });
    looked = at;
  }
  return places.reverse();
}

/** Of the backends from `start` to before `end` that are in the state. */
function firstTarget(
  backends: readonly Backend[],
  start: number,
  end: number,
  state: BackendState,
  way: Way,
): Target | undefined {
  for (let at = start; at < end; at += 1) {
    const backend = backends[at];
    if (backend?.state !== state) continue;
    const [first] = targetsAt(backend, way);
    if (first !== undefined) return first;
  }
  return undefined;
}

/** `gone` and `came` in the order of the targets. What lies before the first and behind the last of them is copied as a whole. */
function edited(targets: readonly Target[], gone: readonly Target[], came: readonly Insertion[]): readonly Target[] {
  const after: Target[] = [];
  const start = Math.min(placeOf(targets, gone[0]), placeOf(targets, came[0]?.next));
  let [left, placed, at] = [0, 0, start];
  const placeBefore = (next: Target | undefined) => {
    for (; placed < came.length && came[placed]?.next === next; placed += 1) {
      for (const target of came[placed]?.targets ?? []) after.push(target);
    }
  };
  for (; at < targets.length && (left < gone.length || placed < came.length); at += 1) {
    const target = targets[at];
    if (target === undefined) continue;
    if (target === gone[left]) {
      left += 1;
      continue;
    }
    placeBefore(target);
    after.push(target);
  }
  placeBefore(undefined);
  return replaced(targets, start, at, after);
}

/** The end where it is nowhere. */
function placeOf(targets: readonly Target[], target: Target | undefined): number {
  const at = target === undefined ? -1 : targets.indexOf(target);
  return at < 0 ? targets.length : at;
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
