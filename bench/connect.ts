// What a service costs a connect: direct, through our maps, through iptables (legacy and nft) and through an nft verdict map, with any
// number of services, in one run and interleaved. The service that is dialled is the last one in every list.
//
//   npm run bench:connect -- [--services 1,1000,10000,50000] [--rounds 7] [--connects 1500] [--write]
//
// Needs root, cgroup2, clang, iproute2; iptables and nftables where they are to be compared (apt-get install iptables nftables).
// `--write` puts the results into docs/performance.md. Exit codes: 0 within the target, 1 not.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPILED_OBJECT, type Datapath, openDatapath } from '../agent/datapath/index.ts';
import { backendKey, backendValue, masterValue, serviceKey, slotValue } from '../agent/maps/layout.ts';
import type { MapRow } from '../agent/maps/port.ts';
import { mountBpffs, unmountBpffs } from '../lab/bpffs.ts';
import { cgroup2Mount, createCgroup, removeCgroup } from '../lab/cgroup.ts';
import { HOST, type Place } from '../lab/place.ts';
import type { IpAddress } from '../mesh/model/names.ts';
import { reasonOf } from '../runtime/errors.ts';
import { silentLog } from '../runtime/log.ts';
import { aboveZero, npmCommand, scriptOptions } from './command-line.ts';
import { Arena, type Latency } from './connect/arena.ts';
import { iptablesRules, nftRules } from './connect/rules.ts';
import { ADDRESSES, BACKEND_PORT, PORT, vip } from './connect/services.ts';
import { machineLine, table, writeFigure, writeSection } from './markdown-section.ts';
import { drawPlot } from './svg.ts';

/** Of the medians at p50. */
const RATIO_MAX = 1.1;

interface Options {
  readonly services: readonly number[];
  readonly rounds: number;
  readonly connects: number;
  readonly write?: true;
}

const {
  services: counts,
  rounds,
  connects,
  write,
} = scriptOptions<Options>(
  npmCommand('bench:connect', 'measure what a service costs a connect, by the number of services and by who translates')
    .option(
      '--services <numbers>',
      'how many there are',
      (text) => text.split(',').map(aboveZero),
      [1, 1_000, 10_000, 50_000],
    )
    .option('--rounds <number>', 'how often each way is measured', aboveZero, 7)
    .option('--connects <number>', 'connects of one round', aboveZero, 1_500)
    .option('--write', 'put the results into docs/performance.md'),
);

/** One way to a backend. `load` makes it lead there from that many services. */
interface Way {
  readonly name: string;
  readonly arena: Arena;
  readonly place: Place;
  readonly target: (services: number) => readonly [address: string, port: number];
  readonly load: (services: number) => Promise<void>;
}

async function fill(maps: Datapath, services: number): Promise<void> {
  const backends = ADDRESSES.map((address, index): MapRow => {
    const row = {
      address: address as IpAddress,
      port: BACKEND_PORT,
      protocol: 'TCP',
      state: 'active',
      clusterId: 1,
    } as const;
    return { key: backendKey(index + 1), value: backendValue(row) };
  });
  await maps.update('backends', backends);
  const rows: MapRow[] = [];
  for (let at = 0; at < services; at += 1) {
    const frontend = { address: vip(at), port: PORT, protocol: 'TCP' } as const;
    const revNatId = at + 1;
    for (const slot of [1, 2, 3, 4]) {
      rows.push({ key: serviceKey({ ...frontend, slot }), value: slotValue({ backendId: slot, revNatId }) });
    }
    rows.push({ key: serviceKey({ ...frontend, slot: 0 }), value: masterValue({ count: 4, revNatId }) });
  }
  await maps.update('services', rows);
}

const median = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;

interface Measured {
  readonly latencies: ReadonlyMap<string, Latency>;
  /** Ours against direct at p50, in the same round: what else the machine does then bears on both. */
  readonly ratio: number;
}

async function measure(ways: readonly Way[], services: number): Promise<Measured> {
  const loaded: Way[] = [];
  for (const way of ways) {
    try {
      await way.load(services);
      loaded.push(way);
    } catch (error) {
      process.stderr.write(`${way.name} with ${services} services: ${reasonOf(error).split('\n')[0]}\n`);
    }
  }
  const seen = new Map<string, Latency[]>(loaded.map(({ name }) => [name, []]));
  // The first round warms caches and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, arena, place, target } of loaded) {
      const latency = await arena.time(place, ...target(services), connects);
      if (round > 0) seen.get(name)?.push(latency);
    }
  }
  const medians = [...seen].map(([name, all]) => {
    return [name, { p50: median(all.map(({ p50 }) => p50)), p99: median(all.map(({ p99 }) => p99)) }] as const;
  });
  const direct = seen.get('direct') ?? [];
  const ratios = (seen.get('clustermesh') ?? []).map(({ p50 }, round) => p50 / (direct[round]?.p50 ?? Number.NaN));
  return { latencies: new Map(medians), ratio: median(ratios) };
}

const dir = mkdtempSync(join(tmpdir(), 'bench-connect-'));
const bpffs = join(dir, 'bpffs');
const cgroup = join(cgroup2Mount() ?? '/sys/fs/cgroup', `bench-connect-${process.pid}`);
const arenas = ['plain', 'legacy', 'nft', 'map'].map((name) => new Arena(`cm-bench-${process.pid}-${name}`, dir));
const [plain, legacy, nft, map] = arenas as [Arena, Arena, Arena, Arena];
const results = new Map<number, Measured>();
let maps: Datapath | undefined;
try {
  await mountBpffs(bpffs);
  createCgroup(cgroup);
  for (const arena of arenas) await arena.open();
  const size = Math.max(...counts) * 5 + 1;
  const opened = await openDatapath({
    pinDir: join(bpffs, 'node'),
    cgroup,
    sizes: { services: size, backends: 64, reverseNat: 64, services6: 64 },
    objectPath: COMPILED_OBJECT,
    log: silentLog,
  });
  maps = opened;
  const last = (services: number) => [vip(services - 1), PORT] as const;
  const ways: readonly Way[] = [
    { name: 'direct', arena: plain, place: HOST, target: () => [ADDRESSES[0], BACKEND_PORT], load: async () => {} },
    { name: 'clustermesh', arena: plain, place: { cgroup }, target: last, load: (services) => fill(opened, services) },
    ...(
      [
        ['iptables-legacy', legacy],
        ['iptables-nft', nft],
      ] as const
    ).map(([name, arena]) => ({
      ...{ name, arena, place: HOST, target: last },
      load: (services: number) => arena.load(`${name}-restore`, [], iptablesRules(services)),
    })),
    {
      ...{ name: 'nft map', arena: map, place: HOST, target: last },
      load: (services) =>
        map.load('nft', ['-f', '-'], `table ip bench {}\ndelete table ip bench\n${nftRules(services)}`),
    },
  ];
  for (const services of counts) {
    const measured = await measure(ways, services);
    results.set(services, measured);
    for (const [name, { p50, p99 }] of measured.latencies) {
      process.stdout.write(`${services} services  ${name}: p50 ${p50.toFixed(1)} us, p99 ${p99.toFixed(1)} us\n`);
    }
  }
} finally {
  maps?.close();
  for (const arena of arenas) await arena.close();
  await removeCgroup(cgroup);
  await unmountBpffs(bpffs);
  rmSync(dir, { recursive: true, force: true });
}

const names = [...new Set([...results.values()].flatMap(({ latencies }) => [...latencies.keys()]))];
const worst = Math.max(...[...results.values()].map(({ ratio }) => ratio));
process.stdout.write(`clustermesh against direct at p50: at most ${worst.toFixed(2)} (target ${RATIO_MAX})\n`);
if (write === true) {
  const lines = names.map((name) => ({
    name,
    points: [...results].flatMap(([services, measured]) => {
      const p50 = measured.latencies.get(name)?.p50;
      return p50 === undefined ? [] : [[services, p50] as const];
    }),
  }));
  const plot = { title: 'TCP connect to the last of N services, p50', x: 'services', y: 'microseconds', lines };
  const figure = writeFigure('connect', drawPlot(plot));
  const cell = (latency: Latency | undefined) =>
    latency === undefined ? '-' : `${latency.p50.toFixed(1)} / ${latency.p99.toFixed(1)}`;
  const rows = [...results].map(([services, measured]) => [
    services.toLocaleString('en'),
    ...names.map((name) => cell(measured.latencies.get(name))),
    measured.ratio.toFixed(2),
  ]);
  writeSection(
    'connect',
    [
      '## What a service costs a connect',
      machineLine('npm run bench:connect -- --write'),
      `connect() of new TCP sockets on loopback, p50 / p99 in microseconds: medians of ${rounds} rounds of ${connects} connects, the ways interleaved. The last column is the median of the rounds' own ratios at p50. The last service of each list is dialled. A dash: the rules were not loaded within 20 seconds.`,
      table(['services', ...names, 'clustermesh / direct'], rows),
      `![connect p50 by number of services](${figure})`,
      `Target: clustermesh ÷ direct ≤ ${RATIO_MAX} at p50, flat in the number of services.`,
    ].join('\n\n'),
  );
}
process.exitCode = worst <= RATIO_MAX ? 0 : 1;
