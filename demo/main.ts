// `npm run demo`: a mesh on this machine, shown step by step. Whatever happens, what was made is removed before it ends.

import { stopOnSignals } from '../lab/interruption.ts';
import { copyLogs } from '../lab/logs.ts';
import { LabMesh } from '../lab/mesh.ts';
import { type Residue, removeResidue, residueText } from '../lab/residue.ts';
import { labsFolder } from '../lab/state.ts';
import { counted } from '../mesh/model/counted.ts';
import { systemClock } from '../runtime/clock.ts';
import { causeChain, OperationalError } from '../runtime/errors.ts';
import type { Sample } from './evidence.ts';
import { type DemoOptions, readOptions } from './options.ts';
import { demoDocument } from './report.ts';
import { missingRequirements } from './requirements.ts';
import { runSteps } from './run.ts';
import { Screen } from './screen.ts';
import { Stage } from './stage.ts';
import { STEPS } from './steps.ts';
import { whereToLook } from './where-to-look.ts';

const EXIT = { ok: 0, failed: 1, missing: 3, interrupted: 130 } as const;
const NOTHING_SEEN: Sample = { requests: 0, failed: 0, errors: {}, byCluster: {} };
const clock = systemClock;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'number') return options;
  const screen = new Screen({ quiet: options.output === 'json', stepsTotal: STEPS.length });
  const missing = missingRequirements(options.datapath);
  if (missing.length > 0) {
    screen.warn('The demo needs what is missing here:', ...missing.map(({ what, how }) => `  ${what}\n    → ${how}`));
    if (options.datapath === 'ebpf') {
      screen.warn(
        'Without it: npm run demo -- --datapath memory runs the same mesh with maps in memory, and forwards no packet.',
      );
    }
    return EXIT.missing;
  }
  const stop = untilEnded();
  const residue = await removeResidue(labsFolder());
  for (const lines of residue.map(residueText)) screen.warn(...lines);
  const mesh = new LabMesh({ datapath: options.datapath, clock, onProgress: (what) => screen.progress(what) });
  try {
    return await show(options, mesh, residue, screen, stop);
  } finally {
    if (options.logs !== undefined) copyLogs(mesh.dir, options.logs);
    screen.progress('removing everything that was made');
    const { left } = await mesh.remove();
    if (left.length > 0)
      screen.warn('Could not be removed; the next run tries again:', ...left.map((what) => `  ${what}`));
    else screen.say('Everything that was made is removed.');
  }
}

async function show(
  options: DemoOptions,
  mesh: LabMesh,
  residue: readonly Residue[],
  screen: Screen,
  stop: AbortSignal,
): Promise<number> {
  if (options.datapath === 'memory') {
    screen.say('Maps in memory: no packet is forwarded, and what is shown is what the agents have programmed.', '');
  }
  const [startedAt, begun] = [clock.now(), clock.monotonic()];
  const onProgress = (what: string) => screen.progress(what);
  const stage = new Stage({ mesh, clock, signal: stop, rate: options.rate, onProgress });
  const { reports, complete } = await runSteps(STEPS, stage, screen);
  const whole = stage.watched ? await stage.evidence.seen(0) : NOTHING_SEEN;
  const durationMs = clock.monotonic() - begun;
  const document = demoDocument({ options, startedAt, durationMs, reports, complete, stage, whole, residue });
  if (options.output === 'json') screen.document(document);
  if (!complete && stop.aborted) return EXIT.interrupted;
  screen.say(...summary(document.ok, whole, document.failures.length));
  if (!options.once) await stay(stage, screen, stop);
  return document.ok ? EXIT.ok : EXIT.failed;
}

function summary(ok: boolean, { requests, failed }: Sample, failures: number): readonly string[] {
  const traffic = requests === 0 ? '' : ` ${counted(requests, 'request')}, ${failed} failed.`;
  if (ok) return [`Every step showed what it should.${traffic}`];
  const count = failures === 1 ? 'One thing was' : `${failures} things were`;
  return [`${count} not as it should be.${traffic} With --logs FOLDER the logs of all processes are kept.`];
}

/** The mesh stands, and its traffic goes on, until somebody ends it. */
async function stay(stage: Stage, screen: Screen, stop: AbortSignal): Promise<void> {
  const looking = await whereToLook(stage);
  screen.note('', ...looking.lines, '', 'The mesh stands until Ctrl-C.');
  if (!stop.aborted) {
    const alive = setInterval(() => {}, 60_000);
    await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
    clearInterval(alive);
  }
  await looking.close();
}

/** Somebody has ended the demo, which it does in order. */
function untilEnded(): AbortSignal {
  const stopping = stopOnSignals();
  // Whoever read the output has gone (`| head`): nothing more to show.
  process.stdout.on('error', () => stopping.abort());
  return stopping.signal;
}

try {
  process.exitCode = await main();
} catch (error) {
  const text = error instanceof OperationalError ? error.message : `this is a bug: ${causeChain(error).join(': ')}`;
  process.stderr.write(`demo: ${text}\n`);
  if (!(error instanceof OperationalError) && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = EXIT.missing;
}
