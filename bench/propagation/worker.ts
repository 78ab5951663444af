// A process of the benchmark in a place of the lab, that answers one line of JSON for each that it is sent; it may also say
// things unasked. Ends with this process, or with the cgroup that it is in.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { commandAt, type Place } from '../../lab/place.ts';
import { packageRoot } from '../../runtime/package-root.ts';

/** Below bench/. */
export type WorkerProgram = `propagation/${'writer' | 'first-connect' | 'hops'}` | `mesh/${'player' | 'subscribers'}`;

export interface Worker {
  readonly pid: number;
  ask<Answer>(request: object): Promise<Answer>;
  stop(): void;
}

export interface WorkerOptions {
  readonly place: Place;
  /** What the process is told at its start. */
  readonly setup: object;
  /** For lines that have no `answer`. */
  readonly onNews?: (news: object) => void;
}

/** Resolves when the process says that it is ready. */
export async function startWorker(program: WorkerProgram, options: WorkerOptions): Promise<Worker> {
  const file = join(packageRoot(), 'dist/bench', `${program}.js`);
  const line = commandAt(options.place, { command: process.execPath, args: [file, JSON.stringify(options.setup)] });
  const child = spawn(line.command, line.args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { readonly resolve: (answer: never) => void; readonly reject: (error: Error) => void }[] = [];
  const next = <Answer>(): Promise<Answer> =>
    new Promise((resolve, reject) => void waiting.push({ resolve: resolve as (answer: never) => void, reject }));
  child.once('exit', (code) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${program} ended with ${code}`));
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const said = JSON.parse(text) as { readonly answer?: unknown };
    if ('answer' in said) waiting.shift()?.resolve(said.answer as never);
    else options.onNews?.(said);
  });
  await next();
  return {
    pid: child.pid ?? 0,
    ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return next();
    },
    stop: () => void child.kill('SIGKILL'),
  };
}

/** In the process: answers each request by `handle`, one after the other, and says first that it is ready. Ends it with the requests. */
export async function serveRequests<Request>(handle: (request: Request) => unknown): Promise<never> {
  say({ answer: 'ready' });
  for await (const line of createInterface({ input: process.stdin })) {
    say({ answer: (await handle(JSON.parse(line) as Request)) ?? null });
  }
  // Whoever asks has gone, and may have been killed.
  process.exit();
}

export const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

/** In the process: what it was told at its start. */
export const setupOf = <Setup>(): Setup => JSON.parse(process.argv[2] ?? '{}') as Setup;
