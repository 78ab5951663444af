// What an application sees of the datapath over several calls, in a real kernel; single calls are in the table of
// socket-table.live.test.ts. Needs root, clang, make, iproute2 and a
// cgroup2 mount; makes its own namespace, cgroup and BPF file system.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';
import { removeMaster, type TestService, writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const VIP6 = 'fd00:20::10';

describe.skipIf(skipped)('sockets', () => {
  let room: Room;
  let maps: Datapath;
  let client: Client;

  beforeAll(async () => {
    room = await makeRoom('10.1.0.1', '10.1.0.2', '10.1.0.3', 'fd00:1::1', 'fd00:1::2', 'fd00:1::3');
    const v6 = ['[fd00:1::1]:8080', '[fd00:1::2]:8080', '[fd00:1::3]:53'];
    await room.startBackends('10.1.0.1:8080', '10.1.0.2:8080', '10.1.0.3:53', ...v6);
    maps = await openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 1024, backends: 1024, reverseNat: 1024 },
      objectPath: room.objectPath,
      log: silentLog,
    });
    await writeBackend(maps, 1, '10.1.0.1', 8080);
    await writeBackend(maps, 2, '10.1.0.2', 8080);
    await writeBackend(maps, 3, '10.1.0.3', 53);
    await writeService(maps, web);
    await writeService(maps, dns);
    await writeBackend(maps, 11, 'fd00:1::1', 8080);
    await writeBackend(maps, 12, 'fd00:1::2', 8080);
    await writeBackend(maps, 13, 'fd00:1::3', 53);
    await writeService(maps, web6);
    await writeService(maps, dns6);
    client = await room.startClient();
  });
  afterAll(async () => {
    maps?.close();
    await room?.remove();
  });

  const web: TestService = { address: VIP, port: 80, protocol: 'TCP', revNatId: 1, backends: [1, 2] };
  const dns: TestService = { address: VIP, port: 53, protocol: 'UDP', revNatId: 2, backends: [3] };

  const web6: TestService = { address: VIP6, port: 80, protocol: 'TCP', revNatId: 11, backends: [11, 12] };
  const dns6: TestService = { address: VIP6, port: 53, protocol: 'UDP', revNatId: 12, backends: [13] };

  const tcp = (address: string, port: number, family = 4) =>
    client
      .do(`open tcp ${family}`, `connect ${address} ${port}`, 'peer', 'recv', 'close')
      .then((all) => all.slice(1, 4));

  test('TCP to a service reaches each of its backends, and the peer is the service', async () => {
    const answers = new Set<string>();
    for (let round = 0; round < 64; round += 1) {
      const [connected, peer, answer = ''] = await tcp(VIP, 80);
      expect([connected, peer]).toEqual(['ok', `ok ${VIP} 80`]);
      answers.add(answer.split(' ')[1] ?? '');
    }
    expect(answers).toEqual(new Set(['10.1.0.1:8080', '10.1.0.2:8080']));
  });

  test('UDP connected to a service', async () => {
    const [, connected, peer, sent, answer] = await client.do(
      'open udp 4',
      `connect ${VIP} 53`,
      'peer',
      'send hello',
      'recv',
      'close',
    );
    expect([connected, peer, sent, answer]).toEqual(['ok', `ok ${VIP} 53`, 'ok', `ok 10.1.0.3:53 from ${VIP} 53`]);
  });

  test('UDP sent to a service without connecting: the answer comes from the service', async () => {
    const answers = await client.do('open udp 4', `sendto ${VIP} 53 hello`, 'recv', `sendto ${VIP} 53 again`, 'recv');
    expect(answers).toEqual(['ok', 'ok', `ok 10.1.0.3:53 from ${VIP} 53`, 'ok', `ok 10.1.0.3:53 from ${VIP} 53`]);
  });

  test('one UDP socket keeps to one backend', async () => {
    const two = { ...web, protocol: 'UDP', port: 90, revNatId: 9 } as const;
    await writeService(maps, two);
    await client.ask('open udp 4');
    const answers = new Set<string>();
    for (let round = 0; round < 16; round += 1) {
      await client.ask(`sendto ${VIP} 90 hello`);
      answers.add(await client.ask('recv'));
    }
    expect(answers.size).toBe(1);
  });

  test.each([
    ['TCP', 'tcp', 80],
    ['UDP', 'udp', 53],
  ])('%s from a socket of both families, as ::ffff:a.b.c.d', async (_, kind, port) => {
    const [, connected, peer] = await client.do(`open ${kind} 6`, `connect ::ffff:${VIP} ${port}`, 'peer', 'close');
    expect([connected, peer]).toEqual(['ok', `ok ::ffff:${VIP} ${port}`]);
    const sent = await client.do('open udp 6', `sendto ::ffff:${VIP} 53 hello`, 'recv', 'close');
    expect(sent[2]).toBe(`ok 10.1.0.3:53 from ::ffff:${VIP} 53`);
  });

  test('IPv6 by TCP reaches each backend, and the peer is the service', async () => {
    const answers = new Set<string>();
    for (let round = 0; round < 64; round += 1) {
      const [connected, peer, answer = ''] = await tcp(VIP6, 80, 6);
      expect([connected, peer]).toEqual(['ok', `ok ${VIP6} 80`]);
      answers.add(answer.split(' ')[1] ?? '');
    }
    expect(answers).toEqual(new Set(['[fd00:1::1]:8080', '[fd00:1::2]:8080']));
  });

  test('IPv6 by UDP, connected and not: the answer comes from the service', async () => {
    const answer = `ok [fd00:1::3]:53 from ${VIP6} 53`;
    const connected = await client.do('open udp 6', `connect ${VIP6} 53`, 'peer', 'send hello', 'recv', 'close');
    expect(connected.slice(1, 5)).toEqual(['ok', `ok ${VIP6} 53`, 'ok', answer]);
    const sent = await client.do('open udp 6', `sendto ${VIP6} 53 hello`, 'recv', `sendto ${VIP6} 53 again`, 'recv');
    expect(sent).toEqual(['ok', 'ok', answer, 'ok', answer]);
    await client.ask('close');
  });

  test('IPv6 names are translated back only while the service is the one that was dialled', async () => {
    await client.do('open udp 6', `connect ${VIP6} 53`);
    expect(await client.ask('peer')).toBe(`ok ${VIP6} 53`);
    await writeService(maps, { ...dns6, count: 0 });
    expect(await client.ask('peer')).toBe('ok fd00:1::3 53');
    await writeService(maps, dns6);
    expect(await client.ask('peer')).toBe(`ok ${VIP6} 53`);
    await removeMaster(maps, dns6);
    expect(await client.ask('peer')).toBe('ok fd00:1::3 53');
    await writeService(maps, dns6);
    await client.ask('close');
  });

  test('names are translated back only while the service is the one that was dialled', async () => {
    await client.do('open udp 4', `connect ${VIP} 53`);
    const service = `ok ${VIP} 53`;
    const backend = 'ok 10.1.0.3 53';
    expect(await client.ask('peer')).toBe(service);

    await writeService(maps, { ...dns, count: 0 });
    expect(await client.ask('peer')).toBe(backend);
    await writeService(maps, dns);
    expect(await client.ask('peer')).toBe(service);

    await writeService(maps, { ...dns, revNatId: 77 });
    expect(await client.ask('peer')).toBe(backend);
    await writeService(maps, dns);
    expect(await client.ask('peer')).toBe(backend);

    await client.do('close', 'open udp 4', `connect ${VIP} 53`);
    expect(await client.ask('peer')).toBe(service);
    await removeMaster(maps, dns);
    expect(await client.do('peer', 'send hello', 'recv')).toEqual([backend, 'ok', 'ok 10.1.0.3:53 from 10.1.0.3 53']);
    await writeService(maps, dns);
  });
});
