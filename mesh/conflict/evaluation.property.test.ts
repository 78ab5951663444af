// Given any history of what clusters say, when it is judged step by step, then the result is that of judging its end from scratch; and
// whoever looks, in whatever order the clusters are named, finds the same.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  clusterFacts,
  endpoint,
  identity,
  labelsOf,
  NOW,
  named,
  node,
  type SampleRecord,
  service,
  spec,
} from '../../test/samples/mesh.ts';
import type { ClusterCard } from '../model/cluster.ts';
import type { ClusterName } from '../model/names.ts';
import { assess, evaluate } from './evaluate.ts';
import { MeshEvaluation } from './evaluation.ts';
import type { ClusterFacts, Declarations } from './facts.ts';
import type { Finding } from './finding.ts';

const NAMES = ['a', 'b', 'c', 'd'];

/** Few ranges, ids and addresses, so that clusters meet all the time. */
const card: fc.Arbitrary<Partial<ClusterCard>> = fc.record({
  id: fc.constantFrom(1, 2, 3, 4, 4, 600),
  podCIDRs: fc.subarray(['10.1.0.0/16', '10.1.128.0/17', '10.2.0.0/16', '10.0.0.0/8', 'fd00::/48', '10.4.0.7/24']),
  serviceCIDRs: fc.subarray(['172.20.0.0/16', '10.2.4.0/22']),
  nodeCIDRs: fc.subarray(['192.168.0.0/24', '10.1.200.0/24']),
  maxConnectedClusters: fc.constantFrom(255 as const, 255 as const, 255 as const, 511 as const),
  datapath: fc.constantFrom(
    { mode: 'native' as const, encryption: 'none' as const },
    { mode: 'native' as const, encryption: 'none' as const },
    { mode: 'tunnel' as const, tunnelProtocol: 'vxlan', tunnelPort: 8472, encryption: 'none' as const },
  ),
});

const declarations = (name: string): fc.Arbitrary<Declarations> =>
  fc
    .record({
      plain: fc.boolean(),
      joinedDay: fc.constantFrom(0, 1, 2, null),
      card,
      alias: fc.constantFrom(undefined, undefined, undefined, 'b'),
      admitted: fc.option(card, { nil: undefined }),
      freshness: fc.constantFrom(
        undefined,
        { state: 'fresh' as const, synced: true },
        { state: 'stale' as const, synced: false },
      ),
    })
    .map(({ plain, joinedDay, card: fields, alias, admitted, freshness }) => {
      const named = alias === undefined ? fields : { ...fields, name: alias };
      const cluster = { name, id: fields.id ?? 1, joinedDay, card: named, plain };
      const facts = clusterFacts(plain || admitted === undefined ? cluster : { ...cluster, admitted });
      const { records: _, name: __, ...rest } = facts;
      return freshness === undefined ? rest : { ...rest, freshness };
    });

const ADDRESSES = ['10.1.0.5', '10.1.130.1', '10.2.4.4', '10.2.9.9', '192.168.0.1', '10.1.200.2', 'fd00::1', '8.8.8.8'];
const NUMBERS = [1, 2, 6, 65_537, 65_538, 131_073, 196_609, 262_145, 9_999_999];
const PORTS = [
  { http: { Protocol: 'TCP', Port: 80 } },
  { http: { Protocol: 'TCP', Port: 81 }, web: { Protocol: 'TCP', Port: 80 } },
];

const record = (cluster: string): fc.Arbitrary<SampleRecord> => {
  const id = fc.constantFrom(1, 2, 3, 4);
  const address = fc.constantFrom(...ADDRESSES);
  const number = fc.constantFrom(...NUMBERS);
  const sound = fc.oneof(
    fc.tuple(address, number).map(([ip, n]) => endpoint(ip, n)),
    fc.tuple(number, fc.constantFrom(cluster, cluster, 'b')).map(([n, of]) => identity(cluster, n, labelsOf(of))),
    fc
      .record({
        id,
        backends: fc.subarray(ADDRESSES, { maxLength: 4 }),
        name: fc.constantFrom('shop/web', 'shop/cart'),
        ports: fc.constantFrom(...PORTS),
        headless: fc.boolean(),
      })
      .map(({ id: clusterId, backends, name, ports, headless }) =>
        service({
          cluster,
          id: clusterId,
          name,
          backends,
          frontendPorts: ports,
          ...(headless ? { frontend: null } : {}),
        }),
      ),
    fc
      .tuple(
        id,
        address,
        fc.constantFrom(undefined, '10.1.0.0/24', '10.2.4.0/24', '10.9.0.0/24'),
        fc.constantFrom('n1', 'n2'),
      )
      .map(([clusterId, ip, allocation, name]) => node(cluster, clusterId, ip, allocation, name)),
  );
  const exported = fc
    .record({
      name: fc.constantFrom('shop/web', 'shop/cart'),
      // Rarely another cluster's, or a value that is none.
      of: fc.constantFrom(cluster, cluster, cluster, cluster, 'b'),
      more: fc.record(
        {
          sessionAffinity: fc.constantFrom('None', 'ClientIP', 'ClientIP', 'Sticky'),
          sessionAffinityConfig: fc.constantFrom({ clientIP: { timeoutSeconds: 60 } }, null),
          exportCreationTimestamp: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', null),
          labels: fc.constantFrom({}, { tier: 'web' }, { tier: 'api' }),
          annotations: fc.constantFrom(null, { team: 'a' }),
          internalTrafficPolicy: fc.constantFrom('Cluster', 'Local', ''),
          trafficDistribution: fc.constantFrom('PreferClose', 'PreferSameZone', 'PreferSameNode'),
          ipFamilies: fc.constantFrom(['IPv4'], ['IPv6', 'IPv4'], ['IPv4', 'IPv6'], null),
        },
        { requiredKeys: [] },
      ),
    })
    .map(({ name, of, more }) => spec(of, more, name));
  const broken = fc
    .tuple(fc.oneof(sound, exported), fc.constantFrom('', '{}', 'null', '{"cluster":'))
    .map(([{ key }, text]) => ({ key, bytes: bytesOf(text) }));
  return fc.oneof(
    { weight: 8, arbitrary: sound },
    { weight: 3, arbitrary: exported },
    { weight: 1, arbitrary: broken },
  );
};

type Step =
  | { readonly type: 'declare'; readonly name: string; readonly declarations: Declarations }
  | { readonly type: 'put'; readonly name: string; readonly record: SampleRecord }
  | { readonly type: 'delete'; readonly name: string; readonly pick: number }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'settle' };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.constantFrom(...NAMES).chain(
    (name): fc.Arbitrary<Step> =>
      fc.oneof(
        {
          weight: 3,
          arbitrary: declarations(name).map((declared) => ({ type: 'declare', name, declarations: declared }) as const),
        },
        { weight: 12, arbitrary: record(name).map((put) => ({ type: 'put', name, record: put }) as const) },
        { weight: 4, arbitrary: fc.nat().map((pick) => ({ type: 'delete', name, pick }) as const) },
        { weight: 1, arbitrary: fc.constant({ type: 'remove', name } as const) },
        { weight: 4, arbitrary: fc.constant({ type: 'settle' } as const) },
      ),
  ),
  { minLength: 5, maxLength: 80, size: 'max' },
);

/** Everything that a judgement says, in a form that can be compared. */
function picture(mesh: MeshEvaluation): unknown {
  const clusters = [...mesh.clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    clusters: clusters.map(({ name, admitted, held, records }) => ({
      name,
      admitted: Object.fromEntries([...admitted].map(([key, bytes]) => [key, Buffer.from(bytes).toString()]).sort()),
      held: Object.fromEntries(
        [...held.values()]
          .map(({ key, holds }) => [key, holds.map((hold) => Object.values(hold).join(' ')).sort()])
          .sort(),
      ),
      records: [...records.keys()].sort(),
    })),
    ...assess(mesh, NOW),
  };
}

/** From scratch: only what is there in the end, and the last value that could be read where the end cannot. */
function afresh(mesh: MeshEvaluation): MeshEvaluation {
  const scratch = new MeshEvaluation(mesh.local);
  for (const { name, declarations: declared, records } of mesh.clusters.values()) {
    scratch.declare(name, declared);
    for (const { key, good, rejected } of records.values()) {
      if (rejected.length > 0 && good !== undefined) scratch.put(name, key, good.bytes);
    }
  }
  scratch.settle(NOW);
  for (const { name, records } of mesh.clusters.values()) {
    for (const { key, raw } of records.values()) scratch.put(name, key, raw);
  }
  scratch.settle(NOW);
  return scratch;
}

describe('a judgement kept current', () => {
  test('is the judgement from scratch', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.constantFrom(undefined, ...NAMES), steps, (local, history) => {
        const mesh = new MeshEvaluation(local === undefined ? undefined : named(local));
        const changed = new Map<string, unknown>();
        for (const step of history) apply(mesh, step, changed);
        note(mesh, mesh.settle(NOW), changed);
        expect(picture(mesh)).toEqual(picture(afresh(mesh)));
        // Whoever only follows the changes knows everything that is admitted.
        const followed = [...changed].filter(([, value]) => value !== undefined).map(([key]) => key);
        const admitted = [...mesh.clusters.values()].flatMap(({ name, admitted: keys }) =>
          [...keys.keys()].map((key) => `${name} ${key}`),
        );
        expect(followed.sort()).toEqual(admitted.sort());
      }),
      { numRuns: 400 },
    );
  });
});

function apply(mesh: MeshEvaluation, step: Step, changed: Map<string, unknown>): void {
  switch (step.type) {
    case 'declare':
      mesh.declare(named(step.name), step.declarations);
      return;
    case 'put':
      mesh.put(named(step.name), step.record.key, step.record.bytes);
      return;
    case 'delete': {
      const keys = [...(mesh.clusters.get(named(step.name))?.records.keys() ?? [])].sort();
      const key = keys[step.pick % Math.max(1, keys.length)];
      if (key !== undefined) mesh.put(named(step.name), key, undefined);
      return;
    }
    case 'remove':
      mesh.remove(named(step.name));
      return;
    case 'settle':
      note(mesh, mesh.settle(NOW), changed);
      // What a report found is not to outlive what it was found in.
      assess(mesh, NOW);
      return;
  }
}

function note(
  mesh: MeshEvaluation,
  changes: ReturnType<MeshEvaluation['settle']>,
  changed: Map<string, unknown>,
): void {
  for (const [name, keys] of changes) {
    for (const key of keys) changed.set(`${name} ${key}`, mesh.clusters.get(name)?.records.get(key)?.admitted);
  }
}

describe('every cluster', () => {
  const clusters: fc.Arbitrary<readonly ClusterFacts[]> = fc.tuple(
    ...NAMES.map((name) =>
      fc.tuple(declarations(name), fc.array(record(name), { maxLength: 12, size: 'max' })).map(
        ([declared, records]): ClusterFacts => ({
          ...declared,
          name: named(name),
          records: new Map(records.map(({ key, bytes }) => [key, bytes])),
        }),
      ),
    ),
  );

  test('finds the same, in whatever order it hears of the others', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        clusters.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: NAMES.length }))),
        fc.constantFrom(undefined, ...NAMES),
        ([all, shuffled], local) => {
          const facts = (list: readonly ClusterFacts[], viewer: string | undefined) => ({
            local: viewer === undefined ? undefined : (viewer as ClusterName),
            now: NOW,
            clusters: new Map(list.map((cluster) => [cluster.name, cluster])),
          });
          expect(evaluate(facts(shuffled, local))).toEqual(evaluate(facts(all, local)));
          expect(shared(evaluate(facts(shuffled, local)).findings)).toEqual(shared(evaluate(facts(all, 'a')).findings));
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Without what depends on the point of view: what is withheld here, and who looks on. */
const shared = (findings: readonly Finding[]): unknown =>
  findings
    .filter(({ code }) => code !== 'CM-SVC-011')
    .map(({ effect: _, other, subject, ...rest }) => ({
      ...rest,
      subject,
      other: other !== null && 'kind' in other && other.kind === 'cluster' && other.value === '' ? null : other,
    }));
