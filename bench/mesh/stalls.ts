// What kept the event loops of the measured programs busy when they were late: reads the profiles and the stalls that a run with
// LOOP_PROBE_PROFILE leaves behind, and tells the longest stalls with the functions in which their time went.
//
//   npm run -s bench:stalls -- FOLDER [how many]

import { readdirSync, readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';
import type { Stall } from './loop-probe.ts';

/** Functions told of each stall. */
const FUNCTIONS = 8;

class Samples {
  readonly #names = new Map<number, string>();
  readonly #parents = new Map<number, number>();
  readonly #samples: readonly (readonly [at: number, node: number, lasted: number])[];

  constructor({ nodes, startTime, samples = [], timeDeltas = [] }: Profiler.Profile) {
    for (const { id, callFrame, children = [] } of nodes) {
      const file = callFrame.url.replace(/^.*\/(dist|node_modules)\//, '');
      this.#names.set(id, `${callFrame.functionName || '(anonymous)'} ${file}:${callFrame.lineNumber + 1}`);
      for (const child of children) this.#parents.set(child, id);
    }
    let at = startTime;
    this.#samples = samples.map((node, index) => {
      at += timeDeltas[index] ?? 0;
      return [at, node, timeDeltas[index + 1] ?? 0] as const;
    });
  }

  /** Microseconds in each function and in what it called, most first; the idle ones left out. */
  within([begunAt, lasted]: Stall): readonly (readonly [string, number])[] {
    const totals = new Map<string, number>();
    for (const [at, node, took] of this.#samples) {
      if (at < begunAt || at > begunAt + lasted) continue;
      const seen = new Set<string>();
      for (let id: number | undefined = node; id !== undefined; id = this.#parents.get(id)) {
        seen.add(this.#names.get(id) ?? '');
      }
      for (const name of seen) totals.set(name, (totals.get(name) ?? 0) + took);
    }
    for (const name of totals.keys()) if (/^\((root|idle)\)/.test(name)) totals.delete(name);
    return [...totals].sort(([, a], [, b]) => b - a);
  }
}

const read = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

const [folder = '.', count = '10'] = process.argv.slice(2);
for (const file of readdirSync(folder).filter((name) => name.startsWith('stalls-'))) {
  const pid = /\d+/.exec(file)?.[0];
  const stalls = read(folder, file) as Stall[];
  const samples = new Samples(read(folder, `cpu-${pid}.cpuprofile`));
  process.stdout.write(`process ${pid}: ${stalls.length} stalls\n`);
  for (const stall of stalls.sort(([, a], [, b]) => b - a).slice(0, Number(count))) {
    process.stdout.write(`\n  ${(stall[1] / 1_000).toFixed(0)} ms\n`);
    for (const [name, took] of samples.within(stall).slice(0, FUNCTIONS)) {
      process.stdout.write(`  ${(took / 1_000).toFixed(0).padStart(8)} ms  ${name}\n`);
    }
  }
}
