// Given maps that a predecessor left, when an agent starts on them, then it goes on with the ids that it finds, and writes only
// what is not as desired.

import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { IpAddress } from '../../mesh/model/names.ts';
import { backend, port, service } from '../desired/sample.ts';
import { backendValue } from '../maps/layout.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { MAP_NAMES, type MapName, type ServiceMaps } from '../maps/port.ts';
import { READER_GRACE_MS } from './image.ts';
import { Rig } from './rig.ts';

const cart = service({
  key: 'shop/cart',
  frontends: ['172.20.0.10'],
  backends: ['10.1.0.1', '10.2.0.1', '10.2.0.2'],
});
/** Of both families. */
const dual = service({
  key: 'shop/dual',
  frontends: ['172.20.0.13', 'fd00::13'],
  backends: ['10.1.0.9', 'fd00:1::9', 'fd00:2::9'],
});
const mail = service({ key: 'shop/mail', frontends: ['172.20.0.11'], ports: [port(25), port(26, 'b', 'UDP')] });
const cart2 = service({ ...cart, backends: [backend('10.2.0.2'), backend('10.3.0.1'), backend('10.3.0.2')] });
const dual2 = service({ ...dual, backends: [backend('fd00:2::9'), backend('fd00:3::1'), backend('10.3.0.3')] });
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

test('both families share one range of ids, and have them again after a restart', async () => {
  await new Rig(maps).apply([cart, mail, dual]);
  maps = maps.reopen();
  const before = await content(maps);
  const rig = new Rig(maps);
  expect(await rig.apply([cart, mail, dual])).toEqual({ complete: true, written: 0, removed: 0 });
  expect(await content(maps)).toEqual(before);
  const idsIn = async (map: MapName) => (await maps.dump(map)).map(({ key }) => key.join('.'));
  for (const role of ['backends', 'reverseNat'] as const) {
    const all = [...(await idsIn(role)), ...(await idsIn(`${role}6`))];
    expect(new Set(all).size).toBe(all.length);
  }
});

test('maps of a version that knew IPv4 alone are gone on with', async () => {
  const before = await content(maps);
  const rig = new Rig(maps);
  const { complete, removed } = await rig.apply([cart, mail, dual]);
  expect({ complete, removed }).toEqual({ complete: true, removed: 0 });
  expect(await content(maps)).toEqual(expect.arrayContaining([...before]));
  expect(await rig.differences()).toEqual([]);
});

test('an id in the maps of both families is taken for that of IPv4, and the other row goes', async () => {
  await new Rig(maps).apply([cart, mail, dual]);
  maps = maps.reopen();
  const twice = (await maps.dump('backends'))[0]?.key ?? new Uint8Array();
  const foreign = backendValue({
    address: 'fd00::77' as IpAddress,
    port: 1,
    protocol: 'TCP',
    state: 'active',
    clusterId: 1,
  });
  await maps.update('backends6', [{ key: twice, value: foreign }]);
  const rig = new Rig(maps);
  await rig.want([cart, mail, dual]);
  await rig.settle();
  expect(await rig.differences()).toEqual([]);
  expect(await maps.dump('backends6')).toHaveLength(2);
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
  const before = [cart, mail, dual];
  const after = [cart2, shop, dual2];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), async (kills) => {
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
}, 30_000);
