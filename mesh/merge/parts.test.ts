import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inPieces } from '../model/list.ts';
import type { ClusterId, ClusterName, IpAddress } from '../model/names.ts';
import type { Backend, BackendState, NamedPort } from '../model/service.ts';
import { applyBackends } from '../snapshot/delta.ts';
import { compareBackends } from '../snapshot/order.ts';
import { Parts } from './parts.ts';

const PORTS: readonly (readonly NamedPort[])[] = [80, 81].map((port) => [{ name: 'http', protocol: 'TCP', port }]);

const backend = fc
  .record({
    number: fc.integer({ min: 0, max: 2_000 }),
    cluster: fc.integer({ min: 0, max: 200 }),
    state: fc.constantFrom<BackendState>('active', 'terminating', 'terminating'),
    ports: fc.constantFrom(...PORTS),
  })
  .map(
    // One of another cluster is rare: most lists are of one.
    ({ number, cluster, state, ports }): Backend => ({
      address: `10.0.${number >> 8}.${number & 255}` as IpAddress,
      cluster: (cluster === 0 ? 'west' : 'east') as ClusterName,
      clusterId: 1 as ClusterId,
      state,
      ports,
    }),
  );

test('a list in pieces is what it is as a whole', () => {
  fc.assert(
    fc.property(fc.array(backend, { minLength: 60, maxLength: 250 }), fc.boolean(), (backends, isSorted) => {
      const list = isSorted ? [...backends].sort(compareBackends) : backends;
      expect(new Parts().of(inPieces(list))).toEqual(new Parts().of(list));
    }),
  );
});

test('a list that follows another is what it is by itself', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 2_000 }), { minLength: 60, maxLength: 250 });
  const few = fc.array(fc.tuple(backend, fc.boolean()), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(numbers, fc.array(few, { minLength: 1, maxLength: 6 }), fc.boolean(), (all, steps, isActive) => {
      const first = all.map(
        (number): Backend => ({
          ...{ address: `10.0.${number >> 8}.${number & 255}` as IpAddress, cluster: 'east' as ClusterName },
          ...{ clusterId: 1 as ClusterId, state: isActive ? 'active' : 'terminating', ports: PORTS[0] ?? [] },
        }),
      );
      const parts = new Parts();
      let list = inPieces(first.sort(compareBackends));
      parts.of(list);
      for (const changes of steps) {
        const [come, go] = [changes.filter(([, isThere]) => isThere), changes.filter(([, isThere]) => !isThere)];
        const upserted = [...new Map(come.map(([one]) => [`${one.cluster} ${one.address}`, one])).values()];
        const gone = new Set(go.map(([one]) => one.address));
        const removed = [...list].filter(({ address }) => gone.has(address));
        const kept = upserted.filter((one) => !removed.some((other) => compareBackends(one, other) === 0));
        const after = applyBackends(list, { upserted: kept.sort(compareBackends), removed });
        if (!after.ok) throw new Error(after.error);
        expect(parts.follow(list, after.value)).toEqual(new Parts().of(after.value));
        expect(parts.of(after.value)).toEqual(new Parts().of(after.value));
        list = after.value;
      }
    }),
  );
});

test('of a list that follows another only the pieces that differ are looked at', () => {
  const backends = Array.from(
    { length: 640 },
    (_, at): Backend => ({
      ...{ address: `10.0.${at >> 8}.${at & 255}` as IpAddress, cluster: 'east' as ClusterName },
      ...{ clusterId: 1 as ClusterId, state: 'active', ports: PORTS[0] ?? [] },
    }),
  ).sort(compareBackends);
  const parts = new Parts();
  const before = inPieces(backends);
  const known = parts.of(before);
  const after = applyBackends(before, { upserted: [], removed: [backends[300] as Backend] });
  if (!after.ok) throw new Error(after.error);
  // What it said of the one before is all that is said of it.
  expect(parts.follow(before, after.value)).toBe(known);
});
