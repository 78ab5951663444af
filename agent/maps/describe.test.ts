import { beforeEach, expect, test } from 'vitest';
import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import { backend, port, service } from '../desired/sample.ts';
import { observe } from '../reconcile/observe.ts';
import { Rig } from '../reconcile/rig.ts';
import { sizesOf } from '../reconcile/sizes.ts';
import { describeMaps, type MapsDocument, renderMaps } from './describe.ts';
import { type AffinityEntry, describeAffinity } from './describe-affinity.ts';
import { MemoryMaps } from './memory.ts';
import { forEachMap } from './port.ts';

let maps: MemoryMaps;
let rig: Rig;
beforeEach(async () => {
  maps = new MemoryMaps({ sizes: forEachMap(() => 100) });
  rig = new Rig(maps);
  const gone = backend('10.3.0.1', { state: 'terminating' });
  await rig.apply([
    service({ key: 'shop/cart', frontends: ['172.20.0.9'], backends: ['10.1.0.1', '10.2.0.1', gone] }),
    service({ key: 'shop/dns', frontends: ['172.20.0.10'], ports: [port(53, '', 'UDP')], backends: [] }),
  ]);
});

async function describe(affinities: readonly AffinityEntry[] = []): Promise<MapsDocument> {
  const image = await observe(
    maps,
    () => 0,
    () => undefined,
  );
  const clusters = new Map([
    ['west', 1],
    ['east', 2],
  ]) as unknown as ReadonlyMap<ClusterName, ClusterId>;
  const serviceOf = rig.desired.serviceOf.bind(rig.desired);
  return describeMaps({
    image,
    datapath: 'memory',
    sizes: sizesOf(maps),
    names: { clusters, serviceOf },
    affinities,
    programMaps: [],
  });
}

test('rows have names, and those of an unknown cluster its number', async () => {
  expect(await describe()).toEqual({
    schema_version: 1,
    datapath: 'memory',
    maps: {
      services: { entries: 5, size: 100 },
      backends: { entries: 3, size: 100 },
      reverseNat: { entries: 2, size: 100 },
      services6: { entries: 0, size: 100 },
      backends6: { entries: 0, size: 100 },
      reverseNat6: { entries: 0, size: 100 },
    },
    program_maps: [],
    services: [
      {
        frontend: '172.20.0.9:80/TCP',
        id: 1,
        service: 'shop/cart',
        count: 2,
        affinity_timeout: 0,
        backends: [
          { slot: 1, id: 1, address: '10.2.0.1:8080/TCP', state: 'active', cluster: 'east', use: 'new' },
          { slot: 2, id: 2, address: '10.1.0.1:8080/TCP', state: 'active', cluster: 'west', use: 'new' },
          { slot: 3, id: 3, address: '10.3.0.1:8080/TCP', state: 'terminating', cluster: '#3', use: 'old' },
        ],
      },
      { frontend: '172.20.0.10:53/UDP', id: 2, service: 'shop/dns', count: 0, affinity_timeout: 0, backends: [] },
    ],
    backends: [
      { id: 1, address: '10.2.0.1:8080/TCP', state: 'active', cluster: 'east', slots: 1 },
      { id: 2, address: '10.1.0.1:8080/TCP', state: 'active', cluster: 'west', slots: 1 },
      { id: 3, address: '10.3.0.1:8080/TCP', state: 'terminating', cluster: '#3', slots: 1 },
    ],
    reverse_nat: [
      { id: 1, address: '172.20.0.9:80' },
      { id: 2, address: '172.20.0.10:53' },
    ],
    affinities: [],
    problems: [],
  });
});

test('is printed as a table', async () => {
  expect(renderMaps(await describe())).toBe(
    `
FRONTEND            ID  SERVICE    SLOT  BACKEND                         ID  STATE        CLUSTER
172.20.0.9:80/TCP   1   shop/cart  1     10.2.0.1:8080/TCP               1   active       east
                                   2     10.1.0.1:8080/TCP               2   active       west
                                   3     10.3.0.1:8080/TCP               3   terminating  #3
172.20.0.10:53/UDP  2   shop/dns   -     none: connections are rejected  -   -            -

maps in memory, no packet is forwarded: services 5 of 100, backends 3 of 100, reverseNat 2 of 100`.trimStart(),
  );
});

test('IPv6 comes after IPv4, in brackets', async () => {
  await rig.apply([
    service({ key: 'shop/dual', frontends: ['fd00::9', '172.20.0.9'], backends: ['10.1.0.1', 'fd00:2::1'] }),
  ]);
  await rig.settle();
  const { services, reverse_nat, problems } = await describe();
  expect(problems).toEqual([]);
  expect(services.map(({ frontend, backends }) => [frontend, ...backends.map(({ address }) => address)])).toEqual([
    ['172.20.0.9:80/TCP', '10.1.0.1:8080/TCP'],
    ['[fd00::9]:80/TCP', '[fd00:2::1]:8080/TCP'],
  ]);
  expect(reverse_nat.at(-1)?.address).toBe('[fd00::9]:80');
  expect(renderMaps(await describe())).toContain('services6 2 of 100');
});

test('rows on their way out are no problem', async () => {
  await rig.apply([service({ key: 'shop/cart', frontends: ['172.20.0.9'], backends: ['10.1.0.1'] })]);
  const document = await describe();
  expect(document.problems).toEqual([]);
  expect(document.services).toHaveLength(1);
  expect(document.services[0]?.backends.map(({ use }) => use)).toEqual(['new', 'leftover']);
});

test('maps that the programs write are shown when they have rows', async () => {
  const use = (map: string, entries: number) => ({ map, entries, size: 50 });
  const document = { ...(await describe()), program_maps: [use('reverseSockets', 7), use('affinity', 0)] };
  expect(renderMaps(document)).toContain('reverseNat 2 of 100, reverseSockets 7 of 50');
  expect(renderMaps(document)).not.toContain('affinity 0');
});

test('what does not fit together is said', async () => {
  await maps.remove('backends', [Uint8Array.of(1, 0, 0, 0)]);
  await maps.remove('reverseNat', [Uint8Array.of(0, 2)]);
  await maps.remove('services', [Uint8Array.of(172, 20, 0, 9, 0, 80, 2, 0, 6, 0, 0, 0)]);
  await maps.update('services', [{ key: new Uint8Array(12).fill(0xee), value: new Uint8Array(12) }]);
  expect((await describe()).problems).toEqual([
    '172.20.0.9:80/TCP: slot 1 leads to backend 1, which is missing',
    '172.20.0.9:80/TCP: slot 2 of 2 is missing',
    '172.20.0.10:53/UDP: its id 2 has no reverse entry',
    'services: the row with the key eeeeeeeeeeeeeeeeeeeeeeee cannot be read',
  ]);
});

test('a session affinity has a column where there is one', async () => {
  const kept = service({ key: 'shop/kept', frontends: ['172.20.0.8'], clientIPTimeoutSeconds: 10_800 });
  await rig.apply([kept, service({ key: 'shop/spread', frontends: ['172.20.0.9'] })]);
  const document = await describe();
  expect(document.services.map(({ affinity_timeout }) => affinity_timeout)).toEqual([10_800, 0]);
  const lines = renderMaps(document).split('\n');
  expect(lines[0]).toMatch(/SERVICE +AFFINITY +SLOT/);
  expect(lines[1]).toMatch(/shop\/kept +10800 s +1/);
  expect(lines[2]).toMatch(/shop\/spread +- +1/);
});

test('clients are named with what they stay with, and whether that still holds', async () => {
  const kept = service({ key: 'shop/kept', clientIPTimeoutSeconds: 60, backends: ['10.1.0.1', '10.1.0.2'] });
  await rig.apply([kept]);
  await rig.apply([{ ...kept, backends: [...kept.backends].slice(0, 1) }]);
  await rig.settle();
  const image = await observe(
    maps,
    () => 0,
    () => undefined,
  );
  const [frontend] = image.frontends();
  const id = frontend?.master?.serviceId ?? 0;
  const row = (client: number, serviceId: number, backendId: number) => ({
    key: Uint8Array.of(client, 0, 0, 0, 0, 0, 0, 0, 0, serviceId, 1, 0, 0, 0, 0, 0),
    value: Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, backendId, 0, 0, 0, 1, 0, 0, 0),
  });
  const [backendId = 0] = [...image.backends()].map(([id]) => id);
  const rows = [row(1, id, backendId), row(2, id, 99), row(3, 77, backendId)];
  const affinities = await describeAffinity({ dumpAffinity: async (family) => (family === 4 ? rows : []) }, image);
  const name = '172.20.0.10:80/TCP';
  const address = '10.1.0.1:8080/TCP';
  expect(affinities).toEqual([
    { client: '1', frontend: name, backend: address, last_used: 9, followed: true },
    { client: '2', frontend: name, backend: null, last_used: 9, followed: false },
    { client: '3', frontend: null, backend: address, last_used: 9, followed: false },
  ]);
  expect(renderMaps(await describe(affinities))).toMatch(/netns 1 +172.20.0.10:80\/TCP +10.1.0.1:8080\/TCP +yes/);
});
