// Given a node whose services are watched without a pause, when its agent starts again with other sizes of maps or with another
// layout, then nothing is refused or misled, and every row is there; also when a start is killed between any two of its steps. Needs
// root, clang, make, bpftool, iproute2 and a cgroup2 mount.

import { closeSync, cpSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { carryOver } from '../../agent/datapath/carry-over.ts';
import type { FormerLayouts } from '../../agent/datapath/former-layouts.ts';
import { type Datapath, type DatapathOptions, openDatapath } from '../../agent/datapath/index.ts';
import { KernelMap } from '../../agent/datapath/kernel-map.ts';
import { type Libbpf, loadLibbpf } from '../../agent/datapath/libbpf.ts';
import { attachPrograms } from '../../agent/datapath/links.ts';
import { forEachKernelMap, KERNEL_MAP_NAMES, MAP_SPECS } from '../../agent/datapath/map-specs.ts';
import { loadObject } from '../../agent/datapath/object.ts';
import { mapPin } from '../../agent/datapath/pins.ts';
import { wholeSizes } from '../../agent/datapath/sizes.ts';
import { runCommand } from '../../lab/command.ts';
import { compareBytes } from '../../mesh/model/address.ts';
import { type Log, silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';
import { type TestService, writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const BACKENDS = [1, 2, 3, 4];
const SMALL = { services: 1024, backends: 1024, reverseNat: 1024, reverseSockets: 65_536, affinity: 4096 };
const LARGE = { services: 4096, backends: 2048, reverseNat: 2048, reverseSockets: 131_072, affinity: 8192 };

/** A map of the shape of cm4_services that no agent has made. */
const createServiceMap = (pin: string, name: string) =>
  runCommand('bpftool', ['map', 'create', pin, ...`type hash key 12 value 12 entries 1024 name ${name}`.split(' ')]);

describe.skipIf(skipped)('carrying maps over', () => {
  let room: Room;
  let pinDir: string;
  let vigil: Client;
  beforeEach(async () => {
    room = await makeRoom(...BACKENDS.map((last) => `10.1.0.${last}`));
    pinDir = `${room.bpffs}/node`;
    await room.startBackends(...BACKENDS.map((last) => `10.1.0.${last}:8080`));
    const maps = await open(SMALL);
    for (const last of BACKENDS) await writeBackend(maps, last, `10.1.0.${last}`, 8080);
    const service = { address: VIP, backends: BACKENDS };
    const services: readonly TestService[] = [
      { ...service, port: 80, protocol: 'TCP', revNatId: 1 },
      { ...service, port: 81, protocol: 'TCP', revNatId: 2, affinityTimeout: 3_600 },
      { ...service, port: 82, protocol: 'UDP', revNatId: 3 },
    ];
    for (const each of services) await writeService(maps, each);
    maps.close();
    vigil = room.startProgram('vigil', VIP);
    expect(await vigil.ask('go')).toBe('ready');
  });
  afterEach(() => room?.remove());

  const open = (sizes: DatapathOptions['sizes'], changes: { formerLayouts?: FormerLayouts; log?: Log } = {}) =>
    openDatapath({ pinDir, cgroup: room.cgroup, sizes, objectPath: room.objectPath, log: silentLog, ...changes });

  async function expectUnharmed(roundsMin = 0): Promise<void> {
    const [, rounds, refused, misled, errno] = (await vigil.ask('stop')).split(' ').map(Number);
    expect({ refused, misled, errno }).toEqual({ refused: 0, misled: 0, errno: 0 });
    expect(rounds).toBeGreaterThan(roundsMin);
  }

  const rowsOf = async (maps: Datapath) =>
    [await maps.dump('services'), await maps.dump('backends')].map((all) => all.length);

  test('maps grow and shrink under traffic, and keep their rows', async () => {
    for (let round = 0; round < 10; round += 1) {
      const sizes = round % 2 === 0 ? LARGE : SMALL;
      const maps = await open(sizes);
      expect(maps.info('services').maxEntries).toBe(sizes.services);
      expect(maps.info('backends6').maxEntries).toBe(sizes.backends);
      expect(await rowsOf(maps)).toEqual([15, 4]);
      expect((await maps.traffic.counts()).get(1)?.translated).toBeGreaterThan(0);
      const uses = new Map((await maps.countProgramRows()).map(({ map, ...use }) => [map, use]));
      expect(uses.get('affinity')).toEqual({ entries: 1, size: sizes.affinity });
      expect(uses.get('reverseSockets')?.entries).toBeGreaterThanOrEqual(256);
      maps.close();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(readdirSync(`${pinDir}/maps`).filter((name) => name.endsWith('_next'))).toEqual([]);
    await expectUnharmed(100);
  });

  test('a size that the rows do not fit is refused and said; the others are taken', async () => {
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (message: string, fields: unknown) => void warnings.push([message, fields]) };
    const maps = await open({ ...LARGE, services: 10 }, { log });
    expect(maps.info('services').maxEntries).toBe(1024);
    expect(maps.info('services6').maxEntries).toBe(10);
    expect(maps.info('backends').maxEntries).toBe(LARGE.backends);
    expect(await rowsOf(maps)).toEqual([15, 4]);
    const fields = { map: 'cm4_services', rows: 15, size: 1024, wanted: 10 };
    expect(warnings).toEqual([['map keeps its size: its rows do not fit the one wanted', fields]]);
    maps.close();
    await expectUnharmed();
  });

  test('a start that is killed after any of its steps harms nobody, and the next one ends what it began', async () => {
    const { calls, ...library } = loadLibbpf();
    let killed = true;
    let steps = 0;
    for (; killed; steps += 1) {
      const sizes = steps % 2 === 0 ? LARGE : SMALL;
      const libbpf = { ...library, calls: dyingAfter(calls, steps) };
      const options = { pinDir, cgroup: room.cgroup, objectPath: room.objectPath, formers: {}, log: silentLog };
      killed = await carryOver({ ...options, libbpf, sizes: wholeSizes(sizes), made: [] }).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Killed) return true;
          throw error;
        },
      );
      const maps = await open(sizes);
      expect(maps.info('services').maxEntries, `after step ${steps}`).toBe(sizes.services);
      expect(await rowsOf(maps), `after step ${steps}`).toEqual([15, 4]);
      expect(readdirSync(`${pinDir}/maps`).length).toBe(KERNEL_MAP_NAMES.length);
      maps.close();
    }
    // A pin for each map, a link for each program, and the batches.
    expect(steps).toBeGreaterThan(KERNEL_MAP_NAMES.length + 9);
    await expectUnharmed(1_000);
  }, 120_000);

  test('what a program writes after its map was copied, and before it is replaced, is there afterwards', async () => {
    const { calls, ...library } = loadLibbpf();
    const { keySize, valueSize } = MAP_SPECS.reverseSockets;
    const late = { key: new Uint8Array(keySize).fill(9), value: new Uint8Array(valueSize).fill(5) };
    const before = calls.openPin(mapPin(pinDir, 'cm4_reverse_sk'), null);
    const updateLink: Libbpf['updateLink'] = (...args) => {
      expect(calls.update(before, late.key, late.value, 0)).toBe(0);
      return calls.updateLink(...args);
    };
    const libbpf = { ...library, calls: { ...calls, updateLink } };
    const options = { pinDir, cgroup: room.cgroup, objectPath: room.objectPath, formers: {}, log: silentLog };
    await carryOver({ ...options, libbpf, sizes: wholeSizes(LARGE), made: [] });
    closeSync(before);
    const fd = calls.openPin(mapPin(pinDir, 'cm4_reverse_sk'), null);
    const after = new KernelMap({ calls, fd, name: 'after', info: { keySize, valueSize, maxEntries: 0 } });
    const found = (await after.dump()).find(({ key }) => compareBytes(key, late.key) === 0);
    expect(found?.value).toEqual(late.value);
    after.close();
  });

  test('a pin that leads to another map than the one that forwards is put right', async () => {
    const pin = mapPin(pinDir, 'cm4_services');
    unlinkSync(pin);
    await createServiceMap(pin, 'cm4_services');
    const maps = await open(SMALL);
    expect(await rowsOf(maps)).toEqual([15, 4]);
    maps.close();
    await expectUnharmed();
  });

  test("another program's map behind a pin is refused when nothing forwards", async () => {
    const pin = `${room.bpffs}/fresh/maps/cm4_services`;
    const fresh = { cgroup: room.cgroup, sizes: SMALL, objectPath: room.objectPath, log: silentLog };
    await runCommand('mkdir', ['-p', dirname(pin)]);
    await createServiceMap(pin, 'theirs');
    await expect(openDatapath({ ...fresh, pinDir: `${room.bpffs}/fresh` })).rejects.toMatchObject({
      code: 'DATAPATH_PIN_MISMATCH',
      reason: 'it is the map theirs, not cm4_services',
    });
    await expectUnharmed();
  });

  describe('of a version with another layout', () => {
    /** The values of backends were 16 bytes then, and the map was not allocated up front. */
    beforeEach(async () => {
      const { calls, ...library } = loadLibbpf();
      const objectPath = await compileFormer(room);
      const object = await loadObject({
        libbpf: { calls, ...library },
        objectPath,
        maps: forEachKernelMap((map) => ({ entries: wholeSizes(SMALL)[map] })),
      });
      const now = await open(SMALL);
      const info = { keySize: 4, valueSize: 16, maxEntries: 1024 };
      const backends = new KernelMap({ calls, fd: object.mapFd('backends'), name: 'cm4_backends', info });
      const rows = (await now.dump('backends')).map(({ key, value }) => ({
        key,
        value: Uint8Array.of(...value, 7, 7, 7, 7),
      }));
      expect(await backends.update(rows)).toEqual({ applied: 4 });
      for (const map of ['services', 'reverseNat'] as const) {
        const { keySize, valueSize } = MAP_SPECS[map];
        const filled = new KernelMap({
          calls,
          fd: object.mapFd(map),
          name: map,
          info: { keySize, valueSize, maxEntries: 1024 },
        });
        await filled.update(await now.dump(map));
      }
      now.close();
      for (const map of KERNEL_MAP_NAMES) {
        const pin = mapPin(pinDir, MAP_SPECS[map].name);
        unlinkSync(pin);
        calls.pin(object.mapFd(map), pin);
      }
      attachPrograms({ calls, pinDir, cgroup: room.cgroup, log: silentLog, made: [] }, object.programs);
      object.close();
      // Its watch begins anew: the sockets of before belong to maps that are gone.
      await vigil.ask('stop');
      vigil = room.startProgram('vigil', VIP);
      expect(await vigil.ask('go')).toBe('ready');
    });

    test('rows are converted, and programs swapped without a gap', async () => {
      const convert: FormerLayouts = {
        backends: [{ keySize: 4, valueSize: 16, convert: ({ key, value }) => ({ key, value: value.slice(0, 12) }) }],
      };
      const maps = await open(SMALL, { formerLayouts: convert });
      expect(await rowsOf(maps)).toEqual([15, 4]);
      expect(maps.info('backends')).toEqual({ keySize: 4, valueSize: 12, maxEntries: 1024 });
      maps.close();
      await expectUnharmed();
    });

    test('rows of a layout that is not known are refused, and go on forwarding', async () => {
      await expect(open(LARGE)).rejects.toMatchObject({
        code: 'DATAPATH_PIN_MISMATCH',
        reason:
          'it is a hash, key 4 bytes, value 16 bytes, flags 1, where the programs need a hash, key 4 bytes, value 12 bytes, flags 0',
      });
      await expectUnharmed();
    });
  });
});

class Killed extends Error {}

/** Dies after so many of the calls that change something, and does nothing from then on. */
function dyingAfter(calls: Libbpf, times: number): Libbpf {
  let left = times;
  const fatal =
    <Args extends readonly unknown[], T>(call: (...args: Args) => T) =>
    (...args: Args): T => {
      const result = call(...args);
      if (left === 0) throw new Killed();
      left -= 1;
      return result;
    };
  return {
    ...calls,
    pin: fatal(calls.pin),
    updateBatch: fatal(calls.updateBatch),
    updateLink: fatal(calls.updateLink),
    update: fatal(calls.update),
  };
}

async function compileFormer(room: Room): Promise<string> {
  const folder = join(room.dir, 'former');
  cpSync(dirname(room.objectPath), folder, { recursive: true });
  const header = join(folder, 'include/backends.h');
  const text = readFileSync(header, 'utf8');
  const former = text
    .replace('ASSERT_SIZE(struct backend4, 12)', 'ASSERT_SIZE(struct backend4, 16)')
    .replace(/(struct backend4 \{[^}]*)\}/, '$1\t__u32 former;\n}')
    .replace(
      '__uint(type, BPF_MAP_TYPE_HASH);',
      '__uint(type, BPF_MAP_TYPE_HASH);\n\t__uint(map_flags, BPF_F_NO_PREALLOC);',
    );
  expect(former).not.toBe(text);
  writeFileSync(header, former);
  await runCommand('make', ['-s', '-B', '-C', folder]);
  return join(folder, 'sock_lb.bpf.o');
}
