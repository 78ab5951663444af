import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startProcess } from './process.ts';
import { removeResidue } from './residue.ts';
import { LabState, labsFolder, readLabs } from './state.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'labs-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A lab whose owner has ended, with a process that goes on. */
async function crashedLab(id: string) {
  const owner = await startProcess({ name: 'owner', command: 'sleep', args: ['60'], logFile: join(base, 'log') });
  const state = new LabState({ folder: base, id, owner: owner.pid });
  state.open();
  const child = await startProcess({ name: 'child', command: 'sleep', args: ['60'], logFile: join(base, 'log') });
  state.processStarted(child.pid);
  await owner.kill();
  return { state, child };
}

describe('what a crashed lab left', () => {
  test('is removed: processes by pid and start, and the folder', async () => {
    const { state, child } = await crashedLab('crashed');
    const [outcome, ...others] = await removeResidue(base);
    expect(others).toEqual([]);
    expect(outcome).toMatchObject({ dir: state.dir, left: [] });
    expect((await child.exited).signal).toBe('SIGKILL');
    expect(existsSync(state.dir)).toBe(false);
  });

  test('leaves alone a lab that runs, and a process that only has the pid of one that was ours', async () => {
    const running = new LabState({ folder: base, id: 'running', owner: process.pid });
    running.open();
    const { state, child } = await crashedLab('crashed');
    const record = { ...state.record, processes: [{ pid: child.pid, startTime: '1' }] };
    writeFileSync(join(state.dir, 'lab.json'), JSON.stringify(record));
    await removeResidue(base);
    expect([existsSync(running.dir), existsSync(state.dir), child.running]).toEqual([true, false, true]);
    await child.kill();
  });

  test('never touches what does not carry our prefix, whatever the record says', async () => {
    const { state, child } = await crashedLab('crashed');
    const precious = join(base, 'precious');
    mkdirSync(precious);
    const record = { ...state.record, cgroups: [precious], netns: ['production'], mounts: ['/', precious] };
    writeFileSync(join(state.dir, 'lab.json'), JSON.stringify(record));
    const [outcome] = await removeResidue(base);
    expect(outcome?.removed).toEqual([`process ${child.pid}`, `folder ${state.dir}`]);
    expect(existsSync(precious)).toBe(true);
  });
});

describe('the folder of labs', () => {
  test('belongs to this user alone, or is refused', () => {
    const uid = process.getuid?.() ?? 0;
    const folder = labsFolder(base, uid);
    expect(readLabs(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
    symlinkSync(base, folder);
    expect(() => labsFolder(base, uid)).toThrow('LAB_FOLDER');
  });
});
