// What stands behind one port of a service in one family: the targets that its port names have at the backends. It is made piece by
// piece of the service's backends; snapshots share the pieces in which nothing changed, so that where one backend of thousands
// did, only those in its piece are looked at, and targets stay in the same pieces as well. What becomes of it is service.ts.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import { commonEnds, type List, listOf, piecesOf } from '../../mesh/model/list.ts';
import type { Backend } from '../../mesh/model/service.ts';
import { type Behind, type BehindPiece, NO_TARGETS } from './frontend.ts';
import type { MapProtocol } from './names.ts';
import type { Target, TargetTable } from './targets.ts';

/** What of a service's ports leads to targets, for the addresses of one family. */
export interface Way {
  readonly protocol: MapProtocol;
  readonly names: ReadonlySet<string>;
  readonly family: Family;
  readonly table: TargetTable;
}

/** What was made of an earlier state of the same service, in the same way. */
export interface Known {
  readonly backends: List<Backend>;
  readonly pieces: readonly BehindPiece[];
}

export type BehindPieces = Behind & { readonly pieces: readonly BehindPiece[] };

/** The same whatever is known: that saves work. */
export function behindOf(backends: List<Backend>, way: Way, known?: Known): BehindPieces {
  // Most are no longer than a piece: they keep no list of pieces, and are looked at as a whole.
  if (Array.isArray(backends)) return whollyOf(behindPiece(backends, way));
  const cut = piecesOf(backends);
  const pieces = known === undefined ? cut.map((piece) => behindPiece(piece, way)) : piecesAfter(cut, known, way);
  const active = listOf(pieces.map((piece) => piece.active));
  const terminating = listOf(pieces.map((piece) => piece.terminating));
  return { active, terminating, pieces };
}

const whollyOf = ({ active, terminating }: BehindPiece): BehindPieces => ({ active, terminating, pieces: NO_PIECES });

const NO_PIECES: readonly BehindPiece[] = [];

function piecesAfter(cut: readonly (readonly Backend[])[], known: Known, way: Way): readonly BehindPiece[] {
  const before = known.pieces.length === 0 ? [] : piecesOf(known.backends);
  const { first, last } = commonEnds(before, cut);
  const between = new Map(before.slice(first, before.length - last).map((piece, at) => [piece, first + at] as const));
  return cut.map((piece, at) => {
    const place = at < first ? at : at >= cut.length - last ? at - cut.length + before.length : between.get(piece);
    const there = place === undefined ? undefined : known.pieces[place];
    return there ?? behindPiece(piece, way);
  });
}

function behindPiece(backends: readonly Backend[], way: Way): BehindPiece {
  const active: Target[] = [];
  const terminating: Target[] = [];
  for (const backend of backends) addTargets(backend.state === 'active' ? active : terminating, backend, way);
  return { active: fitted(active), terminating: fitted(terminating) };
}

/** An array that grew has room for more, which it would keep as long as the service lives. */
const fitted = (targets: readonly Target[]): readonly Target[] => (targets.length === 0 ? NO_TARGETS : targets.slice());

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
