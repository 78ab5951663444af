// What a mesh of many clusters costs one of them: a real cluster (etcd, API server, agent with maps in memory) beside the played doors
// of all others, over loopback. What each measure means: docs/scaling.md.
//
//   npm run bench:mesh -- [--short] [--clusters 250] [--nodes 100] [--identities 100] [--endpoints 1000] [--services 20]
//     [--backends 50] [--rate 325] [--seconds 30] [--large 5000] [--agents 100] [--only bare,churn,large,agents,storm,silence] [-o text|json]
//
// Needs etcd. Exit codes: 0 within the bounds, 1 not, 2 wrong usage. LOOP_PROBE_PROFILE in the environment: docs/scaling.md.

import { parseArgs } from 'node:util';
import { machineLine } from './markdown-section.ts';
import { exceeded, markdownReport } from './mesh/report.ts';
import { MEASURES, type Measure, type RunOptions, runMesh } from './mesh/run.ts';
import { FULL, isPlayable, type MeshSize, SHORT } from './mesh/size.ts';

const SIZES = ['clusters', 'nodes', 'identities', 'endpoints', 'services', 'backends'] as const;
/** The reader has an id of its own, and there are 255. */
const CLUSTERS_MAX = 254;

function readOptions(): (RunOptions & { readonly json: boolean }) | undefined {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      options: {
        ...{ clusters: text, nodes: text, identities: text, endpoints: text, services: text, backends: text },
        ...{ rate: text, seconds: text, large: text, agents: text, only: text },
        short: { type: 'boolean', default: false },
        output: { type: 'string', short: 'o', default: 'text' },
      },
    });
    const whole = (value: string | undefined, usual: number): number => {
      const number = value === undefined ? usual : Number(value);
      if (!Number.isInteger(number) || number < 1) throw new TypeError(`${value} is not a whole number above 0`);
      return number;
    };
    const base = values.short ? SHORT : FULL;
    const size = Object.fromEntries(SIZES.map((name) => [name, whole(values[name], base[name])])) as Record<
      keyof MeshSize,
      number
    >;
    const measures = values.only?.split(',') ?? MEASURES;
    const known = measures.every((name): name is Measure => (MEASURES as readonly string[]).includes(name));
    const fits = size.clusters <= CLUSTERS_MAX && isPlayable(size);
    if (known && fits && (values.output === 'text' || values.output === 'json')) {
      const churn = { perSecond: whole(values.rate, 325), seconds: whole(values.seconds, values.short ? 5 : 30) };
      const largeBackends = whole(values.large, 5_000);
      const json = values.output === 'json';
      const agents = whole(values.agents, 100);
      return { size, measures: new Set(measures as readonly Measure[]), churn, largeBackends, agents, json };
    }
  } catch {
    // Said below.
  }
  process.stderr.write(
    'usage: bench:mesh -- [--short] [--clusters N] [--nodes N] [--identities N] [--endpoints N] [--services N] [--backends N]\n' +
      `         [--rate N] [--seconds N] [--large N] [--agents N] [--only ${MEASURES.join(',')}] [-o text|json]\n` +
      `at most ${CLUSTERS_MAX} clusters, and services × backends at most as many as endpoints\n`,
  );
  return undefined;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stop.abort(new Error(`ended by ${name}`)));
  }
  const begun = performance.now();
  const progress = (what: string) =>
    void process.stderr.write(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(7)} s  ${what}\n`);
  const results = await runMesh(options, progress, stop.signal);
  const worse = exceeded(results);
  const command = ['npm run bench:mesh --', ...process.argv.slice(2)].join(' ');
  const text = options.json
    ? JSON.stringify({ command, ...results, worse }, undefined, 2)
    : [machineLine(command), markdownReport(results), ...worse].join('\n\n');
  process.stdout.write(`${text}\n`);
  return worse.length === 0 ? 0 : 1;
}

process.exitCode = await main();
