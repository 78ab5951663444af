// A run that is ended removes what it made, however often it is told to. Needs etcd, and `npm run build` before.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { skippedWithout } from '../../lab/installed.ts';
import { labsFolder } from '../../lab/state.ts';
import { packageRoot } from '../../runtime/package-root.ts';

const SMALL = [
  '--clusters',
  '2',
  '--nodes',
  '2',
  '--identities',
  '2',
  '--endpoints',
  '5',
  '--services',
  '1',
  '--backends',
  '2',
];
/** The status of what was ended by SIGINT. */
const INTERRUPTED = 130;

describe.skipIf(skippedWithout('etcd'))('a run that is ended', () => {
  test('removes what it made, also when it is told to end again meanwhile', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ended-'));
    onTestFinished(() => {
      for (const pid of runningIn(folder)) process.kill(pid, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    const run = spawn(process.execPath, [join(packageRoot(), 'dist/bench/mesh.js'), ...SMALL, '--only', 'silence'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(run, 'exit');
    for await (const line of createInterface({ input: run.stderr })) {
      if (line.includes('measure silence')) {
        expect(runningIn(folder)).not.toEqual([]);
        run.kill('SIGINT');
      }
      if (line.includes('removing everything')) run.kill('SIGINT');
    }
    expect(await ended).toEqual([INTERRUPTED, null]);
    expect(runningIn(folder)).toEqual([]);
    expect(readdirSync(labsFolder(folder))).toEqual([]);
  });
});

/** Processes that were told of a file in it. */
const runningIn = (folder: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLineOf(name).includes(folder))
    .map(Number);

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended since.
    return '';
  }
}
