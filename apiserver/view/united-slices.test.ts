import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { itemsOf, piecesOf } from '../../mesh/model/list.ts';
import type { ClusterId, ClusterName, IpAddress } from '../../mesh/model/names.ts';
import type { Backend, BackendState } from '../../mesh/model/service.ts';
import { compareBackends } from '../../mesh/snapshot/order.ts';
import { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { uniteBackends } from './backends.ts';
import { UnitedSlices } from './united-slices.ts';

const ports = new PortLists();
const http = ports.intern([{ name: 'http', protocol: 'TCP', port: 80 }]);

const backend = (number: number, state: BackendState = 'active'): Backend => ({
  address: `10.1.${number >> 8}.${number & 255}` as IpAddress,
  cluster: 'east' as ClusterName,
  clusterId: 1 as ClusterId,
  state,
  ports: http,
});
const inOrder = (backends: readonly Backend[]) => [...backends].sort(compareBackends);

describe('what slices say together', () => {
  /** Slices of some hundred addresses, of which some are in two; every step replaces or removes one. */
  const step = fc.record({
    slice: fc.integer({ min: 0, max: 5 }),
    numbers: fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 600 }), { maxLength: 90 }), { nil: undefined }),
    isApart: fc.boolean(),
    state: fc.constantFrom<BackendState>('active', 'terminating'),
  });

  test('is the same however it came about', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const united = new UnitedSlices(ports);
        const slices = new Map<string, readonly Backend[]>();
        for (const { slice, numbers, isApart, state } of steps) {
          const name = `slice-${slice}`;
          const own = numbers?.map((number) => backend(isApart ? number * 6 + slice : number, state));
          const backends = own && inOrder(own);
          united.set(name, backends);
          if (backends === undefined) slices.delete(name);
          else slices.set(name, backends);
          const expected = uniteBackends(
            [...slices].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
            ports,
          );
          expect(itemsOf(united.backends)).toEqual(expected);
        }
      }),
    );
  });

  test('keeps its pieces, but for those around what changed', () => {
    const united = new UnitedSlices(ports);
    const numbersOf = (slice: number) => Array.from({ length: 100 }, (_, at) => slice + at * 10);
    for (let slice = 0; slice < 10; slice += 1)
      united.set(`slice-${slice}`, inOrder(numbersOf(slice).map((n) => backend(n))));
    const before = new Set(piecesOf(united.backends));
    united.set('slice-3', inOrder([...numbersOf(3), 2_000].map((number) => backend(number))));
    const after = piecesOf(united.backends);
    expect(united.backends.length).toBe(1_001);
    expect(after.filter((piece) => !before.has(piece)).length).toBeLessThanOrEqual(2);
  });
});
