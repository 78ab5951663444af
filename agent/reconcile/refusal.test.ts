// What happens when a map cannot take what is desired: whole services are refused, with what they were before still in place,
// everything else goes on, and they come in as soon as they can.

import { beforeEach, describe, expect, test } from 'vitest';
import type { MeshService } from '../../mesh/model/service.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { backend, port, service } from '../desired/sample.ts';
import { parseBackendValue } from '../maps/layout.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { forEachMap } from '../maps/port.ts';
import { READER_GRACE_MS } from './image.ts';
import { Rig } from './rig.ts';
import { desiredOf, verify } from './verify.ts';

const cart = service({ key: 'shop/cart', frontends: ['172.20.0.10'], ports: [port(80), port(443, 'tls')] });
const both = [port(8080), port(8443, 'tls')];
const grown = service({
  ...cart,
  backends: ['10.1.0.1', '10.1.0.2', '10.1.0.3'].map((at) => backend(at, { ports: both })),
});
const mail = service({ key: 'shop/mail', frontends: ['172.20.0.11'], backends: ['10.2.0.1'] });
const mail2 = service({ ...mail, backends: [backend('10.2.0.1'), backend('10.2.0.2')] });

const snapshot = (services: readonly MeshService[]) =>
  ({ cluster: 'west', services: new Map(services.map((each) => [each.key, each])) }) as unknown as MeshSnapshot;
const isThere = async (maps: MemoryMaps, services: readonly MeshService[]) =>
  verify(
    maps,
    await desiredOf(
      snapshot(services),
      forEachMap(() => 1e3),
    ),
  );

describe('a map that is full before its size', () => {
  let maps: MemoryMaps;
  let rig: Rig;
  beforeEach(async () => {
    maps = new MemoryMaps();
    rig = new Rig(maps);
    await rig.apply([cart, mail]);
  });
  /** Until slots, and then what they led to, are gone. */
  const twoGraces = async () => {
    for (let grace = 0; grace < 2; grace += 1) {
      rig.clock.advance(READER_GRACE_MS);
      await rig.pass();
    }
  };
  /** Rows that are new for the second frontend of the cart do not land. */
  const refuse = () => {
    maps.fault = (operation, map, key) =>
      operation === 'update' && map === 'services' && key?.[4] === 1 && key[5] === 187 && (key[6] ?? 0) > 1
        ? { code: 'MAP_FULL', reason: 'made full', errno: 7 }
        : undefined;
  };

  test('leaves the service as it was, with all its frontends, and lets the others go on', async () => {
    refuse();
    const outcome = await rig.apply([grown, mail2]);
    expect(outcome.complete).toBe(true);
    expect(rig.reconciler.refusals()).toEqual([
      { service: 'shop/cart', code: 'CM-KERN-001', reason: 'the services map did not take its rows: made full' },
    ]);
    await twoGraces();
    expect(await isThere(maps, [cart, mail2])).toEqual([]);
  });

  test('is tried again after a while', async () => {
    refuse();
    await rig.apply([grown, mail2]);
    maps.fault = undefined;
    await rig.settle();
    expect(rig.reconciler.refusals()).toEqual([]);
    expect(await rig.differences()).toEqual([]);
  });

  test('leaves nothing of a service that is new', async () => {
    maps.fault = (operation, map, key) =>
      operation === 'update' && map === 'services' && key?.[3] === 12 && key[6] === 0
        ? { code: 'MAP_FULL', reason: 'made full', errno: 7 }
        : undefined;
    await rig.apply([cart, mail, service({ key: 'shop/web', frontends: ['172.20.0.12'], backends: ['10.3.0.1'] })]);
    await twoGraces();
    expect(rig.reconciler.refusals().map(({ service }) => service)).toEqual(['shop/web']);
    expect(await isThere(maps, [cart, mail])).toEqual([]);
  });

  test('of a service that a predecessor programmed keeps what it programmed', async () => {
    maps = maps.reopen();
    rig = new Rig(maps, rig.clock);
    refuse();
    await rig.apply([grown, mail2]);
    await twoGraces();
    expect(await isThere(maps, [cart, mail2])).toEqual([]);
  });
});

test('a map that fails is read again and tried again, with pauses', async () => {
  const maps = new MemoryMaps();
  const rig = new Rig(maps);
  maps.fault = (operation) =>
    operation === 'update' ? { code: 'MAP_FAILED', reason: 'made to fail', errno: 1 } : undefined;
  expect(await rig.apply([cart, mail])).toMatchObject({ complete: false, failure: { reason: 'made to fail' } });
  expect(rig.reconciler.dueAt).toBeGreaterThan(rig.clock.monotonic());
  maps.fault = undefined;
  await rig.settle();
  expect(await rig.differences()).toEqual([]);
  expect(rig.reconciler.refusals()).toEqual([]);
});

describe('a backends map that has no room for old and new backends at once', () => {
  const ten = (from: number) => Array.from({ length: 10 }, (_, at) => backend(`10.1.0.${from + at}`));
  const reachable = async (maps: MemoryMaps) => {
    const masters = (await maps.dump('services')).filter(({ key }) => key[6] === 0);
    return masters.map(({ value }) => value[4] ?? 0);
  };

  test('gets the new ones in steps, and never stops answering, when one row is free', async () => {
    const maps = new MemoryMaps({ sizes: { backends: 11 } });
    const rig = new Rig(maps);
    await rig.apply([service({ backends: ten(1) })]);
    await rig.want([service({ backends: ten(101) })]);
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 12 && (await rig.differences()).length > 0; round += 1) {
      await rig.pass();
      least = Math.min(least, ...(await reachable(maps)));
      rig.clock.advance(READER_GRACE_MS);
    }
    await rig.settle();
    expect(await rig.differences()).toEqual([]);
    expect(least).toBeGreaterThan(0);
  });

  test('has to stop for two graces when none is free', async () => {
    const maps = new MemoryMaps({ sizes: { backends: 10 } });
    const rig = new Rig(maps);
    await rig.apply([service({ backends: ten(1) })]);
    await rig.apply([service({ backends: ten(101) })]);
    expect(await reachable(maps)).toEqual([0]);
    expect(rig.reconciler.refusals()[0]?.room).toEqual({
      map: 'backends',
      wanted: 20,
      size: 10,
      setting: 'datapath.sizes.backends',
    });
    await rig.settle();
    expect(await rig.differences()).toEqual([]);
    expect((await maps.dump('backends')).map(({ value }) => parseBackendValue(value)?.address).sort()).toEqual(
      ten(101).map(({ address }) => address),
    );
  });
});
