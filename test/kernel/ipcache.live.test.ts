// The ipcache in a real kernel: the longest prefix, batches and what stands in for them where tries have none, its limit, and another
// size. Needs root, clang, make, iproute2 and a cgroup2 mount.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatapath } from '../../agent/datapath/index.ts';
import { KernelMap } from '../../agent/datapath/kernel-map.ts';
import { loadLibbpf } from '../../agent/datapath/libbpf.ts';
import { MAP_SPECS } from '../../agent/datapath/map-specs.ts';
import { openPinnedMap } from '../../agent/datapath/pinned-map.ts';
import { withBatches } from '../../agent/datapath/single-calls.ts';
import { addressKey, addressValue, lookupKey, parseAddressValue } from '../../agent/maps/address-row.ts';
import type { MapRow } from '../../agent/maps/port.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { parsePrefix } from '../../mesh/model/prefix.ts';
import { silentLog } from '../../runtime/log.ts';
import { makeRoom, type Room, skipped } from './room.ts';

const row = (text: string, identity: number): MapRow => {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(parsed.error);
  const node = '192.168.1.9' as IpAddress;
  return { key: addressKey(parsed.value.prefix), value: addressValue({ identity, clusterId: 2, node, keyIndex: 0 }) };
};
const rows = (count: number) =>
  Array.from({ length: count }, (_, at) => row(`10.${(at >> 8) & 255}.${at & 255}.7/32`, at + 1));
const sorted = (all: readonly MapRow[]) =>
  all.map(({ key, value }) => Buffer.from([...key, ...value]).toString('hex')).sort();

describe.skipIf(skipped)('ipcache', () => {
  let room: Room;
  beforeEach(async () => {
    room = await makeRoom();
  });
  afterEach(() => room?.remove());

  const open = (ipcache = 5_000) =>
    openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 64, backends: 64, reverseNat: 64, reverseSockets: 512, affinity: 512, ipcache },
      objectPath: room.objectPath,
      log: silentLog,
    });

  async function dump(map: { chunks(): AsyncIterable<readonly MapRow[]> }): Promise<readonly MapRow[]> {
    const all: MapRow[] = [];
    for await (const chunk of map.chunks()) all.push(...chunk);
    return all;
  }

  test('an address is found by the longest prefix, in both families', async () => {
    const maps = await open();
    const all = [
      row('10.1.0.0/16', 6),
      row('10.1.2.0/24', 7),
      row('10.1.2.3/32', 8),
      row('fd00::/16', 9),
      row('0.0.0.0/0', 2),
    ];
    expect(await maps.addresses.update(all)).toEqual({ applied: 5 });
    const found = (address: string) => {
      const value = maps.addresses.lookup(lookupKey(address as IpAddress));
      return value && parseAddressValue(value)?.identity;
    };
    expect(['10.1.2.3', '10.1.2.4', '10.1.9.9', '10.2.0.1', 'fd00::1', 'fe80::1'].map(found)).toEqual([
      8,
      7,
      6,
      2,
      9,
      undefined,
    ]);
    maps.close();
  });

  test('a change of size keeps the rows', async () => {
    const before = await open();
    await before.addresses.update(rows(3_000));
    before.close();
    const after = await open(10_000);
    expect(after.addresses.size).toBe(10_000);
    expect(sorted(await dump(after.addresses))).toEqual(sorted(rows(3_000)));
    after.close();
  });

  test.each([
    ['with batches', (calls: ReturnType<typeof loadLibbpf>['calls']) => calls],
    [
      'without batches',
      (calls: ReturnType<typeof loadLibbpf>['calls']) => ({
        ...calls,
        updateBatch: () => -524,
        deleteBatch: () => -524,
        lookupBatch: () => -524,
      }),
    ],
  ])('%s: writes, dumps and removes many rows, and says where it stopped', async (_, kernel) => {
    (await open()).close();
    const { keySize, valueSize } = MAP_SPECS.ipcache;
    const { calls } = loadLibbpf();
    const pinned = openPinnedMap(calls, `${room.bpffs}/node`, MAP_SPECS.ipcache, 'write');
    if (pinned === undefined) throw new Error('not pinned');
    const info = { keySize, valueSize, maxEntries: pinned.description.maxEntries };
    const map = new KernelMap({
      calls: withBatches(kernel(calls), keySize, valueSize),
      fd: pinned.fd,
      name: 'ipcache',
      info,
    });

    const all = rows(6_000);
    expect(await map.update(all)).toMatchObject({ applied: 5_000, failure: { code: 'MAP_FULL', errno: 28 } });
    expect(sorted(await dump(map))).toEqual(sorted(all.slice(0, 5_000)));
    const [changed] = all.map(({ key }) => ({
      key,
      value: addressValue({ identity: 9, clusterId: 1, node: undefined, keyIndex: 1 }),
    }));
    if (changed !== undefined) expect(await map.update([changed])).toEqual({ applied: 1 });
    // Every third is there, and the last thousand is not.
    const gone = all.filter((__, index) => index % 3 === 0).map(({ key }) => key);
    expect(await map.remove(gone)).toEqual({ applied: gone.length });
    expect(sorted(await dump(map))).toEqual(sorted(all.slice(0, 5_000).filter((__, index) => index % 3 !== 0)));
    expect(await map.remove(all.map(({ key }) => key))).toEqual({ applied: 6_000 });
    expect(await dump(map)).toEqual([]);
    map.close();
  });
});
