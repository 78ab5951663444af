// The ranges of all clusters as the evaluation follows them: what clusters declare and what their nodes show go in, conflicts and what is
// withheld for them are kept current, and records that lie where something changed come out, to be judged again.

import type { ClusterName } from '../model/names.ts';
import { PrefixTrie } from '../model/prefix-trie.ts';
import type { RangeConflict } from './cidr.ts';
import type { ClusterState } from './cluster-state.ts';
import { RangeHolds } from './holds.ts';
import { RangeConflicts } from './range-conflicts.ts';
import type { GoodValue, RecordState } from './record-state.ts';
import { addressUses } from './record-value.ts';
import type { Standing } from './standing.ts';

export class RangeRules {
  readonly holds: RangeHolds;
  readonly #conflicts: RangeConflicts;

  /** `standings`: a live view. */
  constructor(local: ClusterName | undefined, standings: ReadonlyMap<ClusterName, Standing>) {
    this.holds = new RangeHolds(local);
    this.#conflicts = new RangeConflicts(standings);
  }

  /** In an order that depends on the ranges alone. */
  conflicts(): readonly RangeConflict[] {
    return this.#conflicts.all();
  }

  /** Whether a range of the cluster is held back as new (CM-CIDR-005). */
  hasNewcomer(name: ClusterName): boolean {
    return this.#conflicts.hasNewcomer(name);
  }

  /** Something is to be followed. */
  get changed(): boolean {
    return this.#conflicts.changed;
  }

  /** What a cluster's ranges are judged by has changed: all of them are taken out, and put in as they are now. */
  place(cluster: ClusterState): void {
    this.#conflicts.removeAll(cluster.ranges);
    cluster.placed = cluster.standing.ranges;
    cluster.observeAgain();
    for (const range of cluster.ranges) this.#conflicts.add(range);
  }

  remove(cluster: ClusterState): void {
    this.#conflicts.removeAll(cluster.ranges);
  }

  /** A node said `before`, and says something else now. True where the cluster's pods are elsewhere for it. */
  observe({ key, good }: RecordState, before: GoodValue | undefined, cluster: ClusterState): boolean {
    const { gone, come } = cluster.observed.note(key, before?.value, good?.value, cluster.standing);
    for (const range of gone) this.#conflicts.remove(range);
    for (const range of come) this.#conflicts.add(range);
    return [...gone, ...come].some(({ kind }) => kind === 'pod');
  }

  /** Withholds what follows from all that changed since the last call. Yields the records of both sides that lie where ranges meet. */
  *follow(clusters: ReadonlyMap<ClusterName, ClusterState>): Generator<RecordState> {
    const { gone, come } = this.#conflicts.takeChange();
    for (const conflict of gone) this.holds.regain(conflict);
    for (const conflict of come) this.holds.lose(conflict);
    const where = new Map<ClusterName, PrefixTrie<true>>();
    for (const { loser, winner, intersection } of [...gone, ...come]) {
      for (const { cluster } of [loser, winner]) {
        const table = where.get(cluster) ?? new PrefixTrie<true>();
        where.set(cluster, table);
        table.add(intersection, true);
      }
    }
    for (const [name, table] of where) {
      for (const record of clusters.get(name)?.records.values() ?? []) {
        const uses = record.good === undefined ? [] : addressUses(record.good.value);
        if (uses.some(({ prefix }) => table.touches(prefix))) yield record;
      }
    }
  }
}
