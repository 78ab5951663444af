// What clusters lose, and what of it this cluster withholds. Two things are kept apart: what a cluster forfeits is the same on every
// cluster and decides whose claim counts; what is withheld here depends on who is local, because nobody withholds its own state
// and the loser's own cluster withholds the winner's part instead.

import type { ClusterName } from '../model/names.ts';
import type { Prefix } from '../model/prefix.ts';
import { PrefixTable } from './prefix-table.ts';

/** The finding because of which something is withheld. */
export interface Cause {
  readonly code: string;
  readonly fingerprint: string;
}

/** Of what lies inside the range, only the backends are withheld, or endpoints and addresses of nodes too. */
export interface RangeHold extends Cause {
  readonly backendsOnly: boolean;
}

export class HoldBook {
  readonly #local: ClusterName | undefined;
  readonly #whole = new Map<ClusterName, Cause[]>();
  readonly #frozen = new Map<ClusterName, Cause>();
  readonly #ranges = new Map<ClusterName, PrefixTable<RangeHold>>();
  readonly #forfeited = new Set<ClusterName>();
  readonly #forfeitedRanges = new Map<ClusterName, PrefixTable<true>>();

  constructor(local: ClusterName | undefined) {
    this.#local = local;
  }

  /** `loser` loses against `winner`, if there is one, in everything. */
  loseWhole(loser: ClusterName, winner: ClusterName | undefined, cause: Cause): void {
    this.#forfeited.add(loser);
    this.withholdWhole(loser === this.#local ? winner : loser, cause);
  }

  /** Without forfeiting: the two only cannot talk to each other. */
  withholdWhole(cluster: ClusterName | undefined, cause: Cause): void {
    if (cluster === undefined || cluster === this.#local) return;
    this.#whole.set(cluster, [...(this.#whole.get(cluster) ?? []), cause]);
  }

  loseRange(loser: ClusterName, winner: ClusterName, prefix: Prefix, hold: RangeHold): void {
    tableIn(this.#forfeitedRanges, loser).add(prefix, true);
    this.withholdRange(loser === this.#local ? winner : loser, prefix, hold);
  }

  withholdRange(cluster: ClusterName, prefix: Prefix, hold: RangeHold): void {
    if (cluster !== this.#local) tableIn(this.#ranges, cluster).add(prefix, hold);
  }

  /** Nothing new of the cluster is admitted, and nothing old is taken away. */
  freeze(cluster: ClusterName, cause: Cause): void {
    if (cluster !== this.#local) this.#frozen.set(cluster, cause);
  }

  wholeOf(cluster: ClusterName): readonly Cause[] {
    return this.#whole.get(cluster) ?? [];
  }

  frozenBy(cluster: ClusterName): Cause | undefined {
    return this.#frozen.get(cluster);
  }

  rangesOf(cluster: ClusterName): PrefixTable<RangeHold> | undefined {
    return this.#ranges.get(cluster);
  }

  /** Whether the cluster's claim to the prefix counts less than anybody else's. */
  forfeits(cluster: ClusterName, prefix: Prefix): boolean {
    if (this.#forfeited.has(cluster)) return true;
    const ranges = this.#forfeitedRanges.get(cluster);
    return ranges !== undefined && ranges.touching(prefix).length > 0;
  }

  forfeitsAll(cluster: ClusterName): boolean {
    return this.#forfeited.has(cluster);
  }

  /** A text that changes whenever what is said of the cluster does: to see whether its records must be judged again. */
  signature(cluster: ClusterName): string {
    const holds = [...this.wholeOf(cluster), ...(this.#ranges.get(cluster)?.values() ?? [])];
    const frozen = this.#frozen.get(cluster);
    return [
      this.#forfeited.has(cluster) ? 'forfeited' : '',
      ...holds.map(({ fingerprint }) => fingerprint).sort(),
      frozen === undefined ? '' : `frozen ${frozen.fingerprint}`,
      ...(this.#forfeitedRanges.get(cluster)?.prefixes() ?? []).map(({ text }) => text).sort(),
    ].join(' ');
  }
}

function tableIn<T>(tables: Map<ClusterName, PrefixTable<T>>, cluster: ClusterName): PrefixTable<T> {
  const known = tables.get(cluster);
  if (known !== undefined) return known;
  const table = new PrefixTable<T>();
  tables.set(cluster, table);
  return table;
}
