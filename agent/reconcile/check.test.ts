// Given maps that differ from what is desired, when they are checked, then each difference is named with its cause.

import { beforeEach, expect, test } from 'vitest';
import { service } from '../desired/sample.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { checkMaps, renderMapsCheck } from './check.ts';
import { READER_GRACE_MS } from './image.ts';
import { Rig } from './rig.ts';

const cart = service({ key: 'shop/cart', frontends: ['172.20.0.9'], backends: ['10.1.0.1', '10.2.0.1'] });
const smaller = service({ ...cart, backends: [...cart.backends].slice(0, 1) });

let maps: MemoryMaps;
let rig: Rig;
beforeEach(async () => {
  maps = new MemoryMaps();
  rig = new Rig(maps);
  await rig.apply([cart]);
});

const check = (wanted = true) =>
  checkMaps({
    ...{ maps, desired: rig.desired, reconciler: rig.reconciler, wanted },
    refusals: () => [...rig.desired.refusals(), ...rig.reconciler.refusals()],
    now: () => 0,
    pause: () => undefined,
  });
const causes = async () =>
  (await check()).differences.map(({ type, subject, service, cause }) => [type, subject, service, cause]);

test('nothing, where the maps are as desired', async () => {
  const document = await check();
  expect(document).toEqual({ schema_version: 1, datapath: 'memory', compared: true, frontends: 1, differences: [] });
  expect(renderMapsCheck(document)).toBe('The maps in memory hold what is desired: 1 frontend, no difference.');
});

test('a row that another program changed', async () => {
  await maps.remove('backends', [Uint8Array.of(1, 0, 0, 0)]);
  await maps.remove('reverseNat', [Uint8Array.of(0, 1)]);
  expect(await causes()).toEqual([
    ['missing', '172.20.0.9:80/TCP', 'shop/cart', 'foreign'],
    ['missing', '172.20.0.9:80/TCP', 'shop/cart', 'foreign'],
  ]);
  expect(renderMapsCheck(await check())).toContain('another program changed it');
});

test('rows that wait for readers to let go', async () => {
  await rig.apply([smaller]);
  expect(await causes()).toEqual([['leftover', '172.20.0.9:80/TCP', 'shop/cart', 'pending']]);
  rig.clock.advance(READER_GRACE_MS);
  await rig.settle();
  expect(await causes()).toEqual([]);
});

test('what has come and is not written yet', async () => {
  await rig.want([smaller]);
  expect(await causes()).toContainEqual(['wrong', '172.20.0.9:80/TCP', 'shop/cart', 'pending']);
});

test('what a map did not take', async () => {
  const failure = { code: 'MAP_FULL', reason: 'made to be full', errno: 7 } as const;
  const mail = service({ key: 'shop/mail', frontends: ['fd00::9'], backends: ['fd00:1::1'] });
  maps.fault = (operation, map) => (operation === 'update' && map === 'backends6' ? failure : undefined);
  await rig.apply([cart, mail]);
  const { differences } = await check();
  expect(differences.map(({ service, cause }) => [service, cause])).toContainEqual(['shop/mail', 'refused']);
  expect(differences.find(({ cause }) => cause === 'refused')?.explanation).toContain('made to be full');
});

test('what a failing map kept as it was', async () => {
  const failure = { code: 'MAP_FAILED', reason: 'made to fail', errno: 5 } as const;
  maps.fault = (operation) => (operation === 'update' ? failure : undefined);
  await rig.apply([smaller]);
  maps.fault = undefined;
  const found = (await check()).differences;
  expect(found.length).toBeGreaterThan(0);
  for (const { cause, explanation } of found) {
    expect([cause, explanation]).toEqual(['refused', expect.stringContaining('made to fail')]);
  }
});

test('without a snapshot nothing is compared', async () => {
  expect((await check(false)).compared).toBe(false);
});
