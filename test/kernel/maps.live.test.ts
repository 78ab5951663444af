// The kernel's maps behind the port: the contract of every adapter, and what only the kernel does. Needs root, clang, make, iproute2
// and a cgroup2 mount.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatapath } from '../../agent/datapath/index.ts';
import { KernelMap } from '../../agent/datapath/kernel-map.ts';
import { loadLibbpf } from '../../agent/datapath/libbpf.ts';
import { MAP_SPECS } from '../../agent/datapath/map-specs.ts';
import { openPinnedMap } from '../../agent/datapath/pinned-map.ts';
import { describeServiceMaps } from '../../agent/maps/contract.ts';
import { backendKey } from '../../agent/maps/layout.ts';
import { silentLog } from '../../runtime/log.ts';
import { makeRoom, type Room, skipped } from './room.ts';

const openIn = (room: Room, backends = 6_000) =>
  openDatapath({
    pinDir: `${room.bpffs}/node`,
    cgroup: room.cgroup,
    sizes: { services: 6_000, backends, reverseNat: 65_536 },
    objectPath: room.objectPath,
    log: silentLog,
  });

describe.skipIf(skipped)('maps in the kernel', () => {
  describeServiceMaps('kernel', async () => {
    const room = await makeRoom();
    const maps = await openIn(room);
    return {
      maps,
      reopen: () => openIn(room),
      async cleanup() {
        maps.close();
        await room.remove();
      },
    };
  });

  describe('one map', () => {
    let room: Room;
    beforeEach(async () => {
      room = await makeRoom();
    });
    afterEach(() => room.remove());

    const rows = (count: number) =>
      Array.from({ length: count }, (_, id) => ({ key: backendKey(id), value: new Uint8Array(12) }));

    test('a full map says how far a batch of several calls got', async () => {
      const maps = await openIn(room, 3_000);
      expect(await maps.update('backends', rows(5_000))).toEqual({
        applied: 3_000,
        failure: { code: 'MAP_FULL', reason: 'all 3000 entries are in use', errno: 7 },
      });
      expect((await maps.dump('backends')).length).toBe(3_000);
      maps.close();
    });

    test('keys that are absent do not keep the others, wherever the calls are cut', async () => {
      const maps = await openIn(room);
      const all = rows(5_000);
      await maps.update(
        'backends',
        all.filter((_, index) => index % 3 === 0),
      );
      const keys = all.slice(0, 4_999).map(({ key }) => key);
      expect(await maps.remove('backends', keys)).toEqual({ applied: 4_999 });
      expect(await maps.dump('backends')).toEqual([]);
      maps.close();
    });

    test('the event loop turns while a large batch is written, dumped and removed', async () => {
      const maps = await openIn(room, 100_000);
      const all = rows(100_000);
      let turns = 0;
      const count = () => {
        turns += 1;
        counting = setImmediate(count);
      };
      let counting = setImmediate(count);
      const turnsOf = async (work: Promise<unknown>): Promise<number> => {
        const before = turns;
        await work;
        return turns - before;
      };
      expect(await turnsOf(maps.update('backends', all))).toBeGreaterThan(90);
      expect(await turnsOf(maps.dump('backends'))).toBeGreaterThan(90);
      const keys = all.map(({ key }) => key);
      expect(await turnsOf(maps.remove('backends', keys))).toBeGreaterThan(90);
      expect(await maps.dump('backends')).toEqual([]);
      clearImmediate(counting);
      maps.close();
    });

    test('a map that was closed is not written to', async () => {
      const maps = await openIn(room);
      const written = maps.update('backends', rows(5_000));
      maps.close();
      await expect(written).rejects.toThrow('the maps are closed');
      await expect(maps.dump('backends')).rejects.toThrow('the maps are closed');
      maps.close();
    });

    test('a map opened to read refuses to be written', async () => {
      const maps = await openIn(room);
      const { calls } = loadLibbpf();
      const pinned = openPinnedMap(calls, `${room.bpffs}/node`, MAP_SPECS.backends, 'read');
      if (pinned === undefined) throw new Error('not pinned');
      const map = new KernelMap({ calls, fd: pinned.fd, name: 'backends', info: pinned.description });
      expect(await map.update(rows(1))).toMatchObject({ applied: 0, failure: { code: 'MAP_FAILED', errno: 1 } });
      map.close();
      maps.close();
    });
  });
});
