// How long a change takes from a cluster's etcd into another cluster's kernel: put in east's etcd → the first connect on a node of
// west that reaches the new backend, over many changes in an idle mesh, beside a bare put → watch on the same etcd in the same run.
//
//   npm run bench:propagation -- [--changes 200] [--hops 50] [-o text|json] [--realtime] [--write]
//
// Needs root, etcd, cgroup2, bpffs, a kernel that takes the programs. `--realtime`: before everything else on this machine, which
// need not be idle then. `--write` puts the results into docs/performance.md. Exit codes: 0 within the targets, 1 not, 2 wrong usage.

import { cpus, loadavg } from 'node:os';
import { stopOnSignals } from '../lab/interruption.ts';
import { removeResidue, residueText } from '../lab/residue.ts';
import { labsFolder } from '../lab/state.ts';
import { aboveZero, commandText, npmCommand, outputOption, scriptOptions, wholeNumber } from './command-line.ts';
import { writeSection } from './markdown-section.ts';
import { type Figures, figuresOf } from './propagation/moments.ts';
import { goRealtime } from './propagation/realtime.ts';
import { isWithinTargets, jsonReport, markdownReport, type Results, textReport } from './propagation/report.ts';
import { PropagationStage } from './propagation/stage.ts';

/** Connections, code and caches are not what they are later. Not counted. */
const WARM_UP = 20;
const PROGRESS_EVERY = 25;

interface Options {
  readonly changes: number;
  readonly hops: number;
  readonly output: 'text' | 'json';
  readonly realtime?: true;
  readonly write?: true;
}

const command = npmCommand(
  'bench:propagation',
  "measure a change from one cluster's etcd to another's kernel, beside a bare etcd",
)
  .option('--changes <number>', 'how many backends come', aboveZero, 200)
  .option('--hops <number>', 'how many more come while somebody listens at each place on the way', wholeNumber, 50)
  .option('--realtime', 'run before everything else on this machine; needs root')
  .option('--write', 'put the results into docs/performance.md')
  .addOption(outputOption());

/** What else runs takes the processors from the processes that a change goes through, one after the other. */
function disturbance(): string | undefined {
  const [load = 0] = loadavg();
  return load > cpus().length / 2
    ? `load ${load.toFixed(1)} on ${cpus().length} processors before it began`
    : undefined;
}

const progress = (what: string): void => void process.stderr.write(`… ${what}\n`);

async function measure(stage: PropagationStage, { changes }: Options, signal: AbortSignal) {
  const [raw, whole]: [number[], number[]] = [[], []];
  for (let at = 0; at < WARM_UP + changes; at += 1) {
    signal.throwIfAborted();
    const { begunAt, connectedAt } = await stage.change();
    const bare = await stage.raw();
    if (at < WARM_UP) continue;
    whole.push(connectedAt - begunAt);
    raw.push(bare);
    if (whole.length % PROGRESS_EVERY === 0) progress(`${whole.length} of ${changes} changes`);
  }
  return { raw: figuresOf(raw), propagation: figuresOf(whole) };
}

/** Measured apart, since whoever listens is in the way. */
async function measureHops(stage: PropagationStage, { hops }: Options, signal: AbortSignal) {
  if (hops === 0) return new Map<string, Figures>();
  const changes: { begunAt: number; readonly passedAt: Map<string, number> }[] = [];
  await stage.listen(({ hop, at, backends }) => {
    const passedAt = changes.at(-1)?.passedAt;
    if (backends > 0 && passedAt?.has(hop) === false) passedAt.set(hop, at);
  });
  progress(`${hops} changes with somebody listening at each hop`);
  for (let at = 0; at < hops; at += 1) {
    signal.throwIfAborted();
    // What the change before still passes is not taken for this one's.
    await stage.withdraw();
    const change = { begunAt: 0, passedAt: new Map<string, number>() };
    changes.push(change);
    const { begunAt, endedAt, connectedAt } = await stage.change();
    change.begunAt = begunAt;
    change.passedAt.set('put answered', endedAt).set('first connect', connectedAt);
  }
  const names = new Set(changes.flatMap(({ passedAt }) => [...passedAt.keys()]));
  const figures = [...names].map((hop) => {
    const samples = changes.flatMap(({ begunAt, passedAt }) => (passedAt.get(hop) ?? Number.NaN) - begunAt);
    return [hop, figuresOf(samples.filter(Number.isFinite))] as const;
  });
  return new Map(figures.sort(([, a], [, b]) => a.p50 - b.p50));
}

async function main(): Promise<number> {
  const options = scriptOptions<Options>(command);
  const { signal } = stopOnSignals();
  if (options.realtime && !goRealtime()) progress('the kernel does not let this process run before others');
  for (const line of (await removeResidue(labsFolder())).flatMap(residueText)) progress(line);
  const disturbed = options.realtime ? undefined : disturbance();
  if (disturbed !== undefined) progress(`this machine is not idle, and the figures show it: ${disturbed}`);
  const stage = new PropagationStage(progress);
  try {
    await stage.open(signal);
    const measured = await measure(stage, options, signal);
    const hops = await measureHops(stage, options, signal);
    const results: Results = {
      command: commandText('bench:propagation'),
      ...measured,
      hops,
      disturbed,
      valueBytes: stage.valueBytes,
    };
    process.stdout.write(
      `${options.output === 'json' ? JSON.stringify(jsonReport(results), null, 2) : textReport(results)}\n`,
    );
    if (options.write) writeSection('propagation', markdownReport(results));
    return isWithinTargets(results) ? 0 : 1;
  } finally {
    progress('removing everything that was made');
    for (const left of await stage.close()) progress(`could not be removed: ${left}`);
  }
}

process.exitCode = await main();
