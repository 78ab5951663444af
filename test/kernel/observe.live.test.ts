// `clustermesh observe` on a real kernel: the built command, an agent's HTTP API and the loaded programs. Needs what
// traffic.live.test.ts needs, and `npm run build`.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import type { FrontendName } from '../../agent/desired/names.ts';
import type { TrafficEventDocument } from '../../agent/traffic/document.ts';
import { Observation } from '../../agent/traffic/observation.ts';
import { trafficRoutes } from '../../agent/traffic/routes.ts';
import { programLine } from '../../lab/programs.ts';
import type { ClusterId, ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type HttpServer, serveHttp } from '../../runtime/http.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';
import { writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const NAMES: Readonly<Record<string, ServiceKey>> = {
  [`${VIP}:80/TCP`]: 'shop/cart' as ServiceKey,
  [`${VIP}:81/TCP`]: 'shop/empty' as ServiceKey,
};

describe.skipIf(skipped)('observe', () => {
  let room: Room;
  let maps: Datapath;
  let client: Client;
  let server: HttpServer;
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const commands: ChildProcess[] = [];

  beforeAll(async () => {
    room = await makeRoom('10.1.0.1');
    await room.startBackends('10.1.0.1:8080');
    maps = await openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 1024, backends: 1024, reverseNat: 1024 },
      objectPath: room.objectPath,
      log: silentLog,
    });
    const service = { address: VIP, protocol: 'TCP' } as const;
    await writeBackend(maps, 1, '10.1.0.1', 8080);
    await writeService(maps, { ...service, port: 80, revNatId: 1, backends: [1] });
    await writeService(maps, { ...service, port: 81, revNatId: 2, backends: [] });
    client = await room.startClient();
    const names = {
      node: 'w1',
      clusters: new Map([['east' as ClusterName, 2 as ClusterId]]),
      peerOf: () => undefined,
      serviceOf: (frontend: FrontendName) => NAMES[frontend],
      frontends: () => new Map([...Object.keys(NAMES)].map((name, index) => [index + 1, name as FrontendName])),
    };
    const settings = { always: false, sampleEvery: 1, perSecond: 1_000 };
    const traffic = maps.traffic;
    const observation = new Observation({ traffic, names, settings, clock: systemClock, nextTurn, log: silentLog });
    running = observation.run(stop.signal);
    server = await serveHttp(`unix:${room.dir}/agent.sock`, trafficRoutes(observation, systemClock), silentLog);
  });
  afterAll(async () => {
    for (const command of commands) command.kill('SIGKILL');
    stop.abort();
    await running;
    await server?.close();
    maps?.close();
    await room?.remove();
  });

  const dial = (port: number) => client.do('open tcp 4', `connect ${VIP} ${port}`, 'close');

  function observe(...args: readonly string[]) {
    const line = programLine('cli/main', ['observe', '--agent', `unix:${room.dir}/agent.sock`, ...args]);
    const child = spawn(line.command, line.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    commands.push(child);
    const said = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.err += text;
    });
    const events = () =>
      said.out
        .split('\n')
        .slice(0, -1)
        .map((text) => JSON.parse(text) as TrafficEventDocument);
    return { child, said, events };
  }

  /** Until it follows: what happened before is not told. */
  const dialUntilSeen = (port: number, events: () => readonly unknown[]) =>
    expect
      .poll(
        async () => {
          await dial(port);
          return events().length;
        },
        { interval: 50, timeout: 20_000 },
      )
      .toBeGreaterThan(0);

  /** Programs that are leased tell a call; `take` is the observation's own, so it is asked what it keeps. */
  const told = async (): Promise<boolean> => {
    maps.traffic.take(1_000);
    await dial(80);
    return maps.traffic.take(1_000).length > 0;
  };

  test('follows calls to their service, backend and cluster; when it is killed, nothing is told any more', async () => {
    expect(await told()).toBe(false);
    const { child, events } = observe('--follow', '-o', 'json', '--service', 'shop/cart');
    await dialUntilSeen(80, events);
    expect(events()[0]).toMatchObject({
      node: 'w1',
      client: { command: 'dial' },
      service: 'shop/cart',
      frontend: `${VIP}:80`,
      backend: { address: '10.1.0.1:8080', cluster: 'east' },
    });
    expect(Math.abs(Date.parse(events()[0]?.time ?? '') - Date.now())).toBeLessThan(60_000);
    child.kill('SIGKILL');
    await once(child, 'close');
    await expect.poll(told, { timeout: 10_000 }).toBe(false);
  });

  test('refusals with their cause; translations are not even told', async () => {
    const { child, said } = observe('--follow', '--refused');
    await dialUntilSeen(81, () => said.out.split('\n').slice(1));
    await dial(80);
    await dialUntilSeen(81, () => said.out.split('\n').slice(3));
    expect(said.out).toMatch(
      /w1 {2}dial\[\d+\] {2}TCP {2}shop\/empty \(172\.20\.0\.10:81\) {2}REFUSED no backend takes/,
    );
    expect(said.out).not.toContain('shop/cart');
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
  });

  test('the last ones, where nobody listens, come with how to listen', async () => {
    const { child, said, events } = observe('--last', '2', '-o', 'json');
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(events()).toHaveLength(2);
    expect(said.err).toContain('add --follow');
  });

  test('counters', async () => {
    const { child, said } = observe('--counters');
    await once(child, 'close');
    expect(said.out).toMatch(/shop\/cart +172\.20\.0\.10:80\/TCP +[1-9]/);
  });

  test('an agent that ends meanwhile ends it, and it says so', async () => {
    const { child, said, events } = observe('--follow', '-o', 'json');
    await dialUntilSeen(80, events);
    await server.close();
    const [code] = await once(child, 'close');
    expect([code, said.err]).toEqual([3, expect.stringContaining('API_UNREACHABLE')]);
  });
});
