import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inPieces } from '../model/list.ts';
import type { ClusterId, ClusterName, IpAddress } from '../model/names.ts';
import type { Backend, BackendState, NamedPort } from '../model/service.ts';
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
