// A step between services of which it is known what they were put together of is the same as one between services of which it is not.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { List } from '../model/list.ts';
import { type ClusterId, type ClusterName, type IpAddress, serviceKey } from '../model/names.ts';
import type { Backend, MeshService } from '../model/service.ts';
import { Compositions, stepService } from './composition.ts';
import { diffService } from './delta.ts';
import { shareService } from './equality.ts';

const NAMES = ['central', 'east', 'north', 'west'] as const;
const HTTP = [{ name: 'http', protocol: 'TCP', port: 80 }] as const;
type Said = Readonly<Record<string, 'active' | 'terminating'>>;

const listOf = (cluster: string, said: Said): readonly Backend[] =>
  Object.entries(said)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([host, state]) => ({
      address: `10.0.0.${host}` as IpAddress,
      cluster: cluster as ClusterName,
      clusterId: cluster.length as ClusterId,
      state,
      ports: HTTP,
    }));

const serviceOf = (backends: List<Backend>, frontends: readonly IpAddress[]): MeshService => ({
  key: serviceKey('shop', 'cart'),
  frontends,
  ports: HTTP,
  backends,
});

const said = fc.dictionary(fc.constantFrom('1', '2', '3', '4', '5'), fc.constantFrom('active', 'terminating'));
const step = fc.record({
  changes: fc.dictionary(fc.constantFrom(...NAMES), said),
  frontend: fc.constantFrom('10.96.0.1', '10.96.0.2'),
});

test('a step between compositions is the one that looks at every backend finds', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const compositions = new Compositions();
      const lists = new Map<string, readonly Backend[]>();
      let before: MeshService | undefined;
      for (const { changes, frontend } of steps) {
        for (const [cluster, own] of Object.entries(changes)) lists.set(cluster, listOf(cluster, own));
        const filled = NAMES.map((name) => lists.get(name) ?? []).filter(({ length }) => length > 0);
        const frontends = [frontend as IpAddress];
        const merged = serviceOf(compositions.compose(filled), frontends);
        const { service, change } = stepService(before, merged, compositions);

        const shared = shareService(before, serviceOf(filled.flat(), frontends));
        expect(service).toEqual(shared);
        expect(change).toEqual(diffService(before, shared));
        expect(service === before).toBe(shared === before);
        // What says the same is the same object.
        const kept = new Set(before?.backends);
        const stepped = [...service.backends];
        for (const [at, backend] of [...shared.backends].entries()) {
          if (kept.has(backend)) expect(stepped[at]).toBe(backend);
        }
        before = service;
      }
    }),
  );
});

test('a service of 250 clusters of which one changed shares the lists of the others', () => {
  const compositions = new Compositions();
  const names = Array.from({ length: 250 }, (_, at) => `c-${String(at).padStart(3, '0')}`);
  const lists = names.map((name) => listOf(name, { 1: 'active', 2: 'active' }));
  const before = serviceOf(compositions.compose(lists), []);
  const changed = lists.with(100, listOf('c-100', { 1: 'active', 3: 'active' }));
  const { service, change } = stepService(before, serviceOf(compositions.compose(changed), []), compositions);
  expect(change).toMatchObject({ upserted: [{ address: '10.0.0.3' }], removed: [{ address: '10.0.0.2' }] });
  expect(compositions.of(service.backends)?.filter((list, at) => list !== lists[at])).toHaveLength(1);
  expect([...service.backends][200]).toBe([...before.backends][200]);
});
