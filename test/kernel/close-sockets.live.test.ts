// Given clients in two network namespaces that are connected to a backend of a service, when that backend is withdrawn, then
// their sockets are closed and reach another one as soon as they dial again; what is connected to the same address by itself
// stays. Needs root, clang, make, iproute2, util-linux (nsenter, unshare) and a cgroup2 mount.

import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createAgentApp } from '../../agent/app.ts';
import { systemLoop } from '../../agent/breather.ts';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { backend, port, service } from '../../agent/desired/sample.ts';
import { Rig } from '../../agent/reconcile/rig.ts';
import { SocketCloser } from '../../agent/sockets/closer.ts';
import { KernelNodeSockets, tryDestroying } from '../../agent/sockets/kernel/index.ts';
import type { SocketProtocol } from '../../agent/sockets/port.ts';
import { StartTimes } from '../../agent/status/start-times.ts';
import type { SnapshotListener, Upstream } from '../../agent/upstream/port.ts';
import type { ClusterName, Revision } from '../../mesh/model/names.ts';
import type { MeshService } from '../../mesh/model/service.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { silentLog } from '../../runtime/log.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import { systemRandom } from '../../runtime/random.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';

const VIP = '172.20.0.10';
const VIP6 = 'fd00:20::10';
const ADDRESSES = ['10.1.0.1', '10.1.0.2', 'fd00:1::1', 'fd00:1::2'];
const PORT = 5353;
const EDESTADDRREQ = 89;
const ECONNABORTED = 103;
const ENOTCONN = 107;

const ports = [port(PORT, '', 'UDP'), port(PORT, 'tcp')];
const dns = (...addresses: readonly string[]) =>
  service({
    key: 'shop/dns',
    frontends: [VIP, VIP6],
    ports: [port(53, '', 'UDP'), port(53, 'tcp')],
    backends: addresses.map((address) => backend(address, { ports })),
  });
const BOTH_FIRST = dns('10.1.0.1', 'fd00:1::1');
const BOTH_SECOND = dns('10.1.0.2', 'fd00:1::2');

const SOCKETS = 2_000;

/** To a port of this machine where nobody listens; sends nothing. */
async function connectedSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.connect(9, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

describe.skipIf(skipped)('sockets of a withdrawn backend', () => {
  let here: Room;
  let there: Room;
  let maps: Datapath;
  let rig: Rig;
  let stop: () => Promise<void>;
  let closer: SocketCloser;
  /** What had been withdrawn when each sweep began. */
  let begun: string[];

  beforeEach(async () => {
    here = await makeRoom(...ADDRESSES);
    there = await makeRoom(...ADDRESSES);
    const endpoints = ADDRESSES.map((address) =>
      address.includes(':') ? `[${address}]:${PORT}` : `${address}:${PORT}`,
    );
    await here.startBackends(...endpoints);
    await there.startBackends(...endpoints);
    maps = await openDatapath({
      pinDir: `${here.bpffs}/node`,
      cgroup: here.cgroup,
      sizes: { services: 1024, backends: 1024, reverseNat: 1024, reverseSockets: 1024 },
      objectPath: here.objectPath,
      log: silentLog,
    });
    rig = new Rig(maps);
    await rig.apply([BOTH_FIRST]);
  });
  afterEach(async () => {
    await stop();
    maps.close();
    await here.remove();
    await there.remove();
  });

  function startCloser(protocols: readonly SocketProtocol[]): void {
    const sockets = new KernelNodeSockets();
    begun = [];
    closer = new SocketCloser({
      sockets: {
        namespaces: (pause) => {
          begun.push(rig.reconciler.departures);
          return sockets.namespaces(pause);
        },
      },
      dialled: maps.dialled,
      standing: () => {
        const { image, departures } = rig.reconciler;
        return image && { mark: departures, image, wanted: (name) => rig.desired.wanted(name) };
      },
      protocols,
      clock: systemClock,
      random: systemRandom,
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      log: silentLog,
    });
    const ended = new AbortController();
    const running = closer.run(ended.signal);
    stop = async () => {
      ended.abort();
      await running;
    };
  }

  /** In the maps, with what readers held of before gone; and a sweep that began after that is over. */
  async function apply(wanted: MeshService): Promise<void> {
    await rig.apply([wanted]);
    await rig.settle();
    closer.look();
    const sweep = () => begun.indexOf(rig.reconciler.departures);
    await expect.poll(() => sweep() >= 0 && closer.report.sweeps > sweep(), { timeout: 10_000 }).toBe(true);
  }

  const answer = (address: string, from: string) =>
    `ok ${address.includes(':') ? `[${address}]` : address}:${PORT} from ${from}`;

  async function dial(client: Client, family: number, address: string, at: number): Promise<readonly string[]> {
    return client.do(`open udp ${family}`, `connect ${address} ${at}`, 'send hello', 'recv');
  }

  test('the kernel of this machine does it', () => {
    tryDestroying();
    stop = async () => {};
  });

  test.each([
    ['IPv4', 4, VIP, '10.1.0.1', '10.1.0.2', '10.1.0.1'],
    ['IPv6', 6, VIP6, 'fd00:1::1', 'fd00:1::2', 'fd00:1::1'],
    ['IPv4 from a socket of both families', 6, `::ffff:${VIP}`, '10.1.0.1', '10.1.0.2', '::ffff:10.1.0.1'],
  ])(
    '%s by UDP: it is closed, and the next dial reaches the other backend',
    async (_, family, vip, first, second, plain) => {
      startCloser(['UDP']);
      const translated = await here.startClient();
      const elsewhere = await there.startClient(here.cgroup);
      const direct = await here.startClient();
      const outside = await there.startClient(there.cgroup);
      for (const client of [translated, elsewhere])
        expect((await dial(client, family, vip, 53))[3]).toBe(answer(first, `${vip} 53`));
      for (const client of [direct, outside])
        expect((await dial(client, family, plain, PORT))[3]).toBe(answer(first, `${plain} ${PORT}`));

      await apply(BOTH_SECOND);
      for (const client of [translated, elsewhere]) {
        expect(await client.ask('send hello')).toBe(`error ${EDESTADDRREQ}`);
        expect(await client.do('recv', `connect ${vip} 53`, 'send hello', 'recv')).toEqual([
          `error ${ECONNABORTED}`,
          'ok',
          'ok',
          answer(second, `${vip} 53`),
        ]);
      }
      for (const client of [direct, outside])
        expect(await client.do('send hello', 'recv')).toEqual(['ok', answer(first, `${plain} ${PORT}`)]);
      expect(closer.report).toMatchObject({ destroyed: { UDP: 2, TCP: 0 }, failed: 0, lastError: undefined });
      expect(closer.report.namespaces).toBeGreaterThanOrEqual(3);
    },
  );

  test.each([
    ['stays open', ['UDP'], 'ok'],
    ['is closed where that is asked for', ['UDP', 'TCP'], `error ${ENOTCONN}`],
  ] as const)('TCP %s', async (_, protocols, expected) => {
    startCloser(protocols);
    const clients: Client[] = [];
    for (const [family, address] of [
      [4, VIP],
      [6, VIP6],
      [6, `::ffff:${VIP}`],
    ] as const) {
      const client = await here.startClient();
      expect(await client.do(`open tcp ${family}`, `connect ${address} 53`)).toEqual(['ok', 'ok']);
      clients.push(client);
    }
    const direct = await here.startClient();
    expect(await direct.do('open tcp 4', `connect 10.1.0.1 ${PORT}`)).toEqual(['ok', 'ok']);

    await apply(BOTH_SECOND);
    const peers = await Promise.all(clients.map((client) => client.ask('peer')));
    expect(peers.map((peer) => (peer.startsWith('ok') ? 'ok' : peer))).toEqual([expected, expected, expected]);
    expect(await direct.ask('peer')).toBe(`ok 10.1.0.1 ${PORT}`);
  });

  test('a backend that only terminates keeps its sockets', async () => {
    startCloser(['UDP', 'TCP']);
    const client = await here.startClient();
    await dial(client, 4, VIP, 53);
    const terminating = service({
      ...BOTH_FIRST,
      backends: [backend('10.1.0.1', { ports, state: 'terminating' }), backend('10.1.0.2', { ports })],
    });
    await apply(terminating);
    expect(await client.do('send hello', 'recv')).toEqual(['ok', answer('10.1.0.1', `${VIP} 53`)]);
  });

  test('what was withdrawn while no agent ran is closed by the next one', async () => {
    const client = await here.startClient();
    await dial(client, 4, VIP, 53);
    await rig.apply([BOTH_SECOND]);
    await rig.settle();
    startCloser(['UDP']);
    await expect.poll(() => closer.report.destroyed.UDP).toBe(1);
    expect(await client.ask('send hello')).toBe(`error ${EDESTADDRREQ}`);
  });

  test('a namespace is reached as long as one of its processes is there', async () => {
    stop = async () => {};
    const first = spawn('unshare', ['-n', 'sh', '-c', 'sleep 60 >&- & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [second] = await once(first.stdout, 'data');
    try {
      const id = statSync(`/proc/${first.pid}/ns/net`).ino;
      const { doors } = await new KernelNodeSockets().namespaces(() => undefined);
      first.kill('SIGKILL');
      await once(first, 'exit');
      const inside = doors.find((door) => door.id === id)?.open();
      expect(inside).toBeDefined();
      inside?.close();
    } finally {
      process.kill(Number(second), 'SIGKILL');
    }
  });

  test('thousands of sockets come in lists that are short enough for one turn of the event loop', async () => {
    stop = async () => {};
    const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => connectedSocket()));
    try {
      const [own] = (await new KernelNodeSockets().namespaces(() => undefined)).doors;
      const inside = own?.open();
      if (inside === undefined) throw new Error('the own namespace is gone');
      const lengths = [...inside.list(4, 'UDP')].map((list) => list.length);
      inside.close();
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBeGreaterThanOrEqual(SOCKETS);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(512);
    } finally {
      for (const socket of sockets) socket.close();
    }
  });

  test('an agent does it by itself when its API server withdraws a backend, and says so', async () => {
    let publish: SnapshotListener = () => {};
    const upstream: Omit<Upstream, 'run'> = {
      current: undefined,
      state: { connected: true, server: 'west:9878' },
      onSnapshot: (listener) => {
        publish = listener;
        return () => {};
      },
      acknowledge: () => {},
    };
    const app = createAgentApp({
      node: 'n1',
      cluster: 'west',
      upstream,
      maps: Object.assign(maps, { sockets: new KernelNodeSockets() }),
      health: new Health(systemClock),
      observe: { always: false, sampleEvery: 1, perSecond: 1_000 },
      closeSockets: ['UDP'],
      start: new StartTimes(systemClock, silentLog),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      loop: systemLoop,
    });
    const ended = new AbortController();
    const running = app.run(ended.signal);
    stop = async () => {
      ended.abort();
      await running;
    };
    const tell = (revision: number, wanted: MeshService) =>
      publish(
        {
          position: { storeId: '00000000000000aa', revision: revision as Revision },
          cluster: 'west' as ClusterName,
          clusters: new Map(),
          services: new Map([[wanted.key, wanted]]),
        },
        'all',
      );
    await vi.waitFor(() => tell(1, BOTH_FIRST));
    await expect.poll(() => app.status().programmed.revision).toBe(1);
    const client = await here.startClient();
    expect((await dial(client, 4, VIP, 53))[3]).toBe(answer('10.1.0.1', `${VIP} 53`));

    tell(2, BOTH_SECOND);
    await expect.poll(() => app.status().sockets.destroyed, { timeout: 10_000 }).toEqual({ udp: 1, tcp: 0 });
    expect(await client.ask('send hello')).toBe(`error ${EDESTADDRREQ}`);
    expect((await client.do('close', `open udp 4`, `connect ${VIP} 53`, 'send hello', 'recv'))[4]).toBe(
      answer('10.1.0.2', `${VIP} 53`),
    );
    expect(app.status().sockets).toMatchObject({ failed: 0, last_error: undefined });
    expect(app.status().sockets.namespaces).toBeGreaterThanOrEqual(2);
  });

  test('a process that cannot return from another namespace ends, and says why', async () => {
    stop = async () => {};
    const script = `
      import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
      import { inNamespace } from './agent/sockets/kernel/enter.ts';
      const own = readlinkSync('/proc/self/ns/net');
      const other = openSync('/run/netns/${here.netns}', 'r');
      const inside = inNamespace(other, () => readlinkSync('/proc/thread-self/ns/net'));
      console.log(inside.value !== own, readlinkSync('/proc/thread-self/ns/net') === own);
      const pointsHome = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd) === own; } catch { return false; } };
      inNamespace(other, () => closeSync(Number(readdirSync('/proc/self/fd').find(pointsHome))));
      console.log('went on');`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: packageRoot(),
    });
    const said = { out: '', error: '' };
    child.stdout.on('data', (text) => {
      said.out += text;
    });
    child.stderr.on('data', (text) => {
      said.error += text;
    });
    const [code] = await once(child, 'close');
    expect({ code, ...said }).toEqual({
      code: 71,
      out: 'true true\n',
      error: expect.stringMatching(
        /^\[SOCKETS_NAMESPACE_LOST\] return to the own network namespace: EBADF.*the process ends/,
      ),
    });
  });
});
