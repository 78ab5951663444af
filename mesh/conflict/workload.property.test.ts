// Given clusters whose pods, identities and services change in any order, when a report is drawn now and then, then what is known of the
// workloads behind services is what a first look finds.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  clusterFacts,
  endpoint,
  identity,
  identityNumber,
  labelsOf,
  NOW,
  named,
  type SampleRecord,
  service,
} from '../../test/samples/mesh.ts';
import { serviceKey } from '../model/names.ts';
import { clusterServiceKind } from '../wire/cluster-service.ts';
import { serviceHeadKey, serviceHeadKind } from '../wire/service-head.ts';
import { splitService } from '../wire/service-pieces.ts';
import { serviceSliceKey, serviceSliceKind } from '../wire/service-slice.ts';
import { MeshEvaluation } from './evaluation.ts';
import { KnownWorkloads } from './workload.ts';

const IDS = { a: 1, b: 2, c: 3 };
type Name = keyof typeof IDS;

interface Step {
  readonly name: Name;
  readonly puts: readonly { readonly key: string; readonly bytes: Uint8Array | undefined }[];
  /** Somebody else under the name, until this is confirmed. */
  readonly unconfirmed?: boolean;
  readonly drawn: boolean;
}

const addressesOf = (name: Name) => [5, 6, 7].map((host) => `10.${IDS[name]}.0.${host}`);

const pieces = (name: Name, whole: SampleRecord): readonly SampleRecord[] => {
  const read = clusterServiceKind.decode(whole.bytes);
  if (!read.ok) return [];
  const key = serviceKey('shop', 'web');
  const { head, slices } = splitService(read.value, (address) => `s${Number(address.at(-1)) % 2}`);
  return [
    { key: serviceHeadKey(named(name), key), bytes: serviceHeadKind.encode(head) },
    ...slices.map((slice) => ({
      key: serviceSliceKey(named(name), { service: key, slice: slice.slice }),
      bytes: serviceSliceKind.encode(slice),
    })),
  ];
};

const records = (name: Name): fc.Arbitrary<readonly SampleRecord[]> => {
  const number = fc.constantFrom(1, 2).map((local) => identityNumber(IDS[name], local));
  const whole = fc.subarray(addressesOf(name)).map((backends) => service({ cluster: name, id: IDS[name], backends }));
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom(...addressesOf(name)), number).map(([ip, n]) => [endpoint(ip, n)]),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(number, fc.constantFrom('one', 'two'))
        .map(([n, app]) => [identity(name, n, labelsOf(name, `k8s:app=${app}`))]),
    },
    { weight: 2, arbitrary: whole.map((record) => [record]) },
    { weight: 2, arbitrary: whole.chain((record) => fc.subarray([...pieces(name, record)])) },
  );
};

const step: fc.Arbitrary<Step> = fc.constantFrom<Name>('a', 'b', 'c').chain((name) =>
  fc.record(
    {
      name: fc.constant(name),
      puts: fc
        .tuple(records(name), fc.constantFrom(false, false, true))
        .map(([all, gone]) => all.map(({ key, bytes }) => ({ key, bytes: gone ? undefined : bytes }))),
      unconfirmed: fc.constantFrom(false, false, true),
      drawn: fc.boolean(),
    },
    { requiredKeys: ['name', 'puts', 'drawn'] },
  ),
);

const declared = (name: Name, unconfirmed: boolean) => {
  const { records: _, ...rest } = clusterFacts({
    name,
    id: IDS[name],
    admitted: { uid: unconfirmed ? 'of somebody else' : `uid-of-${name}` },
  });
  return rest;
};

test('what is known of workloads is what would be found anew', { timeout: 60_000 }, () => {
  let compared = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 8, maxLength: 60, size: 'max' }), (steps) => {
      const mesh = new MeshEvaluation(named('a'));
      for (const name of ['a', 'b', 'c'] as const) mesh.declare(named(name), declared(name, false));
      for (const { name, puts, unconfirmed, drawn } of steps) {
        if (unconfirmed !== undefined) mesh.declare(named(name), declared(name, unconfirmed));
        for (const { key, bytes } of puts) mesh.put(named(name), key, bytes);
        mesh.settle(NOW);
        if (!drawn) continue;
        for (const [, constituents] of mesh.indexes.services.several()) {
          for (const { record } of constituents) {
            expect(mesh.workloads.of(record, mesh.indexes)).toEqual(new KnownWorkloads().of(record, mesh.indexes));
            compared += 1;
          }
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(compared).toBeGreaterThan(1_000);
});
