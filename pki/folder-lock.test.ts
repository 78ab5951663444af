import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { writePair } from './files.ts';
import { withFolderLock } from './folder-lock.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lock-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true, force: true });
});

test('a second writer waits for the first, and its process does not end meanwhile', async () => {
  const keepsAlive = vi.spyOn(globalThis, 'setInterval');
  const order: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = withFolderLock(dir, async () => {
    order.push('first begins');
    await held;
    order.push('first ends');
  });
  await expect.poll(() => order).toEqual(['first begins']);
  let looks = 0;
  const counted = {
    ...systemClock,
    after: (ms: number, task: () => void) => {
      looks += 1;
      return systemClock.after(ms, task);
    },
  };
  const second = withFolderLock(dir, async () => void order.push('second'), counted);
  await expect.poll(() => looks).toBeGreaterThan(1);
  // The clock's own timers keep no process alive: a command would end here, silently.
  expect(keepsAlive.mock.results.filter(({ value }) => value.hasRef())).toHaveLength(2);
  release();
  await Promise.all([first, second]);
  expect(order).toEqual(['first begins', 'first ends', 'second']);
});

test('what a killed writer has left of keys goes with the next one, and nothing else', async () => {
  const [ca, door] = [join(dir, 'ca'), join(dir, 'door')];
  for (const folder of [ca, door]) {
    await mkdir(folder);
    for (const name of ['key.pem', 'key.pem.57988b941e62.tmp', 'notes.tmp']) await writeFile(join(folder, name), name);
  }
  await withFolderLock(dir, async () => {
    expect(await readdir(ca)).toEqual(['key.pem', 'notes.tmp']);
    await writePair({ cert: join(door, 'cert.pem'), key: join(door, 'key.pem') }, { certificate: 'c', key: 'k' });
  });
  expect((await readdir(door)).sort()).toEqual(['cert.pem', 'key.pem', 'notes.tmp']);
});
