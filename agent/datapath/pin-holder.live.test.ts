// Needs root: a BPF file system. Whose the pins of a node are while its agent runs, and after it was killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { mountBpffs, unmountBpffs } from '../../lab/bpffs.ts';
import { systemClock } from '../../runtime/clock.ts';
import { holdPins } from './pin-holder.ts';

async function pinDirOnBpffs(): Promise<string> {
  const bpffs = await mkdtemp(join(tmpdir(), 'pin-holder-'));
  await mountBpffs(bpffs);
  onTestFinished(() => unmountBpffs(bpffs));
  return join(bpffs, 'node');
}

test('the pins of an agent that runs are taken, and free as soon as it lets go', async () => {
  const pinDir = await pinDirOnBpffs();
  const first = await holdPins(pinDir, systemClock);
  await expect(holdPins(pinDir, systemClock, 0)).rejects.toMatchObject({ code: 'DATAPATH_PIN_TAKEN', subject: pinDir });
  const second = holdPins(pinDir, systemClock);
  first.release();
  (await second).release();
});

test('those of one that was killed are free', async () => {
  const pinDir = await pinDirOnBpffs();
  (await holdPins(pinDir, systemClock)).release();
  const ready = join(await mkdtemp(join(tmpdir(), 'pin-holder-ready-')), 'ready');
  const holder = spawn('flock', ['--no-fork', pinDir, 'sh', '-c', `touch ${ready}; exec sleep 60`]);
  await expect.poll(() => existsSync(ready)).toBe(true);
  await expect(holdPins(pinDir, systemClock, 0)).rejects.toMatchObject({ code: 'DATAPATH_PIN_TAKEN' });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  (await holdPins(pinDir, systemClock, 0)).release();
});
