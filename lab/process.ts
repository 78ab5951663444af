// A child process of the lab: its output goes to a log file, it is ended by its own pid, and it never outlives the process
// that started it. What it takes to be ready is the caller's knowledge (see `untilReady`), not this file's.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { OperationalError } from '../runtime/errors.ts';
import { commandAt, HOST, type Place } from './place.ts';

/** How long a process may take to end after SIGTERM before it is killed. */
const STOP_GRACE_MS = 10_000;
/** How much of the log an error quotes: enough for the last message of a program that gave up. */
const LOG_TAIL_CHARACTERS = 1500;

export interface ProcessOptions {
  /** Stands in errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and standard error are appended to it. */
  readonly logFile: string;
  /** Takes the lines of standard output instead of the log file. */
  readonly onLine?: (line: string) => void;
  /** @default the host */
  readonly place?: Place;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface LabProcess {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  readonly exited: Promise<ProcessExit>;
  /** Resolves when `probe` resolves to true; rejects with the tail of the log when the process ends first. */
  untilReady(probe: () => Promise<boolean>, timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** SIGTERM, and SIGKILL after a grace period. */
  stop(graceMs?: number): Promise<ProcessExit>;
  /** SIGKILL now. */
  kill(): Promise<ProcessExit>;
  /** SIGSTOP and SIGCONT: a process that is there and does not answer. */
  freeze(): void;
  thaw(): void;
}

/** Starts a process; the lab of a mesh passes one that also records it (state.ts). */
export type StartProcess = (options: ProcessOptions) => Promise<LabProcess>;

const started = new Set<LabProcess>();
process.on('exit', () => {
  for (const child of started) if (child.running) process.kill(child.pid, 'SIGKILL');
});

export async function startProcess(options: ProcessOptions): Promise<LabProcess> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const line = commandAt(options.place ?? HOST, options);
  const child = spawn(line.command, line.args, {
    stdio: ['ignore', options.onLine === undefined ? log : 'pipe', log],
    // A group of its own: Ctrl-C at the terminal is for the process that started it, which ends it in order.
    detached: true,
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', (cause) => reject(startFailed(options, cause.message, cause)));
    child.once('spawn', () => resolve(child.pid ?? 0));
  }).finally(() => closeSync(log));
  if (options.onLine !== undefined && child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', options.onLine);
  }
  const self = control(child, pid, exited, options);
  started.add(self);
  void exited.then(() => started.delete(self));
  return self;
}

function control(child: ChildProcess, pid: number, exited: Promise<ProcessExit>, options: ProcessOptions): LabProcess {
  const running = () => child.exitCode === null && child.signalCode === null;
  const signalAnd = async (name: NodeJS.Signals): Promise<ProcessExit> => {
    if (running()) child.kill(name);
    return exited;
  };
  const self: LabProcess = {
    name: options.name,
    pid,
    get running() {
      return running();
    },
    exited,
    untilReady: (probe, timeoutMs, signal) => untilReady(options, self, probe, timeoutMs, signal),
    async stop(graceMs = STOP_GRACE_MS) {
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      // A process that is frozen would not see the request to end.
      if (running()) child.kill('SIGCONT');
      return signalAnd('SIGTERM').finally(() => clearTimeout(timer));
    },
    kill: () => signalAnd('SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
  return self;
}

async function untilReady(
  options: ProcessOptions,
  child: LabProcess,
  probe: () => Promise<boolean>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (child.running && performance.now() < deadline) {
    if (await probe().catch(() => false)) return;
    signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const why = child.running ? `not ready within ${timeoutMs} ms` : 'ended before it was ready';
  throw startFailed(options, `${why}; its log ends with: ${tailOf(options.logFile)}`);
}

function tailOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS).trim();
}

function startFailed(options: ProcessOptions, reason: string, cause?: unknown): OperationalError {
  return new OperationalError({
    code: 'LAB_PROCESS_FAILED',
    operation: 'start',
    subject: options.name,
    reason,
    hint: `check that ${options.command} is installed, and see ${options.logFile}`,
    cause,
  });
}
