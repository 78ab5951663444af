// Who wins a conflict: the one order that every cluster of the mesh computes alike, from what the clusters declare and never
// from the order in which anything arrived. Only the winner follows from it; what is withheld is decided where it is
// programmed (see evaluation.ts).

import type { ClusterName } from '../model/names.ts';

/** What decides a cluster's place. A plain Cilium peer declares no join time and so stands behind all that do. */
export interface Rank {
  /** Milliseconds since the epoch; undefined for a plain peer and for a cluster that has not joined. */
  readonly joinedAt: number | undefined;
  readonly name: ClusterName;
}

/** Negative when `a` wins: the earlier join first, those without one last, then the name in byte order. */
export function compareRanks(a: Rank, b: Rank): number {
  if (a.joinedAt !== b.joinedAt) {
    if (a.joinedAt === undefined) return 1;
    if (b.joinedAt === undefined) return -1;
    return a.joinedAt - b.joinedAt;
  }
  return compareText(a.name, b.name);
}

/** Order of UTF-16 units; for names, keys and addresses, which are ASCII, this is byte order. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3339 with a zone; anything else, also what `Date` would guess at, is undefined. */
export function parseInstant(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
}
