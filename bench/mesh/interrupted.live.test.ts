// A run that is ended removes what it made, however often it is told to; what a killed one leaves, the next removes. Needs etcd, and
// `npm run build` before.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { skippedWithout } from '../../lab/installed.ts';
import { labsFolder } from '../../lab/state.ts';
import { packageRoot } from '../../runtime/package-root.ts';

const SMALL = '--clusters 2 --nodes 2 --identities 2 --endpoints 5 --services 1 --backends 2 --only silence'.split(' ');
/** The status of what was ended by SIGINT. */
const INTERRUPTED = 130;
const WITHIN = { timeout: 20_000 };

describe.skipIf(skippedWithout('etcd'))('a run', { timeout: 60_000 }, () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ended-'));
  });

  afterEach(() => {
    for (const { pid } of runningIn(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  function start() {
    const run = spawn(process.execPath, [join(packageRoot(), 'dist/bench/mesh.js'), ...SMALL], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const lines = createInterface({ input: run.stderr });
    return {
      kill: (signal: NodeJS.Signals) => run.kill(signal),
      /** Its status, and the signal that it died of. What it has started may hold its output for longer. */
      ended: once(run, 'exit'),
      says: (text: string) =>
        new Promise<void>((resolve) => lines.on('line', (line) => void (line.includes(text) && resolve()))),
    };
  }

  async function nothingIsLeft(): Promise<void> {
    await vi.waitFor(() => expect(runningIn(folder)).toEqual([]), WITHIN);
    expect(readdirSync(labsFolder(folder))).toEqual([]);
  }

  test('that is ended removes what it made, also when it is told to end again meanwhile', async () => {
    const run = start();
    const isRemoving = run.says('removing everything');
    await run.says('measure silence');
    run.kill('SIGINT');
    await isRemoving;
    run.kill('SIGINT');
    expect(await run.ended).toEqual([INTERRUPTED, null]);
    await nothingIsLeft();
  });

  test('that is killed takes its player along', async () => {
    const run = start();
    await run.says('measure bootstrap');
    expect(runningIn(folder).some(isPlayer)).toBe(true);
    run.kill('SIGKILL');
    await vi.waitFor(() => expect(runningIn(folder).filter(isPlayer)).toEqual([]), WITHIN);
  });

  test('removes what a killed one left, also a player that was stopped', async () => {
    const killed = start();
    await killed.says('measure silence');
    await vi.waitFor(() => expect(runningIn(folder).filter(isPlayer)).toMatchObject([{ state: 'T' }]), WITHIN);
    killed.kill('SIGKILL');
    expect(await killed.ended).toEqual([null, 'SIGKILL']);
    expect(runningIn(folder).some(isPlayer)).toBe(true);
    const next = start();
    await next.says('measure bootstrap');
    next.kill('SIGINT');
    expect(await next.ended).toEqual([INTERRUPTED, null]);
    await nothingIsLeft();
  });
});

interface Running {
  readonly pid: number;
  readonly commandLine: string;
  /** As /proc has it: T where it is stopped. */
  readonly state: string | undefined;
}

const isPlayer = ({ commandLine }: Running): boolean => commandLine.includes('player.js');

/** Processes that were told of a file in it. */
const runningIn = (folder: string): readonly Running[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => processOf(pid) ?? [])
    .filter(({ commandLine }) => commandLine.includes(folder));

function processOf(pid: string): Running | undefined {
  try {
    const state = /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { pid: Number(pid), commandLine: readFileSync(`/proc/${pid}/cmdline`, 'utf8'), state };
  } catch {
    // It has ended since.
    return undefined;
  }
}
