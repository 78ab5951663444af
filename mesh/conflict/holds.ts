// What clusters lose, and what of it this cluster withholds. Two things are kept apart: what a cluster forfeits is the same on every
// cluster and decides whose claim counts; what is withheld here depends on who is local, because nobody withholds its own state
// and the loser's own cluster withholds the winner's part instead.

import type { ClusterName } from '../model/names.ts';
import type { Prefix } from '../model/prefix.ts';
import { PrefixTrie } from '../model/prefix-trie.ts';
import type { RangeConflict } from './cidr.ts';
import type { ClusterRange } from './ranges.ts';

/** The finding because of which something is withheld. */
export interface Cause {
  readonly code: string;
  readonly fingerprint: string;
}

/** Of what lies inside the range, only the backends are withheld, or endpoints and addresses of nodes too. */
export interface RangeHold extends Cause {
  readonly backendsOnly: boolean;
}

/** What follows from ranges that meet; kept current conflict by conflict. */
export class RangeHolds {
  readonly #local: ClusterName | undefined;
  readonly #withheld = new Map<ClusterName, PrefixTrie<RangeHold>>();
  readonly #forfeited = new Map<ClusterName, PrefixTrie<RangeHold>>();
  readonly #held = new Map<string, RangeHold>();

  constructor(local: ClusterName | undefined) {
    this.#local = local;
  }

  lose({ code, meeting, fingerprint, loser, winner, intersection }: RangeConflict): void {
    const here = this.#withholding(loser, winner);
    // Pods in a range of services are what they say, and only cannot be reached; in its range of services no cluster has pods.
    const hold: RangeHold = { code, fingerprint, backendsOnly: meeting === 'CM-CIDR-002' && here.kind === 'pod' };
    this.#held.set(fingerprint, hold);
    tableIn(this.#forfeited, loser.cluster).add(intersection, hold);
    if (here.cluster !== this.#local) tableIn(this.#withheld, here.cluster).add(intersection, hold);
  }

  regain({ fingerprint, loser, winner, intersection }: RangeConflict): void {
    const hold = this.#held.get(fingerprint);
    if (hold === undefined) return;
    this.#held.delete(fingerprint);
    takeFrom(this.#forfeited, loser.cluster, intersection, hold);
    takeFrom(this.#withheld, this.#withholding(loser, winner).cluster, intersection, hold);
  }

  withheldAt(cluster: ClusterName, prefix: Prefix): readonly RangeHold[] {
    return this.#withheld.get(cluster)?.touching(prefix) ?? NOTHING;
  }

  forfeits(cluster: ClusterName, prefix: Prefix): boolean {
    return this.#forfeited.get(cluster)?.touches(prefix) ?? false;
  }

  #withholding(loser: ClusterRange, winner: ClusterRange): ClusterRange {
    return loser.cluster === this.#local ? winner : loser;
  }
}

const NOTHING: readonly RangeHold[] = [];

/** What follows from what clusters declare of themselves, over what follows from ranges that meet. */
export class HoldBook {
  readonly #local: ClusterName | undefined;
  readonly #ranges: RangeHolds;
  readonly #whole = new Map<ClusterName, Cause[]>();
  readonly #frozen = new Map<ClusterName, readonly Cause[]>();
  readonly #unreachable = new Map<ClusterName, PrefixTrie<RangeHold>>();
  readonly #forfeited = new Set<ClusterName>();

  constructor(local: ClusterName | undefined, ranges: RangeHolds) {
    this.#local = local;
    this.#ranges = ranges;
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

  withholdRange(cluster: ClusterName, prefix: Prefix, cause: Cause): void {
    if (cluster === this.#local) return;
    tableIn(this.#unreachable, cluster).add(prefix, { ...cause, backendsOnly: false });
  }

  /** Nothing new of the cluster is admitted, and nothing old is taken away. */
  freeze(cluster: ClusterName, cause: Cause): void {
    if (cluster !== this.#local) this.#frozen.set(cluster, [...this.frozenBy(cluster), cause]);
  }

  wholeOf(cluster: ClusterName): readonly Cause[] {
    return this.#whole.get(cluster) ?? [];
  }

  frozenBy(cluster: ClusterName): readonly Cause[] {
    return this.#frozen.get(cluster) ?? [];
  }

  /** Why what the cluster has at the prefix is withheld. */
  withheldAt(cluster: ClusterName, prefix: Prefix): readonly RangeHold[] {
    const lost = this.#ranges.withheldAt(cluster, prefix);
    const unreachable = this.#unreachable.get(cluster)?.touching(prefix) ?? NOTHING;
    return unreachable.length === 0 ? lost : [...lost, ...unreachable];
  }

  /** Whether the cluster's claim to the prefix counts less than anybody else's. */
  forfeits(cluster: ClusterName, prefix: Prefix): boolean {
    return this.#forfeited.has(cluster) || this.#ranges.forfeits(cluster, prefix);
  }

  forfeitsAll(cluster: ClusterName): boolean {
    return this.#forfeited.has(cluster);
  }

  /**
   * A text that changes whenever what is said here of the cluster does: to see whether its records must be judged again. What
   * follows from ranges that meet is not in it; that is told conflict by conflict.
   */
  signature(cluster: ClusterName): string {
    const holds = [...this.wholeOf(cluster), ...(this.#unreachable.get(cluster)?.values() ?? [])];
    return [
      this.#forfeited.has(cluster) ? 'forfeited' : '',
      ...holds.map(({ fingerprint }) => fingerprint).sort(),
      ...this.frozenBy(cluster).map(({ fingerprint }) => `frozen ${fingerprint}`),
    ].join(' ');
  }
}

type Tables = Map<ClusterName, PrefixTrie<RangeHold>>;

function tableIn(tables: Tables, cluster: ClusterName): PrefixTrie<RangeHold> {
  const known = tables.get(cluster);
  if (known !== undefined) return known;
  const table = new PrefixTrie<RangeHold>();
  tables.set(cluster, table);
  return table;
}

function takeFrom(tables: Tables, cluster: ClusterName, prefix: Prefix, hold: RangeHold): void {
  const table = tables.get(cluster);
  table?.delete(prefix, hold);
  if (table?.size === 0) tables.delete(cluster);
}
