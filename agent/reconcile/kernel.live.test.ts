// Given the kernel's own maps and programs, when backends of a service change all the time, then a client that connects all the
// time never fails, and each of its connections reaches a backend that was desired while it was made. Needs root, cgroup2, a
// kernel that takes the programs, and the compiled object (npm run bpf).

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountBpffs, unmountBpffs } from '../../lab/bpffs.ts';
import { cgroup2Mount, createCgroup, killCgroup, removeCgroup } from '../../lab/cgroup.ts';
import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import { silentLog } from '../../runtime/log.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import { seededRandom } from '../../runtime/random.ts';
import { openDatapath } from '../datapath/index.ts';
import { backend, service } from '../desired/sample.ts';
import { describeMaps } from '../maps/describe.ts';
import type { ServiceMaps } from '../maps/port.ts';
import { observe } from './observe.ts';
import { Rig } from './rig.ts';
import { sizesOf } from './sizes.ts';

const VIP = '172.20.0.10';
const ADDRESSES = ['127.77.0.1', '127.77.0.2', '127.77.0.3', '127.77.0.4', '127.77.0.5', '127.77.0.6'];
const STEPS = 40;
const STEP_MS = 150;

/** Connects one after the other, and prints `start end answer`, times in ns of the monotonic clock. */
const CLIENT = `
const net = require('node:net');
const once = () => {
  const start = process.hrtime.bigint();
  let answer = '';
  const socket = net.connect(Number(process.argv[2]), process.argv[1]);
  socket.on('data', (text) => { answer += text; });
  socket.on('error', (error) => { answer = error.code; });
  socket.on('close', () => { console.log(start + ' ' + process.hrtime.bigint() + ' ' + answer); setImmediate(once); });
};
once();`;

let folder: string;
let cgroup: string;
let maps: ServiceMaps;
const servers: Server[] = [];
let client: ChildProcess | undefined;
let port: number;

const open = () =>
  openDatapath({
    pinDir: join(folder, 'node'),
    cgroup,
    sizes: { services: 64, backends: 64, reverseNat: 64, reverseSockets: 4_096 },
    objectPath: join(packageRoot(), 'bpf', 'sock_lb.bpf.o'),
    log: silentLog,
  });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-'));
  await mountBpffs(folder);
  cgroup = join(cgroup2Mount() ?? '/sys/fs/cgroup', `reconcile-${process.pid}`);
  createCgroup(cgroup);
  maps = await open();
  port = await listen(ADDRESSES[0] ?? '', 0);
  for (const address of ADDRESSES.slice(1)) await listen(address, port);
});

afterEach(async () => {
  client?.kill('SIGKILL');
  killCgroup(cgroup);
  for (const server of servers.splice(0)) server.close();
  maps.close();
  await removeCgroup(cgroup);
  await unmountBpffs(folder);
  rmdirSync(folder);
});

/** Tells every client the address that it reached. */
async function listen(address: string, wanted: number): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(address);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(wanted, address, resolve));
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

interface Connection {
  readonly start: bigint;
  readonly end: bigint;
  readonly answer: string;
}

function connectAllTheTime(): Connection[] {
  const line = `echo $$ > ${cgroup}/cgroup.procs && exec "$0" -e "$1" ${VIP} 80`;
  client = spawn('sh', ['-c', line, process.execPath, CLIENT], { stdio: ['ignore', 'pipe', 'inherit'] });
  const connections: Connection[] = [];
  if (client.stdout === null) throw new Error('no output');
  createInterface({ input: client.stdout }).on('line', (text) => {
    const [start = '0', end = '0', answer = ''] = text.split(' ');
    connections.push({ start: BigInt(start), end: BigInt(end), answer });
  });
  return connections;
}

test('a client that connects all the time never fails, and reaches what is desired', async () => {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  let rig = new Rig(maps);
  let movedAt = performance.now();
  const pass = async () => {
    const now = performance.now();
    rig.clock.advance(now - movedAt);
    movedAt = now;
    await rig.pass();
  };
  /** What is desired, from when its first row may be there until its last row is gone. */
  const periods: { readonly from: bigint; until: bigint | undefined; readonly addresses: readonly string[] }[] = [];
  const want = async (addresses: readonly string[]) => {
    const backends = addresses.map((address) => ({
      ...backend(address, { ports: [{ name: '', protocol: 'TCP', port }] }),
      cluster: 'west' as ClusterName,
      clusterId: 1 as ClusterId,
    }));
    await rig.want([service({ frontends: [VIP], backends })]);
    const before = periods.at(-1);
    periods.push({ from: process.hrtime.bigint(), until: undefined, addresses });
    await pass();
    if (before !== undefined) before.until = process.hrtime.bigint();
  };

  await want(ADDRESSES);
  const connections = connectAllTheTime();
  await expect.poll(() => connections.length, { timeout: 10_000 }).toBeGreaterThan(10);
  for (let step = 0; step < STEPS; step += 1) {
    const chosen = ADDRESSES.filter(() => random.next() < 0.5);
    const until = performance.now() + STEP_MS;
    // An agent that was killed: the next one goes on from what is pinned.
    if (step % 8 === 7) {
      maps.close();
      maps = await open();
      rig = new Rig(maps);
    }
    await want(chosen.length > 0 ? chosen : ADDRESSES.slice(0, 1));
    while (performance.now() < until) {
      await pass();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const finished = process.hrtime.bigint();
  await expect.poll(() => connections.at(-1)?.end ?? 0n).toBeGreaterThan(finished);

  const misled = connections.filter(({ start, end, answer }) => {
    const during = periods.filter(({ from, until }) => from <= end && (until === undefined || until >= start));
    return !during.some(({ addresses }) => addresses.includes(answer));
  });
  expect(misled, `seed ${seed}`).toEqual([]);
  expect(connections.length).toBeGreaterThan(1_000);

  await rig.want([service({ frontends: [VIP], backends: [] })]);
  for (let grace = 0; grace < 3; grace += 1) {
    await rig.pass();
    rig.clock.advance(1_000);
  }
  expect(await rig.differences()).toEqual([]);
  await expect.poll(() => connections.at(-1)?.answer).toMatch(/EHOSTUNREACH|EPERM/);
  const image = await observe(
    maps,
    () => 0,
    () => undefined,
  );
  const names = { clusters: new Map(), serviceOf: () => undefined };
  expect(
    describeMaps({ image, datapath: 'ebpf', sizes: sizesOf(maps), names, affinities: [], programMaps: [] }).problems,
  ).toEqual([]);
});
