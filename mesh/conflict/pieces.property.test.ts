// Given clusters whose services come whole, in pieces, or in both forms, in any order and by any detour, when they are judged, then
// the findings and what is admitted are those of the whole services alone.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bytesOf,
  clusterFacts,
  endpoint,
  identity,
  identityNumber,
  labelsOf,
  NOW,
  named,
  node,
  type SampleCluster,
  type SampleRecord,
  service,
} from '../../test/samples/mesh.ts';
import { type ClusterName, serviceKey } from '../model/names.ts';
import { type ClusterServiceRecord, clusterServiceKey, clusterServiceKind } from '../wire/cluster-service.ts';
import { serviceHeadKey, serviceHeadKind } from '../wire/service-head.ts';
import { composeService, splitService } from '../wire/service-pieces.ts';
import { serviceSliceKey, serviceSliceKind } from '../wire/service-slice.ts';
import { reportOf } from './evaluate.ts';
import { MeshEvaluation } from './evaluation.ts';
import { headKeyBeside } from './pieces.ts';

type Form = 'whole' | 'pieces' | 'both';
type Put = { readonly cluster: ClusterName; readonly key: string; readonly bytes: Uint8Array | undefined };

const NAMES = ['a', 'b', 'c'];
const ADDRESSES = ['10.1.0.5', '10.1.130.1', '10.2.4.4', '10.2.9.9', '10.3.0.1', '192.168.0.1', 'fd00::1', '8.8.8.8'];
const PORTS = [
  { http: { Protocol: 'TCP', Port: 80 } },
  { http: { Protocol: 'TCP', Port: 81 }, web: { Protocol: 'TCP', Port: 80 } },
];

const wholeService = (cluster: string, id: number): fc.Arbitrary<SampleRecord> =>
  fc
    .record({
      backends: fc.subarray(ADDRESSES),
      name: fc.constantFrom('shop/web', 'shop/cart'),
      frontendPorts: fc.constantFrom(...PORTS),
      headless: fc.boolean(),
      more: fc.constantFrom({}, {}, {}, { shared: false }),
    })
    .map(({ headless, ...more }) => service({ cluster, id, ...more, ...(headless ? { frontend: null } : {}) }));

/** Now and then two clusters have one id. */
const cluster = (name: string, at: number): fc.Arbitrary<SampleCluster> =>
  fc.constantFrom(at + 1, at + 1, at + 1, 1).chain((id) => clusterOf(name, id));

const clusterOf = (name: string, id: number): fc.Arbitrary<SampleCluster> => {
  const number = identityNumber(id);
  const record = fc.oneof(
    wholeService(name, id),
    fc.constantFrom(...ADDRESSES).map((ip) => endpoint(ip, number)),
    fc.constantFrom(...ADDRESSES.slice(0, 6)).map((ip) => node(name, id, ip, undefined, 'n1')),
    fc.constantFrom('one', 'two').map((app) => identity(name, number, labelsOf(name, `k8s:app=${app}`))),
  );
  return fc.record({
    name: fc.constant(name),
    id: fc.constant(id),
    joinedDay: fc.constantFrom(0, 1, 2, null),
    card: fc.record({
      podCIDRs: fc.subarray(['10.1.0.0/16', '10.1.128.0/17', '10.2.0.0/16', '10.0.0.0/8', 'fd00::/48']),
      serviceCIDRs: fc.subarray(['172.20.0.0/16', '10.2.4.0/22']),
      nodeCIDRs: fc.subarray(['192.168.0.0/24']),
    }),
    records: fc.uniqueArray(record, { maxLength: 8, selector: ({ key }) => key }),
    freshness: fc.constantFrom({ state: 'fresh' as const, synced: true }, { state: 'stale' as const, synced: true }),
  });
};

const serviceOf = ({ key, bytes }: SampleRecord): ClusterServiceRecord | undefined => {
  const read = key.startsWith('cilium/state/services/') ? clusterServiceKind.decode(bytes) : undefined;
  return read?.ok === true ? read.value : undefined;
};

function puts(name: string, record: SampleRecord, form: Form, slices: number): readonly Put[] {
  const owner = named(name);
  const whole = serviceOf(record);
  const asItIs = { cluster: owner, ...record };
  if (whole === undefined || form === 'whole') return [asItIs];
  const split = splitService(whole, (_, at) => `s${at % slices}`);
  const key = serviceKey(whole.namespace, whole.name);
  return [
    ...(form === 'both' ? [asItIs] : []),
    { cluster: owner, key: serviceHeadKey(owner, key), bytes: serviceHeadKind.encode(split.head) },
    ...split.slices.map((slice) => ({
      cluster: owner,
      key: serviceSliceKey(owner, { service: key, slice: slice.slice }),
      bytes: serviceSliceKind.encode(slice),
    })),
  ];
}

function judgedBy(clusters: readonly SampleCluster[], steps: readonly (Put | 'settle')[]): MeshEvaluation {
  const mesh = new MeshEvaluation(named('a'));
  for (const one of clusters) {
    const { records: _records, name, ...declarations } = clusterFacts(one);
    mesh.declare(name, declarations);
  }
  for (const step of steps) {
    if (step === 'settle') mesh.settle(NOW);
    else mesh.put(step.cluster, step.key, step.bytes);
  }
  mesh.settle(NOW);
  return mesh;
}

/** What is admitted of each service, whichever form it came in. */
function admittedServices(mesh: MeshEvaluation): ReadonlyMap<string, unknown> {
  const services = new Map<string, unknown>();
  for (const name of NAMES) {
    const state = mesh.clusters.get(named(name));
    for (const service of ['shop/web', 'shop/cart'] as const) {
      const key = clusterServiceKey(named(name), serviceKey(...(service.split('/') as [string, string])));
      const head = state?.records.get(headKeyBeside(key) ?? '');
      const whole = state?.admitted.get(key);
      if (head?.admitted !== undefined) {
        const read = serviceHeadKind.decode(head.admitted);
        const slices = mesh.indexes.partsOf(head).slice(1);
        const values = slices.flatMap(({ admitted }) => {
          const slice = admitted === undefined ? undefined : serviceSliceKind.decode(admitted);
          return slice?.ok === true ? [slice.value] : [];
        });
        if (read.ok) services.set(key, composeService(read.value, values));
      } else if (whole !== undefined) {
        const read = clusterServiceKind.decode(whole);
        if (read.ok)
          services.set(key, composeService({ ...read.value, backends: {} }, [{ ...read.value, slice: 's' }]));
      }
    }
  }
  return services;
}

test('finds and admits the same, in whatever form services come', () => {
  const mesh = fc.tuple(...NAMES.map(cluster));
  fc.assert(
    fc.property(
      mesh,
      fc.infiniteStream(fc.constantFrom<Form>('whole', 'pieces', 'pieces', 'both')),
      fc.integer({ min: 1, max: 3 }),
      fc.infiniteStream(fc.nat({ max: 1_000_000 })),
      (clusters, forms, slices, chance) => {
        const next = () => Number(chance.next().value);
        const wholes = clusters.flatMap(({ name, records = [] }) =>
          records.flatMap((record) => puts(name, record, 'whole', 1)),
        );
        const mixed = clusters.flatMap(({ name, records = [] }) =>
          records.flatMap((record) => {
            const form = forms.next().value ?? 'whole';
            const last = puts(name, record, form, slices);
            const kept = new Set(last.map(({ key }) => key));
            // By a detour: another form before, of which nothing is left in the end.
            const before = puts(name, record, next() % 2 === 0 ? 'both' : form, 2);
            const gone = before
              .filter(({ key }) => !kept.has(key))
              .map((put) => ({ put, end: { ...put, bytes: undefined } }));
            return [last.map((put) => [put]), gone.map(({ put, end }) => [put, end])].flat();
          }),
        );
        // Each key in its order, and keys among each other in any.
        const steps: (Put | 'settle')[] = [];
        const left = mixed.map((events) => [...events]);
        while (left.some((events) => events.length > 0)) {
          const open = left.filter((events) => events.length > 0);
          const event = open[next() % open.length]?.shift();
          if (event !== undefined) steps.push(event);
          if (next() % 3 === 0) steps.push('settle');
        }
        const expected = judgedBy(clusters, wholes);
        const found = judgedBy(clusters, steps);
        expect(reportOf(found, { now: NOW }).findings).toEqual(reportOf(expected, { now: NOW }).findings);
        expect(admittedServices(found)).toEqual(admittedServices(expected));
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);

test('a head that cannot be read leaves its place to the whole service', () => {
  const [owner, key] = [named('b'), serviceKey('shop', 'web')];
  const cluster: SampleCluster = { name: 'b', id: 2 };
  const whole = service({ cluster: 'b', id: 2, name: 'shop/web', backends: ['10.2.0.1'] });
  const mesh = judgedBy(
    [cluster],
    [
      { cluster: owner, ...whole },
      { cluster: owner, key: serviceHeadKey(owner, key), bytes: bytesOf('{}') },
    ],
  );
  expect(mesh.clusters.get(owner)?.admitted.get(whole.key)).toEqual(whole.bytes);
  expect(reportOf(mesh, { now: NOW }).findings.map(({ code, subject }) => [code, subject.key])).toEqual([
    ['CM-REC-001', serviceHeadKey(owner, key)],
  ]);
});
