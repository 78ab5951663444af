// Given maps that a predecessor left, when an agent starts on them, then it goes on with the ids that it finds, and writes only
// what is not as desired.

import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { backend, port, service } from '../desired/sample.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { MAP_NAMES, type ServiceMaps } from '../maps/port.ts';
import { READER_GRACE_MS } from './image.ts';
import { Rig } from './rig.ts';

const cart = service({ key: 'shop/cart', frontends: ['172.20.0.10'], backends: ['10.1.0.1', '10.2.0.1', '10.2.0.2'] });
const mail = service({ key: 'shop/mail', frontends: ['172.20.0.11'], ports: [port(25), port(26, 'b', 'UDP')] });
const cart2 = service({ ...cart, backends: [backend('10.2.0.2'), backend('10.3.0.1'), backend('10.3.0.2')] });
const shop = service({ key: 'shop/web', frontends: ['172.20.0.12'], backends: ['10.1.0.1', '10.3.0.2'] });

const content = async (maps: ServiceMaps) => {
  const dumps = await Promise.all(MAP_NAMES.map((map) => maps.dump(map)));
  return dumps
    .flat()
    .map(({ key, value }) => `${key.join('.')} ${value.join('.')}`)
    .sort();
};

let maps: MemoryMaps;
beforeEach(async () => {
  maps = new MemoryMaps();
  const predecessor = new Rig(maps);
  await predecessor.apply([cart, mail]);
  maps = maps.reopen();
});

test('nothing is written when everything is as desired, and the ids are the same', async () => {
  const before = await content(maps);
  const rig = new Rig(maps);
  expect(await rig.apply([mail, cart])).toEqual({ complete: true, written: 0, removed: 0 });
  await rig.settle();
  expect(await content(maps)).toEqual(before);
});

test('new ids come after those that are found', async () => {
  const rig = new Rig(maps);
  await rig.apply([cart, mail, shop]);
  const ids = (await maps.dump('reverseNat')).map(({ key }) => key[1]).sort();
  expect(ids).toEqual([1, 2, 3, 4]);
});

test('reading the maps changes nothing: without a desired state nothing is taken away', async () => {
  const before = await content(maps);
  await new Rig(maps).reconciler.observe();
  expect(await content(maps)).toEqual(before);
});

test('a predecessor may have lowered a count just before: slots stay for the grace', async () => {
  const predecessor = new Rig(maps);
  await predecessor.apply([service({ ...cart, backends: [backend('10.1.0.1')] }), mail]);
  const slots = (await maps.dump('services')).length;
  maps = maps.reopen();
  const rig = new Rig(maps);
  await rig.apply([service({ ...cart, backends: [backend('10.1.0.1')] }), mail]);
  expect((await maps.dump('services')).length).toBe(slots);
  rig.clock.advance(READER_GRACE_MS);
  await rig.pass();
  expect((await maps.dump('services')).length).toBe(slots - 2);
});

test('an agent killed at any row, again and again, is finished by the next one', async () => {
  const before = [cart, mail];
  const after = [cart2, shop];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(12), { minLength: 1, maxLength: 5 }), async (kills) => {
      let maps = new MemoryMaps();
      await new Rig(maps).apply(before);
      for (const [index, rows] of kills.entries()) {
        maps = maps.reopen();
        let row = 0;
        maps.fault = (operation) => {
          if (operation !== 'dump') row += 1;
          if (row > rows) throw new Error('killed');
          return undefined;
        };
        const rig = new Rig(maps);
        await rig.want(index % 2 === 0 ? after : before);
        await rig.settle().catch(() => {});
      }
      maps = maps.reopen();
      const last = new Rig(maps);
      await last.want(after);
      await last.settle();
      expect(await last.differences()).toEqual([]);
    }),
  );
});
