// How long a change takes from a cluster's etcd into another cluster's kernel: put in east's etcd → the first connect on a node of
// west that reaches the new backend, over many changes in an idle mesh, beside a bare put → watch on the same etcd in the same run.
//
//   npm run bench:propagation -- [--changes 200] [--hops 50] [-o json]
//
// Needs root, etcd, cgroup2, bpffs, a kernel that takes the programs. Exit codes: 0 within the targets, 1 not, 2 wrong usage.

import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figures, figuresOf } from './propagation/moments.ts';
import { PropagationStage } from './propagation/stage.ts';

/** Against the bare put → watch of the same run. */
const P50_RATIO_MAX = 5;
const P99_MS_MAX = 50;
/** Connections, code and caches are not what they are later. Not counted. */
const WARM_UP = 20;
const PROGRESS_EVERY = 25;

interface Options {
  readonly changes: number;
  readonly hops: number;
  readonly json: boolean;
}

function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        changes: { type: 'string', default: '200' },
        hops: { type: 'string', default: '50' },
        output: { type: 'string', short: 'o', default: 'text' },
      },
    });
    const [changes, hops] = [Number(values.changes), Number(values.hops)];
    const known = values.output === 'text' || values.output === 'json';
    if (known && Number.isInteger(changes) && changes > 0 && Number.isInteger(hops) && hops >= 0) {
      return { changes, hops, json: values.output === 'json' };
    }
  } catch {
    // Said below.
  }
  process.stderr.write('usage: bench:propagation -- [--changes 200] [--hops 50] [-o text|json]\n');
  return undefined;
}

/** What else runs takes the processors from the seven processes that a change goes through, one after the other. */
const busy = (): string | undefined => {
  const [load = 0] = loadavg();
  return load > cpus().length / 2
    ? `load ${load.toFixed(1)} on ${cpus().length} processors before the start`
    : undefined;
};

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
  return { raw: figuresOf(raw), whole: figuresOf(whole) };
}

/** Milliseconds from the put to each place on the way; measured apart, since whoever listens is in the way. */
async function measureHops(stage: PropagationStage, { hops }: Options, signal: AbortSignal) {
  const moments = new Map<string, number[]>();
  if (hops === 0) return new Map<string, Figures>();
  let passed = new Map<string, number>();
  await stage.listen(({ hop, at, backends }) => {
    if (backends > 0 && !passed.has(hop)) passed.set(hop, at);
  });
  progress(`${hops} changes with somebody listening at each hop`);
  for (let at = 0; at < hops; at += 1) {
    signal.throwIfAborted();
    await stage.withdraw();
    passed = new Map();
    const { begunAt, endedAt, connectedAt } = await stage.change();
    passed.set('put answered', endedAt);
    passed.set('first connect', connectedAt);
    for (const [hop, when] of passed) moments.set(hop, [...(moments.get(hop) ?? []), when - begunAt]);
  }
  const inOrder = [...moments].map(([hop, samples]) => [hop, figuresOf(samples)] as const);
  return new Map(inOrder.sort(([, a], [, b]) => a.p50 - b.p50));
}

const round = (ms: number): number => Math.round(ms * 100) / 100;
const row = (name: string, { p50, p99, max }: Figures): string =>
  `${name.padEnd(34)}${[p50, p99, max].map((ms) => ms.toFixed(2).padStart(9)).join('')}`;

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error(`ended by ${name}`)));
  const disturbed = busy();
  if (disturbed !== undefined) progress(`this machine is not idle, and the figures show it: ${disturbed}`);
  const stage = new PropagationStage(progress);
  try {
    await stage.open(stop.signal);
    const { raw, whole } = await measure(stage, options, stop.signal);
    const hops = await measureHops(stage, options, stop.signal);
    const ratio = whole.p50 / raw.p50;
    const ok = ratio <= P50_RATIO_MAX && whole.p99 <= P99_MS_MAX;
    const machine = { cpu: cpus()[0]?.model ?? '', cpus: cpus().length, kernel: release(), node: process.version };
    if (options.json) {
      const figures = ({ count, ...ms }: Figures) => ({
        count,
        ...Object.fromEntries(Object.entries(ms).map(([name, value]) => [`${name}_ms`, round(value)])),
      });
      const document = {
        schema_version: 1,
        ok,
        machine,
        ...(disturbed === undefined ? {} : { disturbed }),
        value_bytes: stage.valueBytes,
        raw: figures(raw),
        propagation: figures(whole),
        p50_ratio: round(ratio),
        targets: { p50_ratio_max: P50_RATIO_MAX, p99_ms_max: P99_MS_MAX },
        hops: Object.fromEntries([...hops].map(([hop, at]) => [hop, figures(at)])),
      };
      process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    } else {
      const lines = [
        `${machine.cpus} × ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}; ${whole.count} changes, ${stage.valueBytes} B`,
        '',
        `${'milliseconds'.padEnd(34)}${['p50', 'p99', 'max'].map((head) => head.padStart(9)).join('')}`,
        row('bare etcd: put → watch', raw),
        row('put in east → first connect in west', whole),
        '',
        `p50 is ${ratio.toFixed(2)} × the bare one (target: at most ${P50_RATIO_MAX}); p99 ${whole.p99.toFixed(1)} ms (target: at most ${P99_MS_MAX})`,
        ...(hops.size === 0 ? [] : ['', 'from the put, with somebody listening at each hop:']),
        ...[...hops].map(([hop, figures]) => row(`  ${hop}`, figures)),
        ...(disturbed === undefined ? [] : ['', `The machine was not idle: ${disturbed}.`]),
        '',
        ok ? 'Within the targets.' : 'Not within the targets.',
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    }
    return ok ? 0 : 1;
  } finally {
    progress('removing everything that was made');
    for (const left of await stage.close()) progress(`could not be removed: ${left}`);
  }
}

process.exitCode = await main();
