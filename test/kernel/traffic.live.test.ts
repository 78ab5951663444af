// What the programs tell of their work, in a real kernel: events while a lease runs, counters always. Needs root, clang, make,
// iproute2 and a cgroup2 mount; makes its own namespace, cgroup and BPF file system.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { parseEvent, type TrafficEvent } from '../../agent/traffic/event.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';
import { type TestService, writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const VIP6 = 'fd00:20::10';
/** A port of `writeBackend`, which puts every backend into cluster 2. */
const CLUSTER = 2;
const LEASE = { milliseconds: 60_000, sampleEvery: 1, perSecond: 100_000 };

describe.skipIf(skipped)('traffic', () => {
  let room: Room;
  let maps: Datapath;
  let client: Client;

  const web: TestService = { address: VIP, port: 80, protocol: 'TCP', revNatId: 1, backends: [1] };
  const empty: TestService = { address: VIP, port: 81, protocol: 'TCP', revNatId: 3, backends: [] };
  const broken: TestService = { address: VIP, port: 82, protocol: 'TCP', revNatId: 5, backends: [999] };
  const web6: TestService = { address: VIP6, port: 80, protocol: 'TCP', revNatId: 258, backends: [11] };

  const open = (): Promise<Datapath> =>
    openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 1024, backends: 1024, reverseNat: 1024 },
      objectPath: room.objectPath,
      log: silentLog,
    });

  beforeAll(async () => {
    room = await makeRoom('10.1.0.1', 'fd00:1::1');
    await room.startBackends('10.1.0.1:8080', '[fd00:1::1]:8080');
    maps = await open();
    await writeBackend(maps, 1, '10.1.0.1', 8080);
    await writeBackend(maps, 11, 'fd00:1::1', 8080);
    for (const service of [web, empty, broken, web6]) await writeService(maps, service);
    client = await room.startClient();
  });
  afterAll(async () => {
    maps?.close();
    await room?.remove();
  });
  beforeEach(async () => {
    maps.traffic.lease(undefined);
    maps.traffic.take(1_000_000);
    await maps.traffic.forgetCounts([...(await maps.traffic.counts()).keys()]);
  });

  const dial = (address: string, port: number, family = 4) =>
    client.do(`open tcp ${family}`, `connect ${address} ${port}`, 'close');

  /** IPv4 TCP calls, one after the other; how many there were. */
  const storm = async (port: number, milliseconds: number): Promise<number> => {
    await client.do('open tcp 4', 'close');
    const [, succeeded = 0, failed = 0] = (await client.ask(`storm ${VIP} ${port} ${milliseconds}`))
      .split(' ')
      .map(Number);
    return succeeded + failed;
  };

  const events = (max = 1_000_000): readonly TrafficEvent[] =>
    maps.traffic.take(max).map((bytes) => {
      const event = parseEvent(bytes);
      if (!event.ok) throw new Error(event.error);
      return event.value;
    });

  test('nobody listens: nothing is told', async () => {
    for (let round = 0; round < 20; round += 1) await dial(VIP, 80);
    expect(events()).toEqual([]);
    expect(maps.traffic.missed()).toEqual({ limited: 0, lost: 0 });
  });

  test.each([
    ['IPv4', VIP, 4, '10.1.0.1', 1],
    ['IPv6', VIP6, 6, 'fd00:1::1', 258],
    ['IPv4 on a socket for both', `::ffff:${VIP}`, 6, '10.1.0.1', 1],
  ])('%s: who reached which backend in which cluster', async (_name, vip, family, backend, id) => {
    maps.traffic.lease(LEASE);
    const before = process.hrtime.bigint();
    await dial(vip, 80, family);
    const [event, ...more] = events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      protocol: 'TCP',
      service: { address: vip.replace('::ffff:', ''), port: 80, id },
      outcome: { backend: { address: backend, port: 8080, clusterId: CLUSTER } },
      client: { command: 'dial' },
    });
    expect(event?.client.pid).toBeGreaterThan(0);
    expect(event?.client.cgroupId).toBeGreaterThan(0n);
    expect(event?.timeNs).toBeGreaterThanOrEqual(before);
    expect(event?.timeNs).toBeLessThan(process.hrtime.bigint());
  });

  test.each([
    ['no backend takes connections', 81, 'no-backends'],
    ['a slot leads nowhere', 82, 'no-slot'],
  ])('refused: %s', async (_name, port, cause) => {
    maps.traffic.lease({ ...LEASE, sampleEvery: 0 });
    await dial(VIP, 80);
    await dial(VIP, port);
    expect(events().map(({ service, outcome }) => [service.port, outcome])).toEqual([[port, { refused: cause }]]);
  });

  test('counters are exact, and an agent that comes back goes on counting', async () => {
    for (let round = 0; round < 300; round += 1) await dial(VIP, 80);
    for (let round = 0; round < 7; round += 1) await dial(VIP, 81);
    await dial(VIP, 82);
    maps.close();
    maps = await open();
    await dial(VIP6, 80, 6);
    const refused = { 'no-backends': 0, 'no-slot': 0, 'no-memory': 0 };
    expect(await maps.traffic.counts()).toEqual(
      new Map([
        [1, { translated: 300, refused }],
        [3, { translated: 0, refused: { ...refused, 'no-backends': 7 } }],
        [5, { translated: 0, refused: { ...refused, 'no-slot': 1 } }],
        [258, { translated: 1, refused }],
      ]),
    );
  });

  test('a storm is told up to the limit of each second and CPU, and the rest is counted', async () => {
    const perSecond = 50;
    const missed = maps.traffic.missed();
    const from = process.hrtime.bigint();
    maps.traffic.lease({ ...LEASE, perSecond });
    const calls = await storm(80, 300);
    const to = process.hrtime.bigint();
    const told = events();
    expect(told.length).toBeGreaterThanOrEqual(perSecond);
    const bySecond = new Map<bigint, number>();
    for (const { timeNs } of told) {
      const second = timeNs / 1_000_000_000n;
      bySecond.set(second, (bySecond.get(second) ?? 0) + 1);
    }
    const seconds = Number(to / 1_000_000_000n - from / 1_000_000_000n) + 1;
    expect(calls).toBeGreaterThan(4 * perSecond * seconds);
    // One client calls from one CPU at a time; it may move, and each CPU has its own limit.
    expect(Math.max(...bySecond.values())).toBeLessThanOrEqual(perSecond * maps.traffic.cpus);
    expect(maps.traffic.missed().limited - missed.limited).toBe(calls - told.length);
    expect(maps.traffic.missed().lost).toBe(missed.lost);
  });

  test('a ring that nobody reads gets full: what is lost is counted', async () => {
    const missed = maps.traffic.missed();
    maps.traffic.lease({ ...LEASE, perSecond: 1_000_000 });
    let calls = 0;
    while (maps.traffic.missed().lost === missed.lost) calls += await storm(81, 100);
    const batch = events(100);
    expect(batch).toHaveLength(100);
    const { lost } = maps.traffic.missed();
    expect(batch.length + events().length + lost - missed.lost).toBe(calls);
  });

  test('a lease that is not renewed runs out by itself, so a killed agent leaves nothing on', async () => {
    maps.traffic.lease({ ...LEASE, milliseconds: 50 });
    await dial(VIP, 80);
    const until = process.hrtime.bigint() + 50_000_000n;
    await expect.poll(() => process.hrtime.bigint() > until).toBe(true);
    await dial(VIP, 80);
    expect(events()).toHaveLength(1);
  });
});
