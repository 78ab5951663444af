// A run that is ended removes what it made, however often it is told to. Needs etcd, and `npm run build` before.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ended-'));
  });

  afterEach(() => {
    for (const pid of runningIn(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** Ends it with each signal once a line has that text. Resolves to its status, and the signal that it died of. */
  async function runUntil(signals: Readonly<Record<string, NodeJS.Signals>>): Promise<unknown> {
    const run = spawn(process.execPath, [join(packageRoot(), 'dist/bench/mesh.js'), ...SMALL, '--only', 'silence'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(run, 'exit');
    for await (const line of createInterface({ input: run.stderr })) {
      for (const [text, signal] of Object.entries(signals)) if (line.includes(text)) run.kill(signal);
    }
    return ended;
  }

  test('removes what it made, also when it is told to end again meanwhile', { timeout: 60_000 }, async () => {
    const ended = await runUntil({ 'measure silence': 'SIGINT', 'removing everything': 'SIGINT' });
    expect(ended).toEqual([INTERRUPTED, null]);
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
