// Every pair of ranges of different clusters that meet, kept current range by range: a change costs what it meets, however
// many ranges the mesh has. Every pair of clusters is compared, whether or not the local one is part of it.
//
// A range inside a wider one of the same cluster and kind adds nothing to what the wider one meets, and is left out: else a
// cluster that declares every range around another's would be told, and remembered, thirty-two times for each of them. What
// was admitted is not left out behind what is new: the two lose to different clusters.

import type { ClusterName } from '../model/names.ts';
import { PrefixTrie } from '../model/prefix-trie.ts';
import { type RangeConflict, rangeConflict } from './cidr.ts';
import { compareText } from './order.ts';
import type { ClusterRange } from './ranges.ts';
import type { Standing } from './standing.ts';

type Standings = ReadonlyMap<ClusterName, Standing>;

/** Conflicts that are there and were not before, and the other way round. */
export interface ConflictChange {
  readonly gone: readonly RangeConflict[];
  readonly come: readonly RangeConflict[];
}

export class RangeConflicts {
  readonly #standings: Standings;
  readonly #ranges = new PrefixTrie<ClusterRange>();
  /** Both ways; only ranges that conflict with any. */
  readonly #met = new Map<ClusterRange, Map<ClusterRange, RangeConflict>>();
  readonly #leftOut = new Set<ClusterRange>();
  /** By cluster: how many of its ranges are held back as new. */
  readonly #newcomers = new Map<ClusterName, number>();
  readonly #gone = new Map<string, RangeConflict>();
  readonly #come = new Map<string, RangeConflict>();

  /** A live view: what is said of a cluster changes only between its ranges' removal and their coming back. */
  constructor(standings: Standings) {
    this.#standings = standings;
  }

  add(range: ClusterRange): void {
    const touching = this.#ranges.add(range.prefix, range);
    if (touching.length === 0) return;
    for (const inner of touching) if (holds(range, inner)) this.#leaveOut(inner);
    if (touching.some((outer) => holds(outer, range))) this.#leftOut.add(range);
    else for (const other of touching) this.#meet(range, other);
  }

  remove(range: ClusterRange): void {
    if (!this.#ranges.delete(range.prefix, range)) return;
    this.#part(range);
    if (this.#leftOut.delete(range)) return;
    // Whatever only this range was in the way of counts again.
    for (const inner of this.#leftOut.size === 0 ? [] : this.#ranges.inside(range.prefix)) {
      if (holds(range, inner) && this.#leftOut.has(inner)) this.#takeIn(inner);
    }
  }

  /** All ranges of a cluster at once. */
  removeAll(ranges: Iterable<ClusterRange>): void {
    for (const range of ranges) {
      if (!this.#ranges.delete(range.prefix, range)) continue;
      this.#leftOut.delete(range);
      this.#part(range);
    }
  }

  /** In an order that depends on the ranges alone. */
  all(): readonly RangeConflict[] {
    const conflicts: RangeConflict[] = [];
    for (const [range, met] of this.#met) {
      for (const conflict of met.values()) if (conflict.loser === range) conflicts.push(conflict);
    }
    return conflicts.sort((a, b) => compareText(a.code, b.code) || compareText(a.fingerprint, b.fingerprint));
  }

  /** Whether a range of the cluster is held back as new. */
  hasNewcomer(cluster: ClusterName): boolean {
    return this.#newcomers.has(cluster);
  }

  get changed(): boolean {
    return this.#gone.size + this.#come.size > 0;
  }

  /** What is other than at the last call; a conflict that went and came back as it was is not. */
  takeChange(): ConflictChange {
    const change = { gone: [...this.#gone.values()], come: [...this.#come.values()] };
    this.#gone.clear();
    this.#come.clear();
    return change;
  }

  #takeIn(range: ClusterRange): void {
    const others = this.#ranges.touching(range.prefix);
    if (others.some((outer) => holds(outer, range))) return;
    this.#leftOut.delete(range);
    for (const other of others) this.#meet(range, other);
  }

  #leaveOut(range: ClusterRange): void {
    this.#leftOut.add(range);
    this.#part(range);
  }

  #meet(a: ClusterRange, b: ClusterRange): void {
    if (a.cluster === b.cluster || this.#leftOut.has(b)) return;
    const conflict = rangeConflict(a, b, this.#standings);
    if (conflict === undefined) return;
    metBy(this.#met, a).set(b, conflict);
    metBy(this.#met, b).set(a, conflict);
    this.#countNew(conflict, 1);
    note(conflict, this.#come, this.#gone);
  }

  #part(range: ClusterRange): void {
    const met = this.#met.get(range);
    if (met === undefined) return;
    this.#met.delete(range);
    for (const [other, conflict] of met) {
      const back = this.#met.get(other);
      back?.delete(range);
      if (back?.size === 0) this.#met.delete(other);
      this.#countNew(conflict, -1);
      note(conflict, this.#gone, this.#come);
    }
  }

  #countNew({ code, loser: { cluster } }: RangeConflict, step: 1 | -1): void {
    if (code !== 'CM-CIDR-005') return;
    const count = (this.#newcomers.get(cluster) ?? 0) + step;
    if (count === 0) this.#newcomers.delete(cluster);
    else this.#newcomers.set(cluster, count);
  }
}

/** Whether `inner` adds nothing to what `outer` meets. */
const holds = (outer: ClusterRange, inner: ClusterRange): boolean =>
  outer.cluster === inner.cluster &&
  outer.kind === inner.kind &&
  outer.prefix.length < inner.prefix.length &&
  (inner.grown || !outer.grown);

function metBy<V>(met: Map<ClusterRange, Map<ClusterRange, V>>, range: ClusterRange): Map<ClusterRange, V> {
  const known = met.get(range);
  if (known !== undefined) return known;
  const added = new Map<ClusterRange, V>();
  met.set(range, added);
  return added;
}

function note(conflict: RangeConflict, here: Map<string, RangeConflict>, there: Map<string, RangeConflict>): void {
  const undone = there.get(conflict.fingerprint);
  if (undone?.loser.cluster === conflict.loser.cluster) there.delete(conflict.fingerprint);
  else here.set(conflict.fingerprint, conflict);
}
