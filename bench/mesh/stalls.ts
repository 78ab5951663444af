// What kept the event loops of the measured programs busy when they were late: reads the profiles and the stalls that a run with
// LOOP_PROBE_PROFILE leaves behind, and tells those that took the program longest, the wait for a processor aside, with the functions
// in which their time went.
//
//   npm run -s bench:stalls -- FOLDER [COUNT]

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';
import { constants } from 'node:perf_hooks';
import { aboveZero, npmCommand, readCommandLine } from '../command-line.ts';
import type { Collection, Stall } from './loop-probe.ts';

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

const { NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY, NODE_PERFORMANCE_GC_FLAGS_FORCED, ...KINDS } = constants;

function nameOf(kind: number, flags: number): string {
  const [name = String(kind)] = Object.entries(KINDS).find(([, value]) => value === kind) ?? [];
  return [
    name.replace('NODE_PERFORMANCE_GC_', '').toLowerCase(),
    flags & NODE_PERFORMANCE_GC_FLAGS_FORCED ? 'asked for' : '',
    flags & NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY ? 'for memory outside of the heap' : '',
  ].join(' ');
}

/** How long collections of garbage kept everything else waiting, by kind. */
function tellCollections(collections: readonly Collection[]): void {
  const byName = new Map<string, number[]>();
  for (const [, lasted, kind, flags] of collections) {
    const name = nameOf(kind, flags);
    byName.set(name, [...(byName.get(name) ?? []), lasted / 1_000]);
  }
  for (const [name, lasted] of byName) {
    const longest = lasted.sort((a, b) => b - a).slice(0, FUNCTIONS);
    process.stdout.write(`  ${lasted.length} × ${name}: ${longest.map((ms) => ms.toFixed(0)).join(' ')} ms\n`);
  }
}

/** What the program itself took. */
const ownOf = ([, lasted, waited]: Stall): number => lasted - waited;

const command = npmCommand('bench:stalls', 'tell when event loops were late, and in which functions the time went')
  .argument('<folder>', 'what a run of bench:mesh with LOOP_PROBE_PROFILE has left behind')
  .argument('[count]', 'how many are told of each program', aboveZero, 10);
const given = readCommandLine(command, process.argv.slice(2), ({ processedArgs }) => processedArgs as [string, number]);
const [folder, count] = typeof given === 'number' ? process.exit(given) : given;
const files = readdirSync(folder).filter((name) => name.startsWith('stalls-'));
if (files.length === 0) process.stderr.write(`no program has left anything in ${folder}\n`);
for (const file of files) {
  const pid = /\d+/.exec(file)?.[0];
  const stalls = read(folder, file) as Stall[];
  const samples = new Samples(read(folder, `cpu-${pid}.cpuprofile`));
  const all = stalls.reduce((sum, [, lasted]) => sum + lasted, 0);
  const waits = stalls.reduce((sum, [, , waited]) => sum + waited, 0);
  process.stdout.write(
    `process ${pid}: ${stalls.length} stalls, ${(all / 1_000).toFixed(0)} ms, of which ${(waits / 1_000).toFixed(0)} waiting for a processor\n`,
  );
  if (existsSync(join(folder, `collections-${pid}.json`))) tellCollections(read(folder, `collections-${pid}.json`));
  for (const stall of stalls.sort((a, b) => ownOf(b) - ownOf(a)).slice(0, count)) {
    const [, lasted, waited] = stall;
    process.stdout.write(
      `\n  ${(lasted / 1_000).toFixed(0)} ms, of which ${(waited / 1_000).toFixed(0)} waiting for a processor\n`,
    );
    for (const [name, took] of samples.within(stall).slice(0, FUNCTIONS)) {
      process.stdout.write(`  ${(took / 1_000).toFixed(0).padStart(8)} ms  ${name}\n`);
    }
  }
}
