import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { itemsOf, piecesOf } from '../model/list.ts';
import { type ClusterId, type ClusterName, type IpAddress, type Revision, serviceKey } from '../model/names.ts';
import type { Backend, MeshService } from '../model/service.ts';
import { check } from './consistent.ts';
import { applyDelta, diffSnapshots, isEmpty, type SnapshotDelta } from './delta.ts';
import { shareService } from './equality.ts';
import { compareBackends } from './order.ts';
import { ServiceMap } from './service-map.ts';
import type { MeshSnapshot } from './snapshot.ts';

const http = { name: 'http', protocol: 'TCP', port: 8080 } as const;

const backend = fc
  .record({
    cluster: fc.constantFrom('east', 'west'),
    host: fc.integer({ min: 1, max: 8 }),
    state: fc.constantFrom('active' as const, 'terminating' as const),
    port: fc.constantFrom(8080, 9090),
  })
  .map(
    ({ cluster, host, state, port }): Backend => ({
      address: `10.0.0.${host}` as IpAddress,
      cluster: cluster as ClusterName,
      clusterId: (cluster === 'east' ? 1 : 2) as ClusterId,
      state,
      ports: [{ ...http, port }],
    }),
  );

const service = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    frontend: fc.constantFrom('10.96.0.1', '10.96.0.2'),
    age: fc.constantFrom({}, { createdSeconds: 1 }, { createdSeconds: 2 }),
    backends: fc.uniqueArray(backend, { selector: ({ cluster, address }) => `${cluster} ${address}`, maxLength: 12 }),
  })
  .map(
    ({ name, frontend, age, backends }): MeshService => ({
      key: serviceKey('shop', name),
      frontends: [frontend as IpAddress],
      ports: [{ ...http, port: 80 }],
      ...age,
      backends: [...backends].sort(compareBackends),
    }),
  );

const content = fc.record({
  services: fc.uniqueArray(service, { selector: ({ key }) => key }),
  clusters: fc.constantFrom(['east'], ['east', 'west']),
});

type Content = { services: readonly MeshService[]; clusters: readonly string[] };

const snapshot = ({ services, clusters }: Content, revision: number): MeshSnapshot => ({
  position: { storeId: '00000000deadbeef', revision: revision as Revision },
  cluster: 'west' as ClusterName,
  clusters: new Map(clusters.map((name, index) => [name as ClusterName, (index + 1) as ClusterId])),
  services: ServiceMap.of(services),
});

function plain(snapshot: MeshSnapshot) {
  return { ...snapshot, services: new Map([...snapshot.services].sort()), clusters: new Map(snapshot.clusters) };
}

function applied(from: MeshSnapshot, delta: SnapshotDelta): MeshSnapshot {
  const result = applyDelta(from, delta);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('diff and apply', () => {
  test('applying the difference of two snapshots to the first gives the second', () => {
    fc.assert(
      fc.property(content, content, (a, b) => {
        const [from, to] = [snapshot(a, 5), snapshot(b, 9)];
        const result = applied(from, diffSnapshots(from, to));
        expect(plain(result)).toEqual(plain(to));
        expect(check(result)).toEqual([]);
        expect(isEmpty(diffSnapshots(result, to))).toBe(true);
      }),
    );
  });

  test('a plain map of services does as well', () => {
    fc.assert(
      fc.property(content, content, (a, b) => {
        const from = { ...snapshot(a, 5), services: new Map(a.services.map((one) => [one.key, one])) };
        const to = { ...snapshot(b, 9), services: new Map(b.services.map((one) => [one.key, one])) };
        expect(plain(applied(from, diffSnapshots(from, to)))).toEqual(plain(to));
      }),
    );
  });

  test('what did not change is the same object afterwards', () => {
    fc.assert(
      fc.property(content, content, (a, b) => {
        const from = snapshot(a, 5);
        const delta = diffSnapshots(from, snapshot(b, 9));
        const result = applied(from, delta);
        const touched = new Map(delta.changed.map((change) => [change.key, change]));
        for (const [key, after] of result.services) {
          const change = touched.get(key);
          const before = from.services.get(key);
          if (change === undefined) expect(after).toBe(before);
          const upserted = new Set(change?.upserted);
          const kept = new Set(before?.backends);
          for (const one of after.backends) expect(upserted.has(one) || kept.has(one)).toBe(true);
        }
      }),
    );
  });

  test('one endpoint among thousands is a delta of one endpoint', () => {
    const backends = Array.from({ length: 5_000 }, (_, index) => endpoint(index)).sort(compareBackends);
    const big = { key: serviceKey('shop', 'big'), frontends: [], ports: [http], backends };
    const from = snapshot({ services: [big], clusters: ['east'] }, 5);
    const changed = backends.map((one, index) => (index === 1234 ? { ...one, state: 'terminating' as const } : one));
    const to = snapshot({ services: [{ ...big, backends: changed }], clusters: ['east'] }, 6);
    const delta = diffSnapshots(from, to);
    expect(delta.changed).toEqual([{ key: big.key, spec: undefined, upserted: [changed[1234]], removed: [] }]);
    expect(itemsOf(applied(from, delta).services.get(big.key)?.backends ?? [])).toEqual(changed);
  });

  test('steps of a large service lead where they should, and leave what they do not touch', () => {
    const all = Array.from({ length: 600 }, (_, index) => endpoint(index)).sort(compareBackends);
    const range = fc.tuple(fc.nat(600), fc.nat(200)).map(([start, length]) => all.slice(start, start + length));
    // Single ones and rows, as when a cluster joins or leaves.
    const change = fc.record({
      toggled: fc.oneof(range, fc.subarray(all, { maxLength: 5 })),
      ended: fc.subarray(all, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        let there: ReadonlySet<Backend> = new Set(all.slice(100, 400));
        let now = snapshot({ services: [large([...there])], clusters: ['east'] }, 1);
        for (const [at, { toggled, ended }] of changes.entries()) {
          there = symmetricDifference(there, toggled);
          const backends = all
            .filter((one) => there.has(one))
            .map((one) => (ended.includes(one) ? { ...one, state: 'terminating' as const } : one));
          const to = snapshot({ services: [large(backends)], clusters: ['east'] }, at + 2);
          const before = piecesOf(backendsIn(now));
          now = applied(now, diffSnapshots(now, to));
          expect(itemsOf(backendsIn(now))).toEqual(backends);
          const kept = new Set(before);
          const touched = piecesOf(backendsIn(now)).filter((piece) => !kept.has(piece));
          // Each change has at most the piece that it is in made anew, in two, and one beside it.
          expect(touched.length).toBeLessThanOrEqual(3 * (1 + toggled.length + 2 * ended.length));
        }
      }),
    );
  });
});

const large = (backends: readonly Backend[]): MeshService => ({
  key: serviceKey('shop', 'big'),
  frontends: [],
  ports: [http],
  backends,
});

const backendsIn = ({ services }: MeshSnapshot) => services.get(serviceKey('shop', 'big'))?.backends ?? [];

function symmetricDifference<T>(set: ReadonlySet<T>, other: readonly T[]): Set<T> {
  const result = new Set(set);
  for (const one of other) if (!result.delete(one)) result.add(one);
  return result;
}

function endpoint(index: number): Backend {
  return {
    address: `10.${index >> 8}.${index & 255}.7` as IpAddress,
    cluster: 'east' as ClusterName,
    clusterId: 1 as ClusterId,
    state: 'active',
    ports: [http],
  };
}

describe('a delta that does not fit is refused', () => {
  const one: MeshService = { key: serviceKey('shop', 'a'), frontends: [], ports: [http], backends: [endpoint(1)] };
  const from = snapshot({ services: [one], clusters: ['east'] }, 5);
  const step: SnapshotDelta = {
    from: from.position,
    to: { ...from.position, revision: 6 as Revision },
    changed: [],
    removed: [],
    clusters: undefined,
  };
  const change = { key: one.key, spec: undefined, upserted: [], removed: [] };
  const cases: readonly [string, Partial<SnapshotDelta>][] = [
    ['another start', { from: { ...from.position, revision: 4 as Revision } }],
    ['another etcd at the start', { from: { ...from.position, storeId: '0000000000000001' } }],
    ['another etcd at the end', { to: { storeId: '0000000000000001', revision: 6 as Revision } }],
    ['backwards', { to: { ...from.position, revision: 4 as Revision } }],
    ['an unknown service without a spec', { changed: [{ ...change, key: serviceKey('shop', 'b') }] }],
    ['an unknown service removed', { removed: [serviceKey('shop', 'b')] }],
    ['a service both changed and removed', { changed: [change], removed: [one.key] }],
    ['a service changed twice', { changed: [change, change] }],
    ['an unknown backend removed', { changed: [{ ...change, removed: [endpoint(2)] }] }],
    ['a backend twice', { changed: [{ ...change, upserted: [endpoint(1)], removed: [endpoint(1)] }] }],
  ];
  test.each(cases)('%s', (_, part) => {
    expect(applyDelta(from, { ...step, ...part }).ok).toBe(false);
  });
});

test('sharing keeps every object that says the same', () => {
  fc.assert(
    fc.property(service, service, (a, b) => {
      const copy = structuredClone(b);
      const shared = shareService(a, copy);
      expect(shared).toEqual(b);
      expect(shareService(b, copy)).toBe(b);
      if (a.key !== b.key) return;
      for (const one of shared.backends) {
        const before = [...a.backends].find((other) => compareBackends(other, one) === 0);
        if (before !== undefined && JSON.stringify(before) === JSON.stringify(one)) expect(one).toBe(before);
      }
    }),
  );
});

test('successors of a map of services leave it as it is', () => {
  fc.assert(
    fc.property(content, content, (a, b) => {
      const first = ServiceMap.of(a.services);
      const second = first.with([
        ...a.services.map((one) => [one.key, undefined] as const),
        ...b.services.map((one) => [one.key, one] as const),
      ]);
      expect(new Map(first)).toEqual(new Map(a.services.map((one) => [one.key, one])));
      expect(new Map(second)).toEqual(new Map(b.services.map((one) => [one.key, one])));
      expect([first.size, second.size]).toEqual([a.services.length, b.services.length]);
      const differing = [...first.keys(), ...second.keys()].filter((key) => first.get(key) !== second.get(key));
      expect(new Set(first.differingKeys(second))).toEqual(new Set(differing));
    }),
  );
});
