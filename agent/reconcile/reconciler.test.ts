import { beforeEach, describe, expect, test } from 'vitest';
import type { IpAddress } from '../../mesh/model/names.ts';
import { frontendName } from '../desired/names.ts';
import { backend, port, service } from '../desired/sample.ts';
import { masterValue, serviceKey } from '../maps/layout.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { READER_GRACE_MS } from './image.ts';
import { Rig } from './rig.ts';

const FRONTEND = { address: '172.20.0.10' as IpAddress, port: 80, protocol: 'TCP' } as const;

let maps: MemoryMaps;
let rig: Rig;
let written: string[];
beforeEach(() => {
  maps = new MemoryMaps();
  written = [];
  maps.observer = (map, _, value) => written.push(`${value === undefined ? '-' : '+'}${map}`);
  rig = new Rig(maps);
});

const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => {
    const number = from + at;
    return backend(`10.${1 + (number % 3)}.${Math.floor(number / 250)}.${1 + (number % 250)}`);
  });

test('programs a service, and leaves nothing when it is gone', async () => {
  await rig.apply([
    service({ backends: ['10.1.0.1', '10.2.0.1'] }),
    service({ key: 'shop/db', frontends: ['172.20.0.11'] }),
  ]);
  expect(await rig.differences()).toEqual([]);
  await rig.apply([]);
  await rig.settle();
  expect(await rig.differences()).toEqual([]);
  for (const map of ['services', 'backends', 'reverseNat'] as const) expect(await maps.dump(map)).toEqual([]);
});

test('a service without backends has a master that rejects', async () => {
  await rig.apply([service({ backends: [] })]);
  expect(await rig.differences()).toEqual([]);
  expect(written).toEqual(['+reverseNat', '+services']);
});

test('writes what is referred to before what refers to it', async () => {
  await rig.apply([service({ backends: ['10.1.0.1', '10.2.0.1'] })]);
  expect(written).toEqual(['+backends', '+backends', '+services', '+services', '+reverseNat', '+services']);
});

test('takes away the master, then the slots a grace later, then the backends another grace later', async () => {
  await rig.apply([service({ backends: ['10.1.0.1', '10.2.0.1'] })]);
  written = [];
  await rig.apply([]);
  expect(written).toEqual(['-services']);
  rig.clock.advance(READER_GRACE_MS - 1);
  await rig.pass();
  expect(written).toEqual(['-services']);
  rig.clock.advance(1);
  await rig.pass();
  expect(written).toEqual(['-services', '-services', '-services', '-reverseNat']);
  rig.clock.advance(READER_GRACE_MS);
  await rig.pass();
  expect(written.slice(4)).toEqual(['-backends', '-backends']);
  expect(rig.reconciler.dueAt).toBeUndefined();
});

describe('in a service of 5,000 backends', () => {
  const before = many(5_000);
  const change = async (backends: readonly ReturnType<typeof backend>[]) => {
    await rig.apply([service({ backends: before })]);
    written = [];
    await rig.apply([service({ backends: [...backends] })]);
    await rig.settle();
    expect(await rig.differences()).toEqual([]);
    return written.length;
  };

  test('one more costs at most 8 rows', async () => {
    expect(await change([...before, backend('10.9.0.1')])).toBeLessThanOrEqual(8);
  });
  test('one less costs at most 8 rows', async () => {
    expect(await change(before.filter((_, at) => at !== 17))).toBeLessThanOrEqual(8);
  });
  test('one for another costs at most 8 rows', async () => {
    expect(await change(before.map((b, at) => (at === 17 ? backend('10.9.0.1') : b)))).toBeLessThanOrEqual(8);
  });
  test('one that terminates costs at most 8 rows', async () => {
    const terminating = (b: ReturnType<typeof backend>) => backend(b.address, { state: 'terminating' });
    expect(await change(before.map((b, at) => (at === 17 ? terminating(b) : b)))).toBeLessThanOrEqual(8);
  });
});

test('a target that two services share has one row, active as long as one of them says so', async () => {
  const gone = backend('10.1.0.1', { state: 'terminating' });
  const other = { key: 'shop/db', frontends: ['172.20.0.11'] };
  await rig.apply([service({ backends: ['10.1.0.1'] }), service({ ...other, backends: ['10.1.0.1'] })]);
  expect((await maps.dump('backends')).length).toBe(1);
  await rig.apply([service({ backends: [gone] }), service({ ...other, backends: ['10.1.0.1'] })]);
  await rig.settle();
  expect(await rig.differences()).toEqual([]);
  await rig.apply([service({ backends: [gone] })]);
  await rig.settle();
  expect(await rig.differences()).toEqual([]);
});

test('a frontend that comes back soon has its id again, another one does not get it', async () => {
  const idOf = async () => (await maps.dump('reverseNat')).map(({ key }) => (key[0] ?? 0) * 256 + (key[1] ?? 0));
  await rig.apply([service()]);
  expect(await idOf()).toEqual([1]);
  await rig.apply([]);
  await rig.settle();
  await rig.apply([service({ frontends: ['172.20.0.99'] })]);
  expect(await idOf()).toEqual([2]);
  await rig.apply([service({ frontends: ['172.20.0.10'] })]);
  await rig.settle();
  expect(await idOf()).toEqual([1]);
});

describe('rows that somebody else wrote', () => {
  test('are found by a verification, counted and put right', async () => {
    await rig.apply([service({ backends: ['10.1.0.1', '10.2.0.1'] })]);
    expect(await rig.reconciler.verify()).toBe(0);
    const services = await maps.dump('services');
    const slot = services.find(({ key }) => key[6] === 2);
    await maps.remove('services', [slot?.key ?? new Uint8Array(12)]);
    await maps.update('reverseNat', [{ key: Uint8Array.of(9, 9), value: new Uint8Array(6) }]);
    await maps.update('services', [{ key: new Uint8Array(12).fill(0xee), value: new Uint8Array(12) }]);
    expect(await rig.reconciler.verify()).toBe(3);
    await rig.pass();
    expect(await rig.differences()).toEqual([]);
    expect(rig.reconciler.counters.drift).toBe(3);
  });

  test('of any kind never keep the maps from becoming what is desired', async () => {
    await rig.apply([service({ backends: many(5), ports: [port(80), port(81, 'b', 'UDP')] })]);
    for (const map of ['services', 'backends', 'reverseNat'] as const) {
      const rows = await maps.dump(map);
      await maps.update(
        map,
        rows.map(({ key, value }) => ({ key, value: value.map((byte) => byte ^ 0x03) })),
      );
    }
    await rig.reconciler.verify();
    await rig.settle();
    expect(await rig.differences()).toEqual([]);
  });
});

test('a failing dump leaves everything as it is', async () => {
  await rig.apply([service()]);
  maps.fault = (operation) =>
    operation === 'dump' ? { code: 'MAP_FAILED', reason: 'made to fail', errno: 1 } : undefined;
  const next = new Rig(maps, rig.clock);
  await next.want([]);
  await expect(next.pass()).rejects.toThrow('MAP_FAILED');
  maps.fault = undefined;
  expect(await rig.differences()).toEqual([]);
});

test('a session affinity is one row of the master, and a restarted agent finds it there', async () => {
  const kept = service({ clientIPTimeoutSeconds: 60 });
  await rig.apply([service()]);
  for (const [wanted, seconds] of [
    [kept, 60],
    [service({ clientIPTimeoutSeconds: 90 }), 90],
    [service(), 0],
    [kept, 60],
  ] as const) {
    written = [];
    await rig.apply([wanted]);
    expect(written).toEqual(['+services']);
    expect(rig.desired.get(frontendName({ ...FRONTEND }))?.affinityTimeout).toBe(seconds);
    expect(await rig.differences()).toEqual([]);
  }
  written = [];
  const restarted = new Rig(maps);
  await restarted.apply([kept]);
  expect(written).toEqual([]);
});

test('an affinity that somebody else changed is put right', async () => {
  await rig.apply([service({ clientIPTimeoutSeconds: 60 })]);
  const key = serviceKey({ ...FRONTEND, slot: 0 });
  await maps.update('services', [{ key, value: masterValue({ count: 1, revNatId: 1 }) }]);
  expect((await rig.differences()).map(({ detail }) => detail)).toEqual(['session affinity of 0 s, desired is 60 s']);
  expect(await rig.reconciler.verify()).toBe(1);
  await rig.pass();
  expect(await rig.differences()).toEqual([]);
});
