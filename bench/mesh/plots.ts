// The figures of one run, by the name of their file: how a bootstrap went, how long changes took, and queues, memory, CPU and event loops
// over the whole run. Pure.

import { type Band, drawPlot, type Line, type Plot } from '../svg.ts';
import type { Scale } from '../svg-axis.ts';
import { PROCESSES } from './processes.ts';
import type { Results } from './results.ts';
import type { Process } from './stage.ts';
import type { ProcessSample, Timeline } from './timeline.ts';

export interface Figure {
  readonly name: string;
  /** What a reader sees in it, for those who cannot. */
  readonly says: string;
  readonly svg: string;
}

const NAMES: Readonly<Record<Process, string>> = {
  apiserver: 'API server',
  agent: 'agent',
  etcd: 'etcd',
  player: 'played doors',
};
/** What is measured; the rest is there for it. */
const OURS: readonly Process[] = ['apiserver', 'agent'];
const LINEAR: Scale = { type: 'linear' };
const MIB = 2 ** 20;

export function figuresOfRun(results: Results): readonly Figure[] {
  const { clusters } = results.size;
  const figure: DrawFigure = (name, says, plot) => ({
    name,
    says,
    svg: drawPlot({ title: `${says}, ${clusters} clusters`, ...plot }),
  });
  const { timeline } = results;
  const overTime = { x: 'seconds since the run began', xScale: LINEAR, bands: bandsOf(timeline) };
  return [
    figure('bootstrap', 'A bootstrap beside the bare copy of the same records', {
      x: 'seconds since it began',
      y: '% of what there is in the end',
      xScale: LINEAR,
      yScale: LINEAR,
      lines: bootstrapLines(results),
    }),
    ...latencyFigure(results, figure),
    queueFigure(timeline, figure, overTime),
    figure('memory', 'Memory of each process', {
      ...overTime,
      y: 'MiB',
      yScale: LINEAR,
      lines: [
        ...processLines(timeline, ({ rssBytes }) => rssBytes / MIB),
        ...processLines(timeline, ({ heapBytes }) => heapBytes && heapBytes / MIB, OURS, ', heap in use'),
      ],
    }),
    figure('cpu', 'CPU of each process', {
      ...overTime,
      y: '% of one core',
      yScale: LINEAR,
      lines: cpuLines(timeline),
    }),
    figure('loops', 'How late each event loop was at most', {
      ...overTime,
      y: 'milliseconds, in each second',
      lines: processLines(timeline, ({ lateMs }) => lateMs, OURS),
    }),
  ];
}

/** Where each measure was taken. */
const bandsOf = ({ phases }: Timeline): readonly Band[] =>
  phases.map(({ name, fromMs, toMs }) => ({ name, from: fromMs / 1_000, to: toMs / 1_000 }));

function bootstrapLines({ bare, bootstrap, timeline }: Results): readonly Line[] {
  const phase = timeline.phases.find(({ name }) => name === 'bootstrap');
  if (phase === undefined) return [];
  const during = timeline.samples.filter(({ atMs }) => atMs >= phase.fromMs && atMs <= phase.toMs);
  const progress = (name: string, of: 'admitted' | 'programmed'): Line => {
    const points = during.flatMap((sample) => {
      const value = sample[of];
      return value === undefined ? [] : [[(sample.atMs - phase.fromMs) / 1_000, value] as const];
    });
    // Whoever is asked in the end has all of it; what came before is measured against that.
    const after = timeline.samples.find((sample) => sample.atMs > phase.toMs && sample[of] !== undefined)?.[of];
    const whole = Math.max(after ?? 0, ...points.map(([, value]) => value), 1);
    return { name, points: [[0, 0], ...shareOf(points, whole), [bootstrap.ms / 1_000, 100]] };
  };
  const copied = (bare?.progress ?? []).map(([ms, records]) => [ms / 1_000, records] as const);
  return [
    ...(bare === undefined ? [] : [{ name: 'bare copy', points: shareOf(copied, bare.records) }]),
    progress('admitted', 'admitted'),
    progress("in the agent's maps", 'programmed'),
  ];
}

const shareOf = (points: Line['points'], whole: number): Line['points'] =>
  points.map(([at, value]) => [at, (100 * value) / whole]);

/** So that p99 is as wide as p50: the share of changes that took longer, by powers of ten. */
const PERCENTILES = [0, 50, 90, 95, 99, 99.9];
const beyond = (percentile: number): number => 100 / (100 - percentile);

function latencyFigure({ churn, large, publish, agents }: Results, figure: DrawFigure): readonly Figure[] {
  const lines = [
    line('in churn, to the maps', churn?.samples),
    line('of a large service', large?.samples),
    line('own service, to the etcd', publish?.samples),
    line('to each of many agents', agents?.samples),
  ].flat();
  if (lines.length === 0) return [];
  return [
    figure('latency', 'From a put to where it has to be', {
      x: 'percentile of the changes',
      y: 'milliseconds',
      xScale: {
        type: 'log',
        ticks: PERCENTILES.map((at) => ({ at: beyond(at), label: at === 0 ? 'least' : `p${at}` })),
      },
      lines,
    }),
  ];
}

function line(name: string, samples: readonly number[] | undefined): readonly Line[] {
  if (samples === undefined || samples.length === 0) return [];
  const sorted = [...samples].sort((a, b) => a - b);
  return [{ name, points: sorted.map((ms, at) => [sorted.length / (sorted.length - at), ms]) }];
}

type DrawFigure = (name: string, says: string, plot: Omit<Plot, 'title'>) => Figure;

/** Nearly always there is nothing in them, and sometimes very much. */
function queueFigure(timeline: Timeline, figure: DrawFigure, overTime: Pick<Plot, 'x' | 'xScale' | 'bands'>): Figure {
  const lines = queueLines(timeline);
  const most = Math.max(10, ...lines.flatMap(({ points }) => points.map(([, depth]) => depth)));
  const powers = Array.from({ length: Math.ceil(Math.log10(most)) }, (_, index) => 10 ** (index + 1));
  const ticks = [{ at: 1, label: '0 or 1' }, ...powers.map((at) => ({ at, label: at.toLocaleString('en') }))];
  const says = 'What waits in each queue';
  return figure('queues', says, { ...overTime, y: 'items', yScale: { type: 'log', ticks }, lines });
}

function queueLines({ samples }: Timeline): readonly Line[] {
  const asked = samples.flatMap(({ atMs, queues }) => (queues === undefined ? [] : [{ atMs, queues }]));
  const names = new Set(asked.flatMap(({ queues }) => Object.keys(queues)));
  return [...names].map((name) => ({
    name,
    points: asked.flatMap(({ atMs, queues }) => {
      const depth = queues[name];
      return depth === undefined ? [] : [[atMs / 1_000, Math.max(1, depth)] as const];
    }),
  }));
}

function processLines(
  { samples }: Timeline,
  value: (sample: ProcessSample) => number | undefined,
  of: readonly Process[] = PROCESSES,
  more = '',
): readonly Line[] {
  return of.flatMap((process) => {
    const points = samples.flatMap(({ atMs, processes }) => {
      const sample = processes[process];
      const at = sample && value(sample);
      return at === undefined ? [] : [[atMs / 1_000, at] as const];
    });
    return points.length === 0 ? [] : [{ name: `${NAMES[process]}${more}`, points }];
  });
}

/** Between one sample and the next. A process that was started anew begins at nothing. */
function cpuLines({ samples }: Timeline): readonly Line[] {
  return PROCESSES.map((process) => ({
    name: NAMES[process],
    points: samples.slice(1).flatMap(({ atMs, processes }, index) => {
      const before = samples[index];
      const [from, to] = [before?.processes[process], processes[process]];
      if (before === undefined || from === undefined || to === undefined || to.cpuMs < from.cpuMs) return [];
      return [[atMs / 1_000, (100 * (to.cpuMs - from.cpuMs)) / (atMs - before.atMs)] as const];
    }),
  }));
}
