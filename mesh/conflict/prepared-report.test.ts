// A report of a large mesh is drawn in one turn of the event loop, and the searches that it needs are made before, in pieces.

import { expect, test, vi } from 'vitest';
import { meshFacts, NOW, wholeCluster } from '../../test/samples/mesh.ts';
import { evaluateMesh, reportOf } from './evaluate.ts';

const CLUSTERS = 40;
const clusters = Array.from({ length: CLUSTERS }, (_, at) => wholeCluster(`c${at}`, at + 1));
const mesh = () => evaluateMesh(meshFacts('c0', clusters));

test('a prepared report is the same, and nothing is looked for while it is drawn', () => {
  const [prepared, other] = [mesh(), mesh()];
  const searches = vi.spyOn(prepared.indexes.claims, 'find');
  const perPiece: number[] = [];
  for (const work = prepared.workloads.prepare(prepared.indexes); work.next().done !== true; ) {
    perPiece.push(searches.mock.calls.length);
    searches.mockClear();
  }
  expect(Math.max(...perPiece)).toBeLessThanOrEqual(16);
  expect(perPiece.length).toBeGreaterThanOrEqual(CLUSTERS / 16);
  searches.mockClear();
  expect(reportOf(prepared, { now: NOW })).toEqual(reportOf(other, { now: NOW }));
  expect(searches).not.toHaveBeenCalled();
});
