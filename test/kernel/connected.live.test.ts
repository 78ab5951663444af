// What the programs remember of connected sockets: for as long as each lives, and no longer. Needs root, clang, make, iproute2 and a
// cgroup2 mount.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { KernelMap } from '../../agent/datapath/kernel-map.ts';
import { loadLibbpf } from '../../agent/datapath/libbpf.ts';
import { type KernelMapName, MAP_SPECS } from '../../agent/datapath/map-specs.ts';
import { mapPin } from '../../agent/datapath/pins.ts';
import { CONNECTED_SOCKETS } from '../../agent/datapath/sizes.ts';
import { parseConnectedSocket, parseReverseSk } from '../../agent/maps/layout.ts';
import { PackedRows } from '../../agent/maps/packed.ts';
import { killCgroup } from '../../lab/cgroup.ts';
import { silentLog } from '../../runtime/log.ts';
import { makeRoom, type Room, skipped } from './room.ts';
import { writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const VIP6 = 'fd00:20::10';
const ONE = '10.1.0.1';
const ONE6 = 'fd00:1::1';
const SOCKETS = [
  ['tcp 4', VIP],
  ['udp 4', VIP],
  ['tcp 6', `::ffff:${VIP}`],
  ['tcp 6', VIP6],
  ['udp 6', VIP6],
] as const;

describe.skipIf(skipped)('connected sockets', () => {
  let room: Room;
  let maps: Datapath;
  const opened: KernelMap[] = [];

  beforeEach(async () => {
    room = await makeRoom(ONE, ONE6);
    await room.startBackends(`${ONE}:8080`, `[${ONE6}]:8080`);
    maps = await openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 64, backends: 64, reverseNat: 64, reverseSockets: 64 },
      objectPath: room.objectPath,
      log: silentLog,
    });
    await writeBackend(maps, 1, ONE, 8080);
    await writeBackend(maps, 2, ONE6, 8080);
    let revNatId = 0;
    for (const [address, backend] of [[VIP, 1] as const, [VIP6, 2] as const]) {
      for (const protocol of ['TCP', 'UDP'] as const) {
        revNatId += 1;
        await writeService(maps, { address, port: 80, protocol, revNatId, backends: [backend] });
      }
    }
  });
  afterEach(async () => {
    for (const map of opened.splice(0)) map.close();
    maps?.close();
    await room?.remove();
  });

  function openMap(map: KernelMapName): KernelMap {
    const { calls } = loadLibbpf();
    const { name, keySize, valueSize } = MAP_SPECS[map];
    const fd = calls.openPin(mapPin(`${room.bpffs}/node`, name), null);
    const kernelMap = new KernelMap({ calls, fd, name, info: { keySize, valueSize, maxEntries: CONNECTED_SOCKETS } });
    opened.push(kernelMap);
    return kernelMap;
  }

  const connected = async () =>
    (await openMap('connectedSockets').dump()).flatMap(({ value }) => parseConnectedSocket(value) ?? []);

  const entriesOf = async (map: KernelMapName) =>
    (await maps.countProgramRows()).find((use) => use.map === map)?.entries;

  test.each(SOCKETS)('%s to %s keeps its name however many others come and go', async (socket, address) => {
    const client = await room.startClient();
    expect(await client.do(`open ${socket}`, `connect ${address} 80`)).toEqual(['ok', 'ok']);
    for (const protocol of ['tcp', 'udp'])
      await room.run('hammer', protocol, VIP, '80', '2000', join(room.dir, 'records'));
    expect(await client.ask('peer')).toBe(`ok ${address} 80`);
  });

  test.each(SOCKETS)('%s to %s has a row until it is closed', async (socket, address) => {
    const client = await room.startClient();
    expect(await connected()).toEqual([]);
    await client.do(`open ${socket}`, `connect ${address} 80`);
    const [row, ...more] = await connected();
    expect(more).toEqual([]);
    const service = { address: address === VIP6 ? VIP6 : VIP, port: 80 };
    const backend = { address: address === VIP6 ? ONE6 : ONE, port: 8080 };
    expect(row).toMatchObject({ service, backend });
    expect(await entriesOf('connectedSockets')).toBe(1);
    if (row !== undefined) {
      expect(maps.dialled.serviceOf({ cookie: row.cookie, peer: row.backend })).toEqual(service);
      expect(maps.dialled.serviceOf({ cookie: row.cookie, peer: { ...row.backend, port: 1 } })).toBeUndefined();
      const sharesThePlace = row.cookie + BigInt(CONNECTED_SOCKETS);
      expect(maps.dialled.serviceOf({ cookie: sharesThePlace, peer: row.backend })).toBeUndefined();
    }
    await client.ask('close');
    expect(await connected()).toEqual([]);
  });

  test('rows go with a process that is killed', async () => {
    await room.startClient().then((client) => client.do('open tcp 4', `connect ${VIP} 80`));
    expect(await entriesOf('connectedSockets')).toBe(1);
    killCgroup(room.cgroup);
    await vi.waitFor(async () => expect(await entriesOf('connectedSockets')).toBe(0));
  });

  test.each(SOCKETS)('%s to %s whose place is taken is remembered all the same', async (socket, address) => {
    const taken = openMap('connectedSockets');
    const { keySize, valueSize } = taken.info;
    const keys = new Uint8Array(Uint32Array.from({ length: CONNECTED_SOCKETS }, (_, place) => place).buffer);
    // Cookies that no socket has come to.
    const values = new Uint8Array(CONNECTED_SOCKETS * valueSize).fill(0xee);
    expect(await taken.update(PackedRows.copyOf(keys, values, { keySize, valueSize }))).toEqual({
      applied: CONNECTED_SOCKETS,
    });
    const client = await room.startClient();
    await client.do(`open ${socket}`, `connect ${address} 80`);
    expect(await client.ask('peer')).toBe(`ok ${address} 80`);
    const [found] = await openMap(address === VIP6 ? 'reverseSockets6' : 'reverseSockets').dump();
    const row = found && parseReverseSk(found.key, found.value);
    expect(row && maps.dialled.serviceOf({ cookie: row.cookie, peer: row.backend })).toEqual(row?.service);
    await client.ask('close');
    const [first] = await taken.dump();
    expect(first?.value.subarray(0, 8)).toEqual(new Uint8Array(8).fill(0xee));
  });
});
