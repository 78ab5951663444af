import { describe, expect, test } from 'vitest';
import type { FoundMap } from './attached-maps.ts';
import { type FoundMaps, planMap } from './map-plan.ts';
import { MAP_SPECS } from './map-specs.ts';

const { services, reverseSockets } = MAP_SPECS;
const SIZE = 1000;

const found = (id: number, changes: Partial<FoundMap['description']> = {}, spec = services): FoundMap => ({
  fd: id,
  description: { ...spec, id, maxEntries: SIZE, ...changes },
});
const socks = (id: number, changes: Partial<FoundMap['description']> = {}) => found(id, changes, reverseSockets);

/** The target, and the maps that rows come from, by their ids. */
function planned(spec: typeof services, { pinned, attached }: Partial<FoundMaps>) {
  const plan = planMap(spec, SIZE, { pinned, attached: attached ?? [] });
  if (!plan.ok) return plan.error;
  if (plan.value === undefined) return 'nothing';
  const { target, sources } = plan.value;
  const name = typeof target === 'number' ? 'new' : target.description.id;
  return { target: name, sources: sources.map(({ map }) => map.description.id) };
}

describe('planMap', () => {
  test.each([
    ['nothing is there', services, {}, 'nothing'],
    ['what is pinned is right, and nothing is attached', services, { pinned: found(1) }, 'nothing'],
    ['what is pinned is right, and forwards', services, { pinned: found(1), attached: [found(1)] }, 'nothing'],
    ['another size', services, { pinned: found(1, { maxEntries: 10 }) }, { target: 'new', sources: [1] }],
    ['another type', services, { pinned: found(1, { flags: 1 }) }, { target: 'new', sources: [1] }],
    ['the pin is gone', services, { attached: [found(1)] }, { target: 1, sources: [] }],
    ['the pin leads elsewhere', services, { pinned: found(2), attached: [found(1)] }, { target: 1, sources: [] }],
    [
      'a killed start had led the pin to the new map',
      services,
      { pinned: found(2), attached: [found(1, { maxEntries: 10 })] },
      { target: 'new', sources: [1] },
    ],
    [
      'a killed start had replaced some programs: rows of the agent are in both maps',
      services,
      { pinned: found(2), attached: [found(1, { maxEntries: 10 }), found(2)] },
      'nothing',
    ],
    [
      'a killed start had replaced some programs: each wrote to its own map',
      reverseSockets,
      { pinned: socks(2), attached: [socks(1, { maxEntries: 10 }), socks(2)] },
      { target: 2, sources: [1] },
    ],
    [
      'and now the size is another one again',
      reverseSockets,
      { pinned: socks(2, { maxEntries: 20 }), attached: [socks(1, { maxEntries: 10 }), socks(2, { maxEntries: 20 })] },
      { target: 'new', sources: [2, 1] },
    ],
    [
      'a foreign map, or a future one',
      services,
      { pinned: found(1, { keySize: 16 }) },
      'it is a hash, key 16 bytes, value 12 bytes, flags 0, where the programs need a hash, key 12 bytes, value 12 bytes, flags 0',
    ],
    [
      'a map of another name',
      services,
      { pinned: found(1, { name: 'theirs' }) },
      'it is the map theirs, not cm4_services',
    ],
  ] as const)('%s', (_, spec, maps, expected) => {
    expect(planned(spec, maps)).toEqual(expected);
  });

  test('rows of a former layout are converted, those of a layout that is not known are not', () => {
    const convert = () => undefined;
    const formers = [{ keySize: 12, valueSize: 8, convert }];
    const plan = planMap(services, SIZE, { pinned: found(1, { valueSize: 8 }), attached: [] }, formers);
    expect(plan.ok && plan.value).toEqual({ target: SIZE, sources: [{ map: found(1, { valueSize: 8 }), convert }] });
    expect(planMap(services, SIZE, { pinned: found(1, { valueSize: 4 }), attached: [] }, formers).ok).toBe(false);
  });
});
