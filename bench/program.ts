// How fast an agent brings a snapshot into the kernel: many services at once, beside a C program that writes the same rows in batches;
// one changed backend of a large service; and what a backend costs in memory.
//
//   npm run bench:program -- [--services 50000] [--rounds 3] [--write]
//
// Needs root, cgroup2, clang, libbpf-dev. `--write` puts the results into docs/performance.md. Exit codes: 0 within the targets, 1 not.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COMPILED_OBJECT, type Datapath, openDatapath } from '../agent/datapath/index.ts';
import { Rig } from '../agent/reconcile/rig.ts';
import { mountBpffs, unmountBpffs } from '../lab/bpffs.ts';
import { cgroup2Mount, createCgroup, removeCgroup } from '../lab/cgroup.ts';
import type { ClusterId, ClusterName, IpAddress, ServiceKey } from '../mesh/model/names.ts';
import type { Backend, MeshService } from '../mesh/model/service.ts';
import { silentLog } from '../runtime/log.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { machineLine, table, writeFigure, writeSection } from './markdown-section.ts';
import { drawPlot } from './svg.ts';

const BACKENDS_EACH = 4;
const RATIO_MAX = 4;
const SERVICES_PER_SECOND_MIN = 100_000;
const LARGE_SERVICE = 5_000;
const CHANGED_ROWS_MAX = 8;
const CHANGED_CPU_MS_MAX = 1;
const MEMORY_SERVICES = 62_500;
const BYTES_PER_BACKEND_MAX = 600;

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
});
const most = Number(values.services);
const rounds = Number(values.rounds);

const quad = (first: number, index: number): IpAddress =>
  `${first}.${16 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}` as IpAddress;

const PORTS = [{ name: '', protocol: 'TCP', port: 80 }] as const;

const backendAt = (index: number): Backend => ({
  address: quad(10, index),
  cluster: 'west' as ClusterName,
  clusterId: 1 as ClusterId,
  state: 'active',
  ports: [{ name: '', protocol: 'TCP', port: 8080 }],
});

const serviceOf = (index: number, first: number, backends: number): MeshService => ({
  key: `shop/s${index}` as ServiceKey,
  frontends: [quad(172, index)],
  ports: PORTS,
  backends: Array.from({ length: backends }, (_, at) => backendAt(first + at)),
});

const servicesOf = (count: number): readonly MeshService[] =>
  Array.from({ length: count }, (_, index) => serviceOf(index, index * BACKENDS_EACH, BACKENDS_EACH));

const dir = mkdtempSync(join(tmpdir(), 'bench-program-'));
const bpffs = join(dir, 'bpffs');
const cgroup = join(cgroup2Mount() ?? '/sys/fs/cgroup', `bench-program-${process.pid}`);
let opened = 0;

/** Empty maps that are large enough, closed again at the end. */
async function withMaps<T>(work: (maps: Datapath) => Promise<T>): Promise<T> {
  opened += 1;
  const place = join(cgroup, String(opened));
  createCgroup(place);
  const maps = await openDatapath({
    pinDir: join(bpffs, String(opened)),
    cgroup: place,
    sizes: { services: 320_000, backends: 260_000, reverseNat: 65_536, services6: 64, backends6: 64, reverseNat6: 64 },
    objectPath: COMPILED_OBJECT,
    log: silentLog,
  });
  try {
    return await work(maps);
  } finally {
    maps.close();
    await removeCgroup(place);
  }
}

/** In milliseconds. Neighbours on the machine lengthen the one, not the other. */
interface Took {
  readonly wall: number;
  readonly cpu: number;
}

/** From a snapshot's services to the last row. */
async function fill(services: readonly MeshService[]): Promise<Took> {
  return withMaps(async (maps) => {
    const rig = new Rig(maps);
    await rig.reconciler.observe();
    const begun = performance.now();
    const used = process.cpuUsage();
    const { complete, written } = await rig.apply(services);
    const wall = performance.now() - begun;
    const { user, system } = process.cpuUsage(used);
    if (!complete || written !== services.length * (2 * BACKENDS_EACH + 2))
      throw new Error(`${written} rows were written`);
    return { wall, cpu: (user + system) / 1_000 };
  });
}

function writeInC(program: string, services: number): Took {
  const said = execFileSync(program, [String(services), String(BACKENDS_EACH)], { encoding: 'utf8' });
  const [wall = Number.NaN, cpu = Number.NaN] = said.split(' ').map((ns) => Number(ns) / 1e6);
  return { wall, cpu };
}

const medianOf = (all: readonly Took[]): Took => ({
  wall: median(all.map(({ wall }) => wall)),
  cpu: median(all.map(({ cpu }) => cpu)),
});

/** One of many backends is replaced, again and again. */
async function changeOne() {
  return withMaps(async (maps) => {
    const rig = new Rig(maps);
    const { backends, ...rest } = serviceOf(0, 0, LARGE_SERVICE);
    await rig.apply([{ ...rest, backends }]);
    const cpu: number[] = [];
    const rows: number[] = [];
    for (let turn = 0; turn < 50; turn += 1) {
      const changed = backends.with(turn * 7, backendAt(LARGE_SERVICE + turn));
      const before = process.cpuUsage();
      const { written, removed } = await rig.apply([{ ...rest, backends: changed }]);
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / 1_000);
      rows.push(written + removed);
      await rig.apply([{ ...rest, backends }]);
    }
    return { cpuMs: median(cpu), rows: Math.max(...rows) };
  });
}

/** Heap and buffers that an agent holds for each backend, the snapshot included. */
async function bytesPerBackend(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  return withMaps(async (maps) => {
    const before = used();
    const rig = new Rig(maps);
    await rig.apply(servicesOf(MEMORY_SERVICES));
    const held = used() - before;
    if (rig.reconciler.image === undefined) throw new Error('nothing is there');
    return held / (MEMORY_SERVICES * BACKENDS_EACH);
  });
}

const median = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;

const program = join(dir, 'rows');
const source = join(packageRoot(), 'bench/program/rows.c');
const filled: { readonly services: number; readonly ours: Took; readonly c: Took }[] = [];
let one = { cpuMs: Number.NaN, rows: Number.NaN };
let bytes = Number.NaN;
try {
  execFileSync('clang', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-lbpf']);
  await mountBpffs(bpffs);
  createCgroup(cgroup);
  await fill(servicesOf(Math.min(1_000, most)));
  for (const services of [...new Set([1_000, 10_000, most])].filter((count) => count <= most)) {
    const wanted = servicesOf(services);
    const ours: Took[] = [];
    const c: Took[] = [];
    for (let round = 0; round < rounds; round += 1) {
      c.push(writeInC(program, services));
      ours.push(await fill(wanted));
    }
    filled.push({ services, ours: medianOf(ours), c: medianOf(c) });
  }
  one = await changeOne();
  bytes = await bytesPerBackend();
} finally {
  await removeCgroup(cgroup);
  await unmountBpffs(bpffs);
  rmSync(dir, { recursive: true, force: true });
}

const largest = filled.at(-1) ?? { services: 0, ours: medianOf([]), c: medianOf([]) };
const ratio = largest.ours.cpu / largest.c.cpu;
const perSecond = largest.services / (largest.ours.cpu / 1_000);
const targets = [
  ['rows in the kernel, processor time against C', ratio.toFixed(2), `≤ ${RATIO_MAX}`, ratio <= RATIO_MAX],
  [
    'services per second of processor time',
    Math.round(perSecond).toLocaleString('en'),
    `≥ ${SERVICES_PER_SECOND_MIN.toLocaleString('en')}`,
    perSecond >= SERVICES_PER_SECOND_MIN,
  ],
  [
    `rows for one changed backend of ${LARGE_SERVICE}`,
    String(one.rows),
    `≤ ${CHANGED_ROWS_MAX}`,
    one.rows <= CHANGED_ROWS_MAX,
  ],
  [
    `CPU for one changed backend of ${LARGE_SERVICE}, ms`,
    one.cpuMs.toFixed(2),
    `≤ ${CHANGED_CPU_MS_MAX}`,
    one.cpuMs <= CHANGED_CPU_MS_MAX,
  ],
  [
    `bytes per backend at ${(MEMORY_SERVICES * BACKENDS_EACH).toLocaleString('en')}`,
    String(Math.round(bytes)),
    `≤ ${BYTES_PER_BACKEND_MAX}`,
    bytes <= BYTES_PER_BACKEND_MAX,
  ],
] as const;
for (const [what, figure, target, met] of targets) {
  process.stdout.write(`${met ? 'met   ' : 'MISSED'}  ${what}: ${figure} (${target})\n`);
}
const rows = filled.map(({ services, ours, c }) => [
  services.toLocaleString('en'),
  ...[ours.wall, ours.cpu, c.wall, c.cpu].map((ms) => ms.toFixed(0)),
  (ours.cpu / c.cpu).toFixed(1),
]);
const shown = table(
  ['services', 'agent, ms', 'agent, ms of processor', 'C, ms', 'C, ms of processor', 'ratio of processor time'],
  rows,
);
process.stdout.write(`${shown}\n`);
if (values.write) {
  const line = (name: string, of: (row: (typeof filled)[number]) => number) => ({
    name,
    points: filled.map((row) => [row.services, of(row)] as const),
  });
  const lines = [line('agent', ({ ours }) => ours.cpu), line('C', ({ c }) => c.cpu)];
  const plot = {
    title: 'From a snapshot to the kernel',
    x: 'services with 4 backends',
    y: 'milliseconds of processor time',
    lines,
  };
  const figure = writeFigure('program', drawPlot(plot));
  writeSection(
    'program',
    [
      '## From a snapshot to the kernel',
      machineLine('npm run bench:program -- --write'),
      `Services with ${BACKENDS_EACH} backends each, every row of them: plan, ids, bytes and batches by the agent, beside a C program that writes the same rows, made beforehand, in batches of 1,024. Medians of ${rounds} interleaved rounds.`,
      shown,
      `![milliseconds by number of services](${figure})`,
      table(
        ['', 'measured', 'target', ''],
        targets.map(([what, value, target, met]) => [what, value, target, met ? 'met' : 'missed']),
      ),
    ].join('\n\n'),
  );
}
process.exitCode = targets.every(([, , , met]) => met) ? 0 : 1;
