// How long `clustermesh diagnose --offline` takes for the largest mesh there is, and how much memory: 250 clusters with 1,000 nodes and
// 1,000 endpoints each. Runs the built command as a pipeline would. Exit 1 when a limit is exceeded.
//
//   npm run bench:offline -- [--clusters 250]

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../runtime/package-root.ts';
import { aboveZero, npmCommand, scriptOptions } from './command-line.ts';
import { type OfflineMeshSize, writeOfflineMesh } from './offline-mesh.ts';

const LIMITS = { seconds: 30, mebibytes: 1024 };
/** Often enough that the peak, which the kernel keeps, is read shortly before the end. */
const LOOK_MS = 20;

const command = npmCommand(
  'bench:offline',
  'measure `clustermesh diagnose --offline` on a folder of the largest mesh there is',
).option('--clusters <number>', 'with 1,000 nodes and 1,000 endpoints each', aboveZero, 250);

async function main(): Promise<number> {
  const { clusters } = scriptOptions<{ readonly clusters: number }>(command);
  const size: OfflineMeshSize = { clusters, nodes: 1_000, endpoints: 1_000, identities: 50, services: 100 };
  const folder = await mkdtemp(join(tmpdir(), 'bench-offline-'));
  try {
    await writeOfflineMesh(folder, size);
    const measured = await measure(folder);
    const records = clusters * (size.nodes + size.endpoints + size.identities + 2 * size.services);
    process.stdout.write(`${JSON.stringify({ bench: 'offline', clusters, records, ...measured, limits: LIMITS })}\n`);
    return measured.seconds <= LIMITS.seconds && measured.mebibytes <= LIMITS.mebibytes ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string) {
  const started = performance.now();
  const program = join(packageRoot(), 'dist/cli/main.js');
  const args = ['diagnose', '--offline', folder, '--now', '2026-02-01T00:00:00Z', '-o', 'json'];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => output.push(piece));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let kibibytes = 0;
  while (child.exitCode === null && child.signalCode === null) {
    kibibytes = Math.max(kibibytes, await peakMemory(child.pid));
    await sleep(LOOK_MS);
  }
  const exit = await ended;
  const seconds = (performance.now() - started) / 1_000;
  const report = JSON.parse(Buffer.concat(output).toString('utf8')) as { summary: { by_severity: unknown } };
  return {
    seconds: Number(seconds.toFixed(2)),
    mebibytes: Math.round(kibibytes / 1_024),
    exit,
    findings: report.summary.by_severity,
  };
}

/** The largest resident size so far, in KiB; 0 once the process has ended. */
async function peakMemory(pid: number | undefined): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

process.exitCode = await main();
