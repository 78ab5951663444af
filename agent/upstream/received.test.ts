import { describe, expect, test } from 'vitest';
import { type ClusterName, type IpAddress, type Revision, serviceKey } from '../../mesh/model/names.ts';
import type { MeshService } from '../../mesh/model/service.ts';
import { diffSnapshots, type SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import { ServiceMap } from '../../mesh/snapshot/service-map.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { receiveDelta, receiveSnapshot } from './received.ts';

const STORE = '00000000000000aa';
const OTHER = '00000000000000bb';

function snapshot(revision: number, names: readonly string[] = [], storeId = STORE): MeshSnapshot {
  const services = names.map(
    (name): MeshService => ({
      key: serviceKey('shop', name),
      frontends: ['10.96.0.1' as IpAddress],
      ports: [{ name: '', protocol: 'TCP', port: 80 }],
      backends: [],
    }),
  );
  return {
    position: { storeId, revision: revision as Revision },
    cluster: 'west' as ClusterName,
    clusters: new Map(),
    services: ServiceMap.of(services),
  };
}

describe('a whole snapshot', () => {
  const cases: readonly [string, MeshSnapshot | undefined, MeshSnapshot, boolean][] = [
    ['the first', undefined, snapshot(5), true],
    ['a later one', snapshot(5), snapshot(6), true],
    ['one at the same revision, asked for because a step did not fit', snapshot(5, ['a']), snapshot(5, ['b']), true],
    ['an older one', snapshot(5), snapshot(4), false],
    ['an older one of another etcd', snapshot(5), snapshot(4, [], OTHER), true],
  ];
  test.each(cases)('%s', (_, current, next, taken) => {
    const received = receiveSnapshot(current, next);
    expect(received.ok).toBe(taken);
    if (received.ok) expect(received.value).toEqual({ next, changed: 'all' });
  });
});

describe('a step', () => {
  test('is taken, and says what it changed', () => {
    const [from, to] = [snapshot(5, ['a', 'b']), snapshot(7, ['b', 'c'])];
    const received = receiveDelta(from, diffSnapshots(from, to));
    if (!received.ok) throw new Error(received.error);
    expect(received.value.changed).toEqual(new Set([serviceKey('shop', 'a'), serviceKey('shop', 'c')]));
    expect(received.value.next.position).toEqual(to.position);
  });

  const from = snapshot(5);
  const step = diffSnapshots(from, snapshot(7, ['a']));
  const unsound: SnapshotDelta = {
    ...step,
    changed: step.changed.map((change) => ({
      ...change,
      spec: { frontends: [], ports: [{ name: '', protocol: 'TCP', port: 0 }] },
    })),
  };
  const cases: readonly [string, MeshSnapshot | undefined, SnapshotDelta][] = [
    ['from nothing', undefined, step],
    ['from another revision', snapshot(6), step],
    ['into another etcd', from, { ...step, to: { ...step.to, storeId: OTHER } }],
    ['backwards', from, { ...step, to: { ...step.to, revision: 3 as Revision } }],
    ['to something unsound', from, unsound],
  ];
  test.each(cases)('%s is refused', (_, current, delta) => {
    expect(receiveDelta(current, delta).ok).toBe(false);
  });
});
