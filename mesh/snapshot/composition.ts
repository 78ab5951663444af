// Of which lists the backends of a service were put together: one for each cluster that has any, in canonical order. A service of 250
// clusters is commonly made anew because of one of them. Where it is known what the value before was made of, the lists that
// are the same objects need no look at what is in them: sharing and difference cost by what changed, and come out as they
// would without that knowledge.

import { itemsOf, joined, type List, PIECE_ITEMS_MAX, piecesOf, replaced } from '../model/list.ts';
import type { ClusterName } from '../model/names.ts';
import type { Backend, MeshService } from '../model/service.ts';
import { diffLists, diffService, type ServiceDelta } from './delta.ts';
import { sameSpec, shareLists, shareService, specOf } from './equality.ts';
import { type BackendRef, compareText } from './order.ts';

type Backends = List<Backend>;

/** None of them empty, each of one cluster, and each cluster's after those of the clusters before it. */
export type ClusterLists = readonly Backends[];

export class Compositions {
  readonly #lists = new WeakMap<List<Backend>, ClusterLists>();

  compose(lists: ClusterLists): Backends {
    const all = joined(...lists);
    const backends = all.length <= PIECE_ITEMS_MAX ? itemsOf(all) : all;
    this.#lists.set(backends, lists);
    return backends;
  }

  /** What was composed, with `by` in the place of its list at `place`. */
  replace(backends: Backends, lists: ClusterLists, place: number, by: Backends): Backends {
    const part = lists[place] ?? NO_BACKENDS;
    const next = lists.with(place, by);
    if (backends.length - part.length + by.length <= PIECE_ITEMS_MAX || backends.length <= PIECE_ITEMS_MAX)
      return this.compose(next);
    const cluster = clusterOf(part);
    const first = firstFrom(
      piecesOf(backends),
      (piece) => cluster === undefined || (piece[0]?.cluster ?? '') >= cluster,
    );
    const composed = replaced(backends, first, part, by);
    this.#lists.set(composed, next);
    return composed;
  }

  /** Absent of a list that was not composed here. */
  of(backends: List<Backend>): ClusterLists | undefined {
    return this.#lists.get(backends);
  }
}

export interface ServiceStep {
  /** Says what `merged` says, with the parts of the value before wherever they say the same; that value itself when all of it does. */
  readonly service: MeshService;
  /** Absent where nothing changed. */
  readonly change: ServiceDelta | undefined;
}

export function stepService(
  before: MeshService | undefined,
  merged: MeshService,
  compositions: Compositions,
): ServiceStep {
  const old = before && compositions.of(before.backends);
  const now = compositions.of(merged.backends);
  if (before === undefined || old === undefined || now === undefined) {
    const service = shareService(before, merged);
    return { service, change: service === before ? undefined : diffService(before, service) };
  }
  const { lists, upserted, removed } = stepLists(old, now);
  const isSame = upserted.length === 0 && removed.length === 0;
  const backends = isSame ? before.backends : lists === now ? merged.backends : compositions.compose(lists);
  const hasSpec = sameSpec(before, merged);
  if (isSame && hasSpec) return { service: before, change: undefined };
  return {
    service: { ...(hasSpec ? before : merged), backends },
    change: { key: merged.key, spec: hasSpec ? undefined : specOf(merged), upserted, removed },
  };
}

/**
 * The same where all but one cluster's backends are as they were: `backends`, of that cluster. Undefined where nobody knows what the value
 * before was put together of. A cluster that has no part in it gets none.
 */
export function stepCluster(
  before: MeshService,
  cluster: ClusterName,
  backends: Backends,
  compositions: Compositions,
): ServiceStep | undefined {
  const lists = compositions.of(before.backends);
  if (lists === undefined) return undefined;
  const place = firstFrom(lists, (list) => compareText(clusterOf(list) ?? '', cluster) >= 0);
  const old = lists[place];
  if (old === undefined || clusterOf(old) !== cluster) return { service: before, change: undefined };
  const kept = shareLists(old, backends);
  if (kept === old) return { service: before, change: undefined };
  return {
    service: { ...before, backends: compositions.replace(before.backends, lists, place, kept) },
    change: { key: before.key, spec: undefined, ...diffLists(old, kept) },
  };
}

/** Of items of which all from some place on are so: that place. */
function firstFrom<T>(items: readonly T[], isSo: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface ListsStep extends Pick<ServiceDelta, 'upserted' | 'removed'> {
  /** `now`, with what is in the lists before wherever it says the same. */
  readonly lists: ClusterLists;
}

/** One walk over the clusters of both. */
function stepLists(old: ClusterLists, now: ClusterLists): ListsStep {
  const upserted: Backend[] = [];
  const removed: BackendRef[] = [];
  const lists: Backends[] = [];
  let shared = false;
  let [i, j] = [0, 0];
  for (;;) {
    const before = old[i];
    const after = now[j];
    if (before === undefined && after === undefined) return { lists: shared ? lists : now, upserted, removed };
    const order = before === after ? 0 : compareLists(before, after);
    if (order < 0) {
      for (const { address, cluster } of before ?? NO_BACKENDS) removed.push({ address, cluster });
    } else if (order > 0 || before === after) {
      if (after !== undefined) lists.push(after);
      if (order > 0) for (const backend of after ?? NO_BACKENDS) upserted.push(backend);
    } else if (before !== undefined && after !== undefined) {
      const kept = shareLists(before, after);
      shared ||= kept !== after;
      lists.push(kept);
      const step = diffLists(before, kept);
      for (const backend of step.upserted) upserted.push(backend);
      for (const ref of step.removed) removed.push(ref);
    }
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
}

function compareLists(a: Backends | undefined, b: Backends | undefined): number {
  const [one, other] = [clusterOf(a), clusterOf(b)];
  if (one === undefined) return 1;
  if (other === undefined) return -1;
  return compareText(one, other);
}

const clusterOf = (backends: Backends | undefined): ClusterName | undefined =>
  backends && piecesOf(backends)[0]?.[0]?.cluster;

const NO_BACKENDS: Backends = [];
