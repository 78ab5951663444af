// What a mesh of many clusters costs one of them: a real cluster (etcd, API server, agent with maps in memory) beside the played doors
// of all others, over loopback. What each measure means: docs/scaling.md. What it takes: npm run bench:mesh -- --help

import { loadavg } from 'node:os';
import { stopOnSignals } from '../lab/interruption.ts';
import { removeResidue, residueText } from '../lab/residue.ts';
import { labsFolder } from '../lab/state.ts';
import { causeChain } from '../runtime/errors.ts';
import { commandText } from './command-line.ts';
import { machineLine } from './markdown-section.ts';
import { exceeded } from './mesh/bounds.ts';
import { type Options, readOptions } from './mesh/options.ts';
import { progressOn } from './mesh/progress.ts';
import { textReport, writeDocument, writePlots } from './mesh/publication.ts';
import type { Results } from './mesh/results.ts';
import { runMesh } from './mesh/run.ts';

const EXIT = { ok: 0, exceeded: 1, failed: 3, interrupted: 130 } as const;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'number') return options;
  const { signal } = stopOnSignals();
  try {
    return await measure(options, signal);
  } catch (error) {
    process.stderr.write(`${signal.aborted ? signal.reason.message : causeChain(error).join('\n')}\n`);
    return signal.aborted ? EXIT.interrupted : EXIT.failed;
  }
}

async function measure(options: Options, signal: AbortSignal): Promise<number> {
  const progress = progressOn(process.stderr);
  // It may run still, and be in all that is measured.
  for (const line of (await removeResidue(labsFolder())).flatMap(residueText)) progress.step(line);
  const command = commandText('bench:mesh');
  // Whatever else runs has its share of all times, and less of all ratios.
  const [load = 0] = loadavg();
  const how = `${machineLine(command)} Load before it began: ${load.toFixed(1)}.`;
  const all: Results[] = [];
  let hasFailed = false;
  for (const run of options.runs) {
    const results = await runMesh(run, progress, signal);
    all.push(results);
    hasFailed ||= results.failed !== undefined;
  }
  const worse = all.flatMap(exceeded);
  const text =
    options.output === 'json'
      ? JSON.stringify({ schema_version: 1, command, load, runs: all, worse }, undefined, 2)
      : [how, textReport(all), ...worse].join('\n\n');
  process.stdout.write(`${text}\n`);
  if (options.plots !== undefined) writePlots(options.plots, all);
  if (options.write) writeDocument(how, all);
  if (hasFailed) return EXIT.failed;
  return worse.length === 0 ? EXIT.ok : EXIT.exceeded;
}

process.exitCode = await main();
