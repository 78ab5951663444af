// What every adapter of ServiceMaps does, as a suite: the maps in memory pass it as a unit test, the kernel's as a live test.
// Rows are arbitrary bytes of the right size; what they mean is none of this suite's business.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAP_NAMES, type MapName, type MapRow, type ServiceMaps } from './port.ts';

export interface OpenedMaps {
  readonly maps: ServiceMaps;
  /** What the next process would open after `maps` was closed; absent where an adapter cannot show that. */
  readonly reopen?: () => Promise<ServiceMaps>;
  readonly cleanup: () => Promise<void> | void;
}

/** More than any batch that an adapter may use inside. */
const MANY = 5_000;

/** `open` gives empty maps; smaller than 65,536 entries makes the suite quicker, larger than 5,000 is required. */
export function describeServiceMaps(name: string, open: () => Promise<OpenedMaps>): void {
  describe(`service maps: ${name}`, () => {
    let opened: OpenedMaps;
    let maps: ServiceMaps;
    beforeEach(async () => {
      opened = await open();
      maps = opened.maps;
    });
    afterEach(() => opened.cleanup());

    const row = (map: MapName, number: number, mark = 0): MapRow => {
      const { keySize, valueSize } = maps.info(map);
      const key = new Uint8Array(keySize);
      for (let at = 0, rest = number; at < keySize; at += 1, rest = Math.floor(rest / 256)) key[at] = rest % 256;
      const value = new Uint8Array(valueSize);
      value.set([number % 256, Math.floor(number / 256) % 256, mark]);
      return { key, value };
    };
    const rows = (map: MapName, count: number, mark = 0) =>
      Array.from({ length: count }, (_, number) => row(map, number, mark));
    const keys = (all: readonly MapRow[]) => all.map(({ key }) => key);

    describe.each(MAP_NAMES)('%s', (map) => {
      test('starts empty, with the sizes of its layout', async () => {
        expect(await maps.dump(map)).toEqual([]);
        const shape = {
          services: [12, 12],
          backends: [4, 12],
          reverseNat: [2, 6],
          services6: [24, 12],
          backends6: [4, 24],
          reverseNat6: [2, 18],
        }[map];
        const { keySize, valueSize, maxEntries } = maps.info(map);
        expect([keySize, valueSize]).toEqual(shape);
        expect(maxEntries).toBeGreaterThan(0);
      });

      test('dumps what was written, and an overwritten row once', async () => {
        expect(await maps.update(map, rows(map, 3))).toEqual({ applied: 3 });
        expect(await maps.update(map, [row(map, 1, 9), row(map, 3)])).toEqual({ applied: 2 });
        expect(sorted(await maps.dump(map))).toEqual(sorted([row(map, 0), row(map, 1, 9), row(map, 2), row(map, 3)]));
      });

      test('of two rows with one key the later one stands', async () => {
        expect(await maps.update(map, [row(map, 1, 1), row(map, 1, 2)])).toEqual({ applied: 2 });
        expect(sorted(await maps.dump(map))).toEqual(sorted([row(map, 1, 2)]));
      });

      test('removes, and does not mind keys that are absent, wherever they stand in the batch', async () => {
        await maps.update(map, rows(map, 4));
        const wanted = [row(map, 90), row(map, 0), row(map, 91), row(map, 2), row(map, 0), row(map, 92)];
        expect(await maps.remove(map, keys(wanted))).toEqual({ applied: 6 });
        expect(sorted(await maps.dump(map))).toEqual(sorted([row(map, 1), row(map, 3)]));
      });

      test('takes empty batches', async () => {
        expect(await maps.update(map, [])).toEqual({ applied: 0 });
        expect(await maps.remove(map, [])).toEqual({ applied: 0 });
      });

      test('does not keep the buffers of its caller', async () => {
        const reused = row(map, 7);
        await maps.update(map, [reused]);
        reused.key.fill(0xff);
        reused.value.fill(0xff);
        expect(sorted(await maps.dump(map))).toEqual(sorted([row(map, 7)]));
      });

      test(`writes, dumps and removes ${MANY} rows at once`, async () => {
        const all = rows(map, MANY);
        expect(await maps.update(map, all)).toEqual({ applied: MANY });
        expect(sorted(await maps.dump(map))).toEqual(sorted(all));
        expect(await maps.remove(map, keys(all.slice(1)))).toEqual({ applied: MANY - 1 });
        expect(sorted(await maps.dump(map))).toEqual(sorted(all.slice(0, 1)));
      });
    });

    // A reverse NAT map of 65,536 entries cannot be filled: its keys have two bytes.
    test.each(['services', 'backends', 'services6', 'backends6'] as const)(
      'a full map of %s takes what fits and says where it stopped',
      async (map) => {
        const { maxEntries } = maps.info(map);
        expect(await maps.update(map, rows(map, maxEntries - 2))).toEqual({ applied: maxEntries - 2 });
        const more = [0, 1, 2, 3, 4].map((offset) => row(map, maxEntries - 2 + offset));
        const outcome = await maps.update(map, more);
        expect(outcome).toMatchObject({ applied: 2, failure: { code: 'MAP_FULL' } });
        expect(outcome.failure?.reason).not.toBe('');
        const full = await maps.dump(map);
        expect(full.length).toBe(maxEntries);
        expect(sorted(full).at(-1)).toEqual(sorted(rows(map, maxEntries)).at(-1));

        expect(await maps.update(map, [row(map, 1, 7)])).toEqual({ applied: 1 });
        expect(await maps.remove(map, keys([row(map, 0)]))).toEqual({ applied: 1 });
        expect(await maps.update(map, [row(map, maxEntries + 9)])).toEqual({ applied: 1 });
        expect((await maps.dump(map)).length).toBe(maxEntries);
      },
    );

    test('the maps are apart from each other', async () => {
      await maps.update('services', [row('services', 1)]);
      for (const map of MAP_NAMES) if (map !== 'services') expect(await maps.dump(map)).toEqual([]);
    });

    test('rows outlive the handle they were written through', async () => {
      if (opened.reopen === undefined) return;
      for (const map of MAP_NAMES) await maps.update(map, rows(map, 3));
      maps.close();
      const again = await opened.reopen();
      for (const map of MAP_NAMES) {
        expect(again.info(map)).toEqual(maps.info(map));
        expect(sorted(await again.dump(map))).toEqual(sorted(rows(map, 3)));
      }
      again.close();
    });
  });
}

/** As text, in byte order: a map has no order of its own. */
function sorted(rows: readonly MapRow[]): readonly string[] {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return rows.map(({ key, value }) => `${text(key)} ${text(value)}`).sort();
}
