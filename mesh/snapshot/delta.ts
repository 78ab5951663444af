// The step from one snapshot to a later one, in the size of what changed. diffSnapshots makes it, applyDelta takes it:
// applying the difference of two snapshots to the first gives the second. The result shares every unchanged service and
// backend with what it was applied to. A delta that does not fit is refused whole: it never half-applies.

import type { ClusterId, ClusterName, ServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Backend, MeshService } from '../model/service.ts';
import { type ServiceSpec, sameBackend, sameClusters, sameService, sameSpec, specOf } from './equality.ts';
import { type BackendRef, compareBackends, compareText, isAscending } from './order.ts';
import { replaced } from './replaced.ts';
import { ServiceMap } from './service-map.ts';
import type { MeshSnapshot, Position } from './snapshot.ts';

export interface ServiceDelta {
  readonly key: ServiceKey;
  /** Absent when everything but the backends is as it was; always there for a new service. */
  readonly spec: ServiceSpec | undefined;
  /** New and changed backends, in canonical order. */
  readonly upserted: readonly Backend[];
  /** In canonical order; none of them is in `upserted`. */
  readonly removed: readonly BackendRef[];
}

export interface SnapshotDelta {
  readonly from: Position;
  readonly to: Position;
  /** Sorted by key. */
  readonly changed: readonly ServiceDelta[];
  /** Sorted; none of them is in `changed`. */
  readonly removed: readonly ServiceKey[];
  /** All clusters of the new snapshot; absent when they are as they were. */
  readonly clusters: ReadonlyMap<ClusterName, ClusterId> | undefined;
}

export function diffSnapshots(from: MeshSnapshot, to: MeshSnapshot): SnapshotDelta {
  const keys = ServiceMap.from(from.services).differingKeys(ServiceMap.from(to.services));
  const changed: ServiceDelta[] = [];
  const removed: ServiceKey[] = [];
  for (const key of keys.toSorted(compareText)) {
    const before = from.services.get(key);
    const after = to.services.get(key);
    const change = after && diffService(before, after);
    if (change !== undefined) changed.push(change);
    else if (after === undefined && before !== undefined) removed.push(key);
  }
  return {
    from: from.position,
    to: to.position,
    changed,
    removed,
    clusters: sameClusters(from.clusters, to.clusters) ? undefined : to.clusters,
  };
}

/** Whether the delta changes nothing but the position. */
export const isEmpty = (delta: SnapshotDelta): boolean =>
  delta.changed.length === 0 && delta.removed.length === 0 && delta.clusters === undefined;

/** Absent where both say the same. */
export function diffService(before: MeshService | undefined, after: MeshService): ServiceDelta | undefined {
  if (before !== undefined && sameService(before, after)) return undefined;
  const spec = specOf(after);
  if (before === undefined) return { key: after.key, spec, upserted: after.backends, removed: [] };
  return {
    key: after.key,
    spec: sameSpec(before, after) ? undefined : spec,
    ...diffBackends(before.backends, after.backends),
  };
}

/** One walk over both lists, which are in canonical order. */
export function diffBackends(
  before: readonly Backend[],
  after: readonly Backend[],
): Pick<ServiceDelta, 'upserted' | 'removed'> {
  const upserted: Backend[] = [];
  const removed: BackendRef[] = [];
  let [i, j] = [0, 0];
  for (;;) {
    const old = before[i];
    const now = after[j];
    if (old === undefined && now === undefined) return { upserted, removed };
    const order = old === now ? 0 : old === undefined ? 1 : now === undefined ? -1 : compareBackends(old, now);
    if (order < 0 && old !== undefined) removed.push({ address: old.address, cluster: old.cluster });
    if (order > 0 && now !== undefined) upserted.push(now);
    if (order === 0 && old !== undefined && now !== undefined && !sameBackend(old, now)) upserted.push(now);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
}

/** The snapshot after the step, or why the step does not start from this one. */
export function applyDelta(snapshot: MeshSnapshot, delta: SnapshotDelta): Result<MeshSnapshot, string> {
  const { from, to } = delta;
  const at = snapshot.position;
  if (from.storeId !== at.storeId || from.revision !== at.revision) {
    return err(`starts from revision ${from.revision} of ${from.storeId}, not ${at.revision} of ${at.storeId}`);
  }
  if (to.storeId !== at.storeId) return err(`leads from the etcd ${at.storeId} to another, ${to.storeId}`);
  if (to.revision < at.revision) return err(`leads back from revision ${at.revision} to ${to.revision}`);

  const changes = new Map<ServiceKey, MeshService | undefined>();
  for (const change of delta.changed) {
    if (changes.has(change.key)) return err(`${change.key}: changed twice`);
    const service = applyService(snapshot.services.get(change.key), change);
    if (!service.ok) return err(`${change.key}: ${service.error}`);
    changes.set(change.key, service.value);
  }
  for (const key of delta.removed) {
    if (!snapshot.services.has(key)) return err(`${key}: removed, but was not there`);
    if (changes.has(key)) return err(`${key}: both changed and removed`);
    changes.set(key, undefined);
  }
  return ok({
    position: to,
    cluster: snapshot.cluster,
    clusters: delta.clusters ?? snapshot.clusters,
    services: ServiceMap.from(snapshot.services).with(changes),
  });
}

function applyService(before: MeshService | undefined, change: ServiceDelta): Result<MeshService, string> {
  const spec = change.spec ?? before;
  if (spec === undefined) return err('changed, but was not there');
  const backends = applyBackends(before?.backends ?? [], change);
  if (!backends.ok) return backends;
  return ok({ key: change.key, ...specOf(spec), backends: backends.value });
}

type Edit = { readonly ref: BackendRef; readonly backend: Backend | undefined };

/**
 * Places the few changed backends by search. What lies before the first and behind the last of them is copied as a whole, into a list
 * that is as long as it needs to be: of thousands of backends, only the list itself is made anew.
 */
function applyBackends(before: readonly Backend[], change: ServiceDelta): Result<readonly Backend[], string> {
  if (change.upserted.length === 0 && change.removed.length === 0) return ok(before);
  if (before.length === 0 && change.removed.length === 0 && isAscending(change.upserted, compareBackends))
    return ok(change.upserted.slice());
  const edits: Edit[] = [
    ...change.upserted.map((backend) => ({ ref: backend, backend })),
    ...change.removed.map((ref) => ({ ref, backend: undefined })),
  ].sort((a, b) => compareBackends(a.ref, b.ref));
  const start = edits[0] === undefined ? 0 : lowerBound(before, edits[0].ref, 0);
  const edited: Backend[] = [];
  let copied = start;
  let last: BackendRef | undefined;
  for (const { ref, backend } of edits) {
    if (last !== undefined && compareBackends(last, ref) === 0) return err(`backend ${nameOf(ref)} changed twice`);
    last = ref;
    const place = lowerBound(before, ref, copied);
    for (; copied < place; copied += 1) {
      const kept = before[copied];
      if (kept !== undefined) edited.push(kept);
    }
    const there = before[place];
    const known = there !== undefined && compareBackends(there, ref) === 0;
    if (backend !== undefined) edited.push(backend);
    else if (!known) return err(`backend ${nameOf(ref)} removed, but was not there`);
    if (known) copied += 1;
  }
  return ok(replaced(before, start, copied, edited));
}

const nameOf = (ref: BackendRef): string => `${ref.address} of ${ref.cluster}`;

/** Index of the first backend that does not come before `ref`, from `low` on. */
function lowerBound(backends: readonly Backend[], ref: BackendRef, low: number): number {
  let [start, end] = [low, backends.length];
  while (start < end) {
    const middle = (start + end) >>> 1;
    const backend = backends[middle];
    if (backend !== undefined && compareBackends(backend, ref) < 0) start = middle + 1;
    else end = middle;
  }
  return start;
}
