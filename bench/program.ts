// How fast an agent brings a snapshot into the kernel: many services at once, beside a C program that writes the same rows in batches;
// one changed backend of a large service; what a backend costs in memory; and for how long the event loop is kept from other things.
//
//   npm run bench:program -- [--services 50000] [--rounds 7] [--write]
//
// Needs root, cgroup2, clang, libbpf-dev. `--write` puts the results into docs/performance.md. Exit codes: 0 within the targets, 1 not.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COMPILED_OBJECT, type Datapath, openDatapath } from '../agent/datapath/index.ts';
import { Rig } from '../agent/reconcile/rig.ts';
import { mountBpffs, unmountBpffs } from '../lab/bpffs.ts';
import { cgroup2Mount, createCgroup, removeCgroup } from '../lab/cgroup.ts';
import { applyDelta, diffSnapshots } from '../mesh/snapshot/delta.ts';
import { compareBackends } from '../mesh/snapshot/order.ts';
import type { MeshSnapshot } from '../mesh/snapshot/snapshot.ts';
import { silentLog } from '../runtime/log.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { limitYoungGeneration } from '../runtime/young-generation.ts';
import { aboveZero, npmCommand, scriptOptions } from './command-line.ts';
import { machineLine, table, writeFigure, writeSection } from './markdown-section.ts';
import { type LongestTurn, longestTurn } from './program/longest-turn.ts';
import { BACKENDS_EACH, backendAt, messagesOf, serviceOf, servicesOf, snapshotOf } from './program/sample.ts';
import { WholeAgent } from './program/whole-agent.ts';
import { drawPlot } from './svg.ts';

const RATIO_MAX = 4;
const SERVICES_PER_SECOND_MIN = 100_000;
const LARGE_SERVICE = 5_000;
const CHANGED_ROWS_MAX = 8;
const CHANGED_CPU_MS_MAX = 1;
const MEMORY_SERVICES = 62_500;
const BYTES_PER_BACKEND_MAX = 600;
const TURN_MS_MAX = 10;

const {
  services: most,
  rounds,
  write,
} = scriptOptions<{ readonly services: number; readonly rounds: number; readonly write?: true }>(
  npmCommand('bench:program', 'measure how fast an agent brings a snapshot into the kernel, beside a C program')
    .option('--services <number>', 'the most that are programmed together', aboveZero, 50_000)
    .option('--rounds <number>', 'how often each is measured', aboveZero, 7)
    .option('--write', 'put the results into docs/performance.md'),
);

// As an agent does when it starts.
limitYoungGeneration();
const dir = mkdtempSync(join(tmpdir(), 'bench-program-'));
const bpffs = join(dir, 'bpffs');
const cgroup = join(cgroup2Mount() ?? '/sys/fs/cgroup', `bench-program-${process.pid}`);
let opened = 0;

/** Empty maps that are large enough, closed again at the end; they can be opened anew, as by the next process. */
async function withMaps<T>(work: (maps: Datapath, reopen: () => Promise<Datapath>) => Promise<T>): Promise<T> {
  opened += 1;
  const place = join(cgroup, String(opened));
  createCgroup(place);
  const handles: Datapath[] = [];
  const open = async () => {
    const maps = await openDatapath({
      pinDir: join(bpffs, String(opened)),
      cgroup: place,
      sizes: {
        services: 320_000,
        backends: 260_000,
        reverseNat: 65_536,
        services6: 64,
        backends6: 64,
        reverseNat6: 64,
      },
      objectPath: COMPILED_OBJECT,
      log: silentLog,
    });
    handles.push(maps);
    return maps;
  };
  try {
    return await work(await open(), open);
  } finally {
    for (const maps of handles) maps.close();
    await removeCgroup(place);
  }
}

/** In milliseconds. Neighbours on the machine lengthen the one, not the other. */
interface Took {
  readonly wall: number;
  readonly cpu: number;
}

/** From a snapshot to the last row, by an agent whose maps are empty. */
async function fill(snapshot: MeshSnapshot): Promise<Took> {
  return withMaps(async (maps) => {
    const agent = new WholeAgent(maps);
    const { reconciler } = agent.programmer;
    while (reconciler.image === undefined) await setImmediate();
    const begun = performance.now();
    const used = process.cpuUsage();
    await agent.take(snapshot);
    const wall = performance.now() - begun;
    const { user, system } = process.cpuUsage(used);
    await agent.stop();
    const { written } = reconciler.counters;
    if (written !== snapshot.services.size * (2 * BACKENDS_EACH + 2)) throw new Error(`${written} rows were written`);
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
    const service = serviceOf(0, 0, LARGE_SERVICE);
    const backends = [...service.backends];
    const usual = snapshotOf([service]);
    await rig.apply([service]);
    const cpu: number[] = [];
    const rows: number[] = [];
    for (let turn = 0; turn < 50; turn += 1) {
      const replaced = backends.with(turn * 7, backendAt(LARGE_SERVICE + turn)).sort(compareBackends);
      const changed = { ...service, backends: replaced };
      const stepped = applyDelta(usual, diffSnapshots(usual, snapshotOf([changed])));
      if (!stepped.ok) throw new Error(stepped.error);
      const services = [...stepped.value.services.values()];
      const before = process.cpuUsage();
      const { written, removed } = await rig.apply(services);
      const { user, system } = process.cpuUsage(before);
      cpu.push((user + system) / 1_000);
      rows.push(written + removed);
      await rig.apply([service]);
    }
    return { cpuMs: median(cpu), rows: Math.max(...rows) };
  });
}

/** Heap and buffers that an agent holds for each backend, the snapshot included, as it came over the wire. */
async function bytesPerBackend(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const messages = messagesOf(servicesOf(MEMORY_SERVICES));
  return withMaps(async (maps) => {
    const before = used();
    const agent = new WholeAgent(maps);
    await agent.receive(messages);
    const held = used() - before;
    await agent.stop();
    return held / (MEMORY_SERVICES * BACKENDS_EACH);
  });
}

/** While an agent does what takes longest: takes in a whole snapshot, looks its maps through, starts on full ones. */
async function longestTurns(
  services: number,
): Promise<Readonly<Record<'filling' | 'verifying' | 'starting', LongestTurn>>> {
  const messages = messagesOf(servicesOf(services));
  return withMaps(async (maps, reopen) => {
    const first = new WholeAgent(maps);
    const filling = await longestTurn(() => first.receive(messages));
    const verifying = await longestTurn(() => first.programmer.reconciler.verify());
    await first.stop();
    const next = new WholeAgent(await reopen());
    const starting = await longestTurn(() => next.receive(messages));
    await next.stop();
    return { filling, verifying, starting };
  });
}

const median = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;

const program = join(dir, 'rows');
const source = join(packageRoot(), 'bench/program/rows.c');
interface Filled {
  readonly services: number;
  readonly ours: Took;
  /** Processor time of the fastest and of the slowest fill: into one of two or three falls a collection of the whole heap. */
  readonly between: readonly [least: number, most: number];
  readonly c: Took;
}
const filled: Filled[] = [];
let one = { cpuMs: Number.NaN, rows: Number.NaN };
let bytes = Number.NaN;
const turns: Awaited<ReturnType<typeof longestTurns>>[] = [];
try {
  execFileSync('clang', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-lbpf']);
  await mountBpffs(bpffs);
  createCgroup(cgroup);
  await fill(snapshotOf(servicesOf(Math.min(1_000, most))));
  for (const services of [...new Set([1_000, 10_000, most])].filter((count) => count <= most)) {
    const wanted = snapshotOf(servicesOf(services));
    const ours: Took[] = [];
    const c: Took[] = [];
    for (let round = 0; round < rounds; round += 1) {
      c.push(writeInC(program, services));
      ours.push(await fill(wanted));
    }
    const cpus = ours.map(({ cpu }) => cpu);
    filled.push({
      services,
      ours: medianOf(ours),
      between: [Math.min(...cpus), Math.max(...cpus)],
      c: medianOf(c),
    });
  }
  one = await changeOne();
  bytes = await bytesPerBackend();
  for (let round = 0; round < rounds; round += 1) turns.push(await longestTurns(most));
} finally {
  await removeCgroup(cgroup);
  await unmountBpffs(bpffs);
  rmSync(dir, { recursive: true, force: true });
}

const largest = filled.at(-1) ?? { services: 0, ours: medianOf([]), c: medianOf([]) };
const ratio = largest.ours.cpu / largest.c.cpu;
const perSecond = largest.services / (largest.ours.cpu / 1_000);
const perSecondByClock = largest.services / (largest.ours.wall / 1_000);
const targets = [
  ['rows in the kernel, processor time against C', ratio.toFixed(2), `≤ ${RATIO_MAX}`, ratio <= RATIO_MAX],
  [
    'services per second of processor time (by the clock)',
    `${Math.round(perSecond).toLocaleString('en')} (${Math.round(perSecondByClock).toLocaleString('en')})`,
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
  ...(['filling', 'verifying', 'starting'] as const).map((during) => {
    const cpu = median(turns.map((round) => round[during].cpu));
    const wall = median(turns.map((round) => round[during].wall));
    return [
      `longest turn of the event loop ${during}, ms of processor time (by the clock)`,
      `${cpu.toFixed(1)} (${wall.toFixed(1)})`,
      `≤ ${TURN_MS_MAX}`,
      cpu <= TURN_MS_MAX,
    ] as const;
  }),
] as const;
for (const [what, figure, target, met] of targets) {
  process.stdout.write(`${met ? 'met   ' : 'MISSED'}  ${what}: ${figure} (${target})\n`);
}
const rows = filled.map(({ services, ours, between, c }) => [
  services.toLocaleString('en'),
  ...[ours.wall, ours.cpu].map((ms) => ms.toFixed(0)),
  between.map((ms) => ms.toFixed(0)).join('–'),
  ...[c.wall, c.cpu].map((ms) => ms.toFixed(0)),
  (ours.cpu / c.cpu).toFixed(1),
]);
const shown = table(
  [
    'services',
    'agent, ms',
    'agent, ms of processor',
    'fastest–slowest',
    'C, ms',
    'C, ms of processor',
    'ratio of processor time',
  ],
  rows,
);
process.stdout.write(`${shown}\n`);
if (write === true) {
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
      'The memory and the turns are those of an agent that reads its snapshot from the messages of a stream. Filling: the snapshot comes in and is programmed; verifying: all maps are dumped and compared, as once a minute; starting: a new process finds its ids in full maps and is sent the snapshot.',
    ].join('\n\n'),
  );
}
process.exitCode = targets.every(([, , , met]) => met) ? 0 : 1;
