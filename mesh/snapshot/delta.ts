// The step from one snapshot to a later one, in the size of what changed. diffSnapshots makes it, applyDelta takes it:
// applying the difference of two snapshots to the first gives the second. The result shares every unchanged service and
// backend with what it was applied to. A delta that does not fit is refused whole: it never half-applies.

import { differingPieces, inPieces, itemsOf, type List, ListBuilder, piecesOf } from '../model/list.ts';
import type { ClusterId, ClusterName, ServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Backend, MeshService } from '../model/service.ts';
import { type ServiceSpec, sameBackend, sameClusters, sameService, sameSpec, specOf } from './equality.ts';
import { type BackendRef, compareBackends, compareText, isAscending } from './order.ts';
import { ServiceMap } from './service-map.ts';
import type { MeshSnapshot, Position } from './snapshot.ts';

export interface ServiceDelta {
  readonly key: ServiceKey;
  /** Absent when everything but the backends is as it was; always there for a new service. */
  readonly spec: ServiceSpec | undefined;
  /** New and changed backends, in canonical order. */
  readonly upserted: List<Backend>;
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
    ...diffLists(before.backends, after.backends),
  };
}

/** What is in pieces that both have is not looked at. */
export function diffLists(before: List<Backend>, after: List<Backend>): BackendsStep {
  const differing = differingPieces(before, after);
  return diffBackends(differing.before.flat(), differing.after.flat());
}

/** In canonical order, as in a ServiceDelta. */
export interface BackendsStep {
  readonly upserted: readonly Backend[];
  readonly removed: readonly BackendRef[];
}

/** One walk over both lists, which are in canonical order. */
export function diffBackends(before: readonly Backend[], after: readonly Backend[]): BackendsStep {
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

/** The list after the step, or why it does not start from this one. Only the pieces are made anew in which something changed. */
export function applyBackends(
  before: List<Backend>,
  { upserted, removed }: Pick<ServiceDelta, 'upserted' | 'removed'>,
): Result<List<Backend>, string> {
  if (upserted.length === 0 && removed.length === 0) return ok(before);
  if (before.length === 0 && removed.length === 0 && isAscending(upserted, compareBackends))
    return ok(inPieces(itemsOf(upserted)));
  const edits: Edit[] = [];
  for (const backend of upserted) edits.push({ ref: backend, backend });
  for (const ref of removed) edits.push({ ref, backend: undefined });
  edits.sort((a, b) => compareBackends(a.ref, b.ref));
  const cut = piecesOf(before);
  const after = new ListBuilder<Backend>();
  let [at, edited] = [0, 0];
  for (;;) {
    const first = edits[edited];
    if (first === undefined) break;
    const place = pieceOf(cut, first.ref, at);
    after.keep(cut, at, place);
    const next = cut[place + 1]?.[0];
    const end = next === undefined ? edits.length : firstNotBefore(edits, next, edited);
    const items = applyEdits(cut[place] ?? [], edits.slice(edited, end));
    if (!items.ok) return items;
    after.put(items.value);
    [at, edited] = [place + 1, end];
  }
  after.keep(cut, at, cut.length);
  return ok(after.build());
}

/** Both in canonical order. */
function applyEdits(items: readonly Backend[], edits: readonly Edit[]): Result<readonly Backend[], string> {
  const edited: Backend[] = [];
  let at = 0;
  let last: BackendRef | undefined;
  for (const { ref, backend } of edits) {
    if (last !== undefined && compareBackends(last, ref) === 0) return err(`backend ${nameOf(ref)} changed twice`);
    last = ref;
    let there = items[at];
    for (; there !== undefined && compareBackends(there, ref) < 0; there = items[at]) {
      edited.push(there);
      at += 1;
    }
    const known = there !== undefined && compareBackends(there, ref) === 0;
    if (backend !== undefined) edited.push(backend);
    else if (!known) return err(`backend ${nameOf(ref)} removed, but was not there`);
    if (known) at += 1;
  }
  for (; at < items.length; at += 1) edited.push(items[at] as Backend);
  return ok(edited);
}

const nameOf = (ref: BackendRef): string => `${ref.address} of ${ref.cluster}`;

/** The last piece, from `low` on, that does not begin after `ref`; `low` where all of them do. */
function pieceOf(cut: readonly (readonly Backend[])[], ref: BackendRef, low: number): number {
  let [start, end] = [low + 1, cut.length];
  while (start < end) {
    const middle = (start + end) >>> 1;
    const first = cut[middle]?.[0];
    if (first !== undefined && compareBackends(first, ref) <= 0) start = middle + 1;
    else end = middle;
  }
  return start - 1;
}

/** Edits are few for a piece, and commonly one in all. */
function firstNotBefore(edits: readonly Edit[], next: BackendRef, from: number): number {
  let at = from;
  for (let edit = edits[at]; edit !== undefined && compareBackends(edit.ref, next) < 0; edit = edits[at]) at += 1;
  return at;
}
