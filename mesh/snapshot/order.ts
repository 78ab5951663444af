// The canonical order of what a snapshot holds: the merge writes it, a delta keeps it, and both ends of the wire rely on it.
// It is the order of code units, not of numbers: it only has to be total, cheap, and the same everywhere.

import type { Backend, NamedPort } from '../model/service.ts';

/** What tells the backends of one service apart. */
export type BackendRef = Pick<Backend, 'cluster' | 'address'>;

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const compareBackends = (a: BackendRef, b: BackendRef): number =>
  compareText(a.cluster, b.cluster) || compareText(a.address, b.address);

export const comparePorts = (a: NamedPort, b: NamedPort): number =>
  compareText(a.name, b.name) || compareText(a.protocol, b.protocol) || a.port - b.port;

/** Whether each item comes strictly after the one before: sorted, and none twice. */
export function isAscending<T>(items: Iterable<T>, compare: (a: T, b: T) => number): boolean {
  let before: T | undefined;
  for (const item of items) {
    if (before !== undefined && compare(before, item) >= 0) return false;
    before = item;
  }
  return true;
}
