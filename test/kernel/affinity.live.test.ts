// Session affinity in a real kernel: clients in two network namespaces, backends that say who they are. Needs root, clang, make,
// iproute2 and a cgroup2 mount; makes its own namespaces, cgroup and BPF file system.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { frontendName } from '../../agent/desired/names.ts';
import { describeAffinity } from '../../agent/maps/describe-affinity.ts';
import { observe } from '../../agent/reconcile/observe.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';
import { type TestService, writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const VIP6 = 'fd00:20::10';
/** A client that is spread over eight backends reaches one alone in 64 calls with a chance of 8^-63. */
const CALLS = 64;
const LAST = [1, 2, 3, 4, 5, 6, 7, 8];
const IDS = LAST;
const IDS6 = LAST.map((last) => last + 10);
const LONG = 10_800;
const noPause = () => undefined;

describe.skipIf(skipped)('session affinity', () => {
  let room: Room;
  let maps: Datapath;
  let client: Client;
  let ids = 0;

  beforeAll(async () => {
    const addresses = LAST.flatMap((last) => [`10.1.0.${last}`, `fd00:1::${last}`]);
    room = await makeRoom(...addresses);
    await room.startBackends(...LAST.flatMap((last) => [`10.1.0.${last}:8080`, `[fd00:1::${last}]:8080`]));
    maps = await open();
    for (const last of LAST) {
      await writeBackend(maps, last, `10.1.0.${last}`, 8080);
      await writeBackend(maps, last + 10, `fd00:1::${last}`, 8080);
    }
    client = await room.startClient();
  });
  afterAll(async () => {
    maps?.close();
    await room?.remove();
  });

  const open = () =>
    openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 4096, backends: 1024, reverseNat: 1024 },
      objectPath: room.objectPath,
      log: silentLog,
    });

  /** A service of its own for each test: no test sees another's rows. */
  async function serve(service: Partial<TestService>): Promise<TestService> {
    ids += 1;
    const family = service.address === VIP6 ? { backends: IDS6 } : { backends: IDS };
    const whole = { address: VIP, port: 1_000 + ids, protocol: 'TCP', revNatId: ids, ...family, ...service } as const;
    await writeService(maps, whole);
    return whole;
  }

  /** The backend that a new connection, or a datagram of a new socket, reaches. */
  async function call({ address, port, protocol }: TestService, by: 'connect' | 'sendto' = 'connect'): Promise<string> {
    const family = address.includes(':') ? 6 : 4;
    const kind = protocol === 'UDP' ? 'udp' : 'tcp';
    const talk = by === 'sendto' ? [`sendto ${address} ${port} hello`] : [`connect ${address} ${port}`, 'send hello'];
    const answers = await client.do(`open ${kind} ${family}`, ...talk, 'recv', 'close');
    return answers.at(-2)?.split(' ')[1] ?? '';
  }

  async function reached(service: TestService, by: 'connect' | 'sendto' = 'connect'): Promise<ReadonlySet<string>> {
    const backends = new Set<string>();
    for (let round = 0; round < CALLS; round += 1) backends.add(await call(service, by));
    return backends;
  }

  test.each([
    ['connect4', { protocol: 'TCP' }, 'connect'],
    ['connect6', { protocol: 'TCP', address: VIP6 }, 'connect'],
    ['connect4, UDP', { protocol: 'UDP' }, 'connect'],
    ['sendmsg4', { protocol: 'UDP' }, 'sendto'],
    ['sendmsg6', { protocol: 'UDP', address: VIP6 }, 'sendto'],
  ] as const)('a client stays with its backend, and is spread without affinity: %s', async (_, service, by) => {
    expect((await reached(await serve({ ...service, affinityTimeout: LONG }), by)).size).toBe(1);
    expect((await reached(await serve(service), by)).size).toBeGreaterThan(1);
  });

  test('a socket of both families has the affinity of its namespace', async () => {
    const service = await serve({ affinityTimeout: LONG });
    const kept = await call(service);
    expect(await call({ ...service, address: `::ffff:${VIP}` })).toBe(kept);
  });

  test('another namespace is another client', async () => {
    const elsewhere = await makeRoom(...LAST.map((last) => `10.1.0.${last}`));
    try {
      await elsewhere.startBackends(...LAST.map((last) => `10.1.0.${last}:8080`));
      const other = await elsewhere.startClient(room.cgroup);
      const callFrom = async ({ port }: TestService) => {
        const all = await other.do('open tcp 4', `connect ${VIP} ${port}`, 'send hello', 'recv', 'close');
        return all.at(-2)?.split(' ')[1] ?? '';
      };
      const pairs = new Set<boolean>();
      for (let round = 0; round < CALLS && pairs.size < 2; round += 1) {
        const service = await serve({ affinityTimeout: LONG });
        const own = await call(service);
        const others = await callFrom(service);
        expect([await call(service), await callFrom(service)]).toEqual([own, others]);
        pairs.add(own === others);
      }
      expect(pairs).toEqual(new Set([true, false]));
    } finally {
      await elsewhere.remove();
    }
  });

  test('the affinity ends its timeout after the last call, and not before', async () => {
    const service = await serve({ affinityTimeout: 1 });
    const kept = await call(service);
    const begun = performance.now();
    let before = begun;
    // A client that stays away for longer and longer comes back to another backend only once it stayed away for the timeout.
    for (let away = 100; ; away += 100) {
      await new Promise((resolve) => setTimeout(resolve, away));
      const found = await call(service);
      if (found !== kept) break;
      expect(performance.now() - begun).toBeLessThan(60_000);
      before = performance.now();
    }
    expect(performance.now() - before).toBeGreaterThanOrEqual(1_000);
  }, 90_000);

  test('a client moves when its backend is withdrawn, and stays with the next', async () => {
    const service = await serve({ affinityTimeout: LONG });
    const kept = await call(service);
    const left = IDS.filter((id) => kept !== `10.1.0.${id}:8080`);
    await writeService(maps, { ...service, backends: left });
    const next = await reached(service);
    expect(next.size).toBe(1);
    expect(next).not.toContain(kept);
  });

  test('nor is it kept where the backend only keeps the connections it has', async () => {
    const service = await serve({ affinityTimeout: LONG });
    const kept = await call(service);
    const left = IDS.filter((id) => kept !== `10.1.0.${id}:8080`);
    const draining = IDS.filter((id) => !left.includes(id));
    await writeService(maps, { ...service, backends: [...left, ...draining], count: left.length });
    expect(await reached(service)).not.toContain(kept);
  });

  test('a client stays where its backend gets another slot, near or far', async () => {
    const service = await serve({ affinityTimeout: LONG });
    const kept = await call(service);
    const own = Number(kept.split('.')[3]?.split(':')[0]);
    const others = Array.from({ length: 100 }, (_, at) => IDS.filter((id) => id !== own)[at % 7] ?? 0);
    for (const backends of [
      [...others, own],
      [own, ...others],
      [...others, own],
    ]) {
      await writeService(maps, { ...service, backends });
      expect(await reached(service)).toEqual(new Set([kept]));
    }
  });

  test('a dump says who stays with what', async () => {
    for (const address of [VIP, VIP6]) {
      const service = await serve({ address, affinityTimeout: LONG });
      const name = frontendName({ ...service, address: address as IpAddress });
      const kept = await call(service);
      const image = await observe(maps, () => 0, noPause);
      const found = (await describeAffinity(maps, image)).filter(({ frontend }) => frontend === name);
      expect(found).toMatchObject([{ backend: `${kept}/TCP`, followed: true }]);
    }
  });

  test('an affinity that is taken away no longer holds', async () => {
    const service = await serve({ affinityTimeout: LONG });
    expect((await reached(service)).size).toBe(1);
    await writeService(maps, { ...service, affinityTimeout: 0 });
    expect((await reached(service)).size).toBeGreaterThan(1);
  });

  test('it outlives the agent', async () => {
    const service = await serve({ affinityTimeout: LONG });
    const kept = await call(service);
    maps.close();
    expect(await reached(service)).toEqual(new Set([kept]));
    maps = await open();
    expect(await reached(service)).toEqual(new Set([kept]));
  });
});
