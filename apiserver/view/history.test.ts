import { describe, expect, test } from 'vitest';
import { type ClusterName, type IpAddress, type Revision, serviceKey } from '../../mesh/model/names.ts';
import { diffSnapshots } from '../../mesh/snapshot/delta.ts';
import { ServiceMap } from '../../mesh/snapshot/service-map.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { SnapshotHistory } from './history.ts';

const STORE = '00000000000000aa';
const position = (revision: number, storeId = STORE) => ({ storeId, revision: revision as Revision });

function snapshot(revision: number, frontend = '10.96.0.1'): MeshSnapshot {
  const service = { key: serviceKey('shop', 'cart'), frontends: [frontend as IpAddress], ports: [], backends: [] };
  const services = ServiceMap.of([service]);
  return { position: position(revision), cluster: 'west' as ClusterName, clusters: new Map(), services };
}

function historyOf(...snapshots: readonly MeshSnapshot[]) {
  const history = new SnapshotHistory();
  for (const [index, next] of snapshots.entries()) {
    const before = snapshots[index - 1];
    history.push(next, before && diffSnapshots(before, next), next.position.revision * 10);
  }
  return history;
}

describe('the content at a position', () => {
  const [first, second] = [snapshot(5), snapshot(9)];
  const history = historyOf(first, second);
  history.extend(12 as Revision);
  const cases: readonly [number, MeshSnapshot | undefined][] = [
    [4, undefined],
    [5, first],
    // Changed at some revision up to 9: what it was at these is not known.
    [6, undefined],
    [9, second],
    [12, second],
    [13, undefined],
  ];
  test.each(cases)('at revision %i', (revision, expected) => {
    expect(history.at(position(revision))).toBe(expected);
  });

  test('is unknown of another etcd', () => {
    expect(history.at(position(5, '00000000000000bb'))).toBeUndefined();
  });

  test('is outdated since the next one was published', () => {
    expect(history.outdatedSince(position(3))).toBe(50);
    expect(history.outdatedSince(position(7))).toBe(90);
    expect(history.outdatedSince(position(10))).toBeUndefined();
    expect(history.outdatedSince(position(7, '00000000000000bb'))).toBeUndefined();
  });
});

test('what is kept is bounded, and the newest is always there', () => {
  const snapshots = Array.from({ length: 3_000 }, (_, index) =>
    snapshot(index + 1, `10.96.${index >> 8}.${index & 255}`),
  );
  const history = historyOf(...snapshots);
  const kept = snapshots.filter((one) => history.at(one.position) === one);
  expect(kept.length).toBeGreaterThan(100);
  expect(kept.length).toBeLessThanOrEqual(1_024);
  expect(kept.at(-1)).toBe(snapshots.at(-1));
});

test('another etcd starts a new history', () => {
  const history = historyOf(snapshot(5), snapshot(9));
  const other = { ...snapshot(3), position: position(3, '00000000000000bb') };
  history.push(other, undefined, 100);
  expect(history.at(position(9))).toBeUndefined();
  expect(history.at(other.position)).toBe(other);
  expect(history.reached).toEqual(other.position);
});
