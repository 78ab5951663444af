// A datapath that is opened again, by the next agent, while a process dials as fast as it can: no call may fail. Needs root, clang,
// make, iproute2 and a cgroup2 mount.

import { existsSync, readdirSync, unlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Datapath, listPins, openDatapath, openPinnedMaps, removeDatapath } from '../../agent/datapath/index.ts';
import { createCgroup, removeCgroup } from '../../lab/cgroup.ts';
import { silentLog } from '../../runtime/log.ts';
import { makeRoom, type Room, skipped } from './room.ts';
import { writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
/** A busy machine needs most of a second to load and verify the programs once. */
const STORM_MS = 4_000;
const ENETUNREACH = 101;
/** In the object. */
const PROGRAMS = 9;

describe.skipIf(skipped)('restart', () => {
  let room: Room;
  let pinDir: string;
  beforeEach(async () => {
    room = await makeRoom('10.1.0.1');
    pinDir = `${room.bpffs}/node`;
  });
  afterEach(() => room.remove());

  const sizes = { services: 1024, backends: 1024, reverseNat: 1024, reverseSockets: 1024 };
  const open = (cgroup = room.cgroup) =>
    openDatapath({ pinDir, cgroup, sizes, objectPath: room.objectPath, log: silentLog });
  const fill = async (maps: Datapath) => {
    await writeBackend(maps, 1, '10.1.0.1', 8080);
    await writeService(maps, { address: VIP, port: 80, protocol: 'TCP', revNatId: 1, backends: [1] });
  };

  test('programs are replaced under traffic without a failed connect', async () => {
    await room.startBackends('10.1.0.1:8080');
    let maps = await open();
    await fill(maps);
    const client = await room.startClient();

    const storm = client.ask(`storm ${VIP} 80 ${STORM_MS}`);
    const end = performance.now() + STORM_MS;
    let restarts = 0;
    for (; performance.now() < end; restarts += 1) {
      maps.close();
      maps = await open();
      expect(maps.attachments.every(({ replaced }) => replaced)).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [, succeeded, failed, errno] = (await storm).split(' ').map(Number);
    expect({ failed, errno }).toEqual({ failed: 0, errno: 0 });
    expect(succeeded).toBeGreaterThan(100);
    expect(restarts).toBeGreaterThan(5);
    maps.close();
  });

  test('what is pinned forwards without an agent, can be read, and ends when it is removed', async () => {
    await room.startBackends('10.1.0.1:8080');
    const maps = await open();
    await fill(maps);
    maps.close();
    const client = await room.startClient();
    const dial = async () => (await client.do('open tcp 4', `connect ${VIP} 80`, 'close'))[1];
    expect(await dial()).toBe('ok');

    const pinned = await openPinnedMaps({ pinDir });
    expect((await pinned.dump('services')).length).toBe(2);
    expect((await pinned.dump('backends')).length).toBe(1);
    pinned.close();

    const pins = listPins(pinDir);
    expect(pins.length).toBeGreaterThanOrEqual(16);
    const { removed, left } = await removeDatapath({ pinDir });
    expect([...removed].sort()).toEqual([...pins].sort());
    expect(left).toEqual([]);
    expect(existsSync(pinDir)).toBe(false);
    await expect.poll(dial).toBe(`error ${ENETUNREACH}`);
    expect(await removeDatapath({ pinDir })).toEqual({ removed: [], left: [] });
  });

  test('pins that somebody removed are made again, and lead to what forwards; no connect fails', async () => {
    await room.startBackends('10.1.0.1:8080');
    const before = await open();
    await fill(before);
    await writeBackend(before, 2, 'fd00:1::1', 8080);
    before.close();
    for (const name of readdirSync(`${pinDir}/maps`)) if (name.startsWith('cm6_')) unlinkSync(`${pinDir}/maps/${name}`);
    unlinkSync(`${pinDir}/links/cm_sendmsg6`);
    const client = await room.startClient();
    const storm = client.ask(`storm ${VIP} 80 500`);
    const after = await open();
    expect(readdirSync(`${pinDir}/links`).length).toBe(PROGRAMS);
    expect((await after.dump('services')).length).toBe(2);
    expect((await after.dump('backends6')).length).toBe(1);
    expect((await storm).split(' ').slice(2)).toEqual(['0', '0']);
    after.close();
  });

  test('pins of another cgroup are refused, and left as they are', async () => {
    const maps = await open();
    await fill(maps);
    maps.close();
    const other = `${room.cgroup}/other`;
    createCgroup(other);
    await expect(open(other)).rejects.toMatchObject({ code: 'DATAPATH_PIN_MISMATCH' });
    expect(readdirSync(`${pinDir}/links`).length).toBe(PROGRAMS);
    const again = await open();
    expect((await again.dump('services')).length).toBe(2);
    again.close();
  });

  test('links of a cgroup that was made anew are made anew', async () => {
    (await open()).close();
    await removeCgroup(room.cgroup);
    createCgroup(room.cgroup);
    // The kernel lets go of links to a removed cgroup a moment later.
    const maps = await vi.waitFor(() => open(), { timeout: 5_000 });
    expect(maps.attachments.map(({ replaced }) => replaced)).toEqual(Array(PROGRAMS).fill(false));
    await fill(maps);
    await room.startBackends('10.1.0.1:8080');
    const client = await room.startClient();
    expect((await client.do('open tcp 4', `connect ${VIP} 80`))[1]).toBe('ok');
    maps.close();
  });
});
