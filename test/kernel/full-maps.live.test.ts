// Given maps that are full, or too small for what is desired, when an agent programs them, then whole services are served or left out,
// it says which and why, and they come in when there is room. Needs root, clang, make, iproute2, util-linux and a cgroup2 mount.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { service } from '../../agent/desired/sample.ts';
import { backendKey, backendValue, serviceKey, slotValue } from '../../agent/maps/layout.ts';
import { Rig } from '../../agent/reconcile/rig.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';

const ADDRESSES = ['10.1.0.1', '10.1.0.2'];
const THIRD = '10.1.0.3';
const ENETUNREACH = 101;
const vip = (index: number) => `172.20.0.${index}`;
/** Three rows of services each: a master and two slots. */
const numbered = (index: number, backends = ADDRESSES) =>
  service({ key: `shop/s${index}`, frontends: [vip(index)], backends });

describe.skipIf(skipped)('full maps', () => {
  let room: Room;
  let maps: Datapath;
  let client: Client;

  beforeEach(async () => {
    room = await makeRoom(...ADDRESSES, THIRD);
    await room.startBackends(...[...ADDRESSES, THIRD].map((address) => `${address}:8080`));
    client = await room.startClient();
  });
  afterEach(async () => {
    maps.close();
    await room.remove();
  });

  async function open(sizes: { readonly services: number; readonly backends: number }): Promise<Rig> {
    maps = await openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { reverseNat: 64, reverseSockets: 64, ...sizes },
      objectPath: room.objectPath,
      log: silentLog,
    });
    return new Rig(maps);
  }
  const dial = async (index: number) => (await client.do('open tcp 4', `connect ${vip(index)} 80`, 'close'))[1];

  test('services that do not fit are left out whole, told, and come in when others go', async () => {
    const rig = await open({ services: 6, backends: 64 });
    await rig.apply([numbered(1), numbered(2), numbered(3)]);
    const refused = [...rig.desired.refusals(), ...rig.reconciler.refusals()];
    expect(refused.map(({ service, code, room }) => [service, code, room?.map, room?.wanted, room?.size])).toEqual([
      ['shop/s3', 'CM-KERN-001', 'services', 9, 6],
    ]);
    expect([await dial(1), await dial(2), await dial(3)]).toEqual(['ok', 'ok', `error ${ENETUNREACH}`]);
    expect(await rig.differences()).toEqual([]);

    await rig.apply([numbered(2), numbered(3)]);
    await rig.settle();
    expect(rig.desired.refusals()).toEqual([]);
    expect([await dial(1), await dial(2), await dial(3)]).toEqual([`error ${ENETUNREACH}`, 'ok', 'ok']);
  });

  test('the older services are served: a new one takes nobody the place, and an older one that comes late takes it', async () => {
    const at = (index: number, createdSeconds: number) => ({ ...numbered(index), createdSeconds });
    const served = async () =>
      [await dial(1), await dial(2), await dial(3), await dial(4)].map((said) => said === 'ok');
    const rig = await open({ services: 6, backends: 64 });
    await rig.apply([at(2, 200), at(3, 300)]);
    expect(await served()).toEqual([false, true, true, false]);

    await rig.apply([at(1, 400), at(2, 200), at(3, 300)]);
    expect(await served()).toEqual([false, true, true, false]);
    expect(rig.desired.refusals().map(({ service }) => service)).toEqual(['shop/s1']);

    await rig.apply([at(1, 400), at(2, 200), at(3, 300), at(4, 100)]);
    await rig.settle();
    expect(await served()).toEqual([false, true, false, true]);
    expect(rig.desired.refusals().map(({ service }) => service)).toEqual(['shop/s1', 'shop/s3']);

    await rig.apply([at(1, 400), at(3, 300), at(4, 100)]);
    await rig.settle();
    expect(await served()).toEqual([false, false, true, true]);
    expect(rig.desired.refusals().map(({ service }) => service)).toEqual(['shop/s1']);
    expect(await rig.differences()).toEqual([]);
  });

  test('rows of nobody that fill a map make way before anything is refused for good', async () => {
    const rig = await open({ services: 8, backends: 4 });
    const nobodys = Array.from({ length: 8 }, (_, index) => ({
      key: serviceKey({ address: '172.31.0.1' as IpAddress, port: 1_000 + index, protocol: 'TCP', slot: 7 }),
      value: slotValue({ backendId: 900 + index, revNatId: 900 }),
    }));
    expect(await maps.update('services', nobodys)).toEqual({ applied: 8 });
    const rows = Array.from({ length: 4 }, (_, index) => ({
      key: backendKey(900 + index),
      value: backendValue({
        address: '10.9.9.9' as IpAddress,
        port: 1 + index,
        protocol: 'TCP',
        state: 'active',
        clusterId: 3,
      }),
    }));
    expect(await maps.update('backends', rows)).toEqual({ applied: 4 });

    await rig.apply([numbered(1), numbered(2)]);
    await rig.settle();
    expect(rig.reconciler.refusals()).toEqual([]);
    expect(await rig.differences()).toEqual([]);
    expect([await dial(1), await dial(2)]).toEqual(['ok', 'ok']);
  });

  test('a map that somebody else fills meanwhile keeps no service that is there from being served', async () => {
    const rig = await open({ services: 64, backends: 3 });
    await rig.apply([numbered(1)]);
    const another = backendValue({
      address: '10.9.9.9' as IpAddress,
      port: 1,
      protocol: 'TCP',
      state: 'active',
      clusterId: 3,
    });
    await maps.update('backends', [{ key: backendKey(900), value: another }]);
    await rig.apply([numbered(1), numbered(2, ['10.1.0.1', THIRD])]);
    expect(await dial(1)).toBe('ok');
    await rig.settle();
    expect(rig.reconciler.refusals()).toEqual([]);
    expect([await dial(1), await dial(2)]).toEqual(['ok', 'ok']);
    expect(await rig.differences()).toEqual([]);
  });
});
