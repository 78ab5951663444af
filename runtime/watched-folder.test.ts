import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { watchFolder } from './watched-folder.ts';

/** Others may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000 });
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 20_000, interval: 10 });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function follow(root: string, recursive = false, rescanMs = 200) {
  const reads: Record<string, string>[] = [];
  const refusals: string[] = [];
  const unreadable = new Map<string, string>();
  const stop = new AbortController();
  const running = watchFolder(
    {
      path: root,
      accepts: (name) => name.endsWith('.yaml'),
      recursive,
      rescanMs,
      clock: systemClock,
      onRead: (read) => {
        reads.push(Object.fromEntries([...read.texts].map(([path, text]) => [path.slice(root.length + 1), text])));
        unreadable.clear();
        for (const [path, reason] of read.unreadable) unreadable.set(path.slice(root.length + 1), reason);
      },
      onUnreadable: (reason) => refusals.push(reason),
    },
    stop.signal,
  );
  cleanups.push(() => {
    stop.abort();
    return running;
  });
  return { reads, refusals, unreadable, last: () => reads.at(-1) };
}

function folder(): string {
  const root = mkdtempSync(join(tmpdir(), 'watched-'));
  cleanups.push(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

const write = (root: string, name: string, text: string) => writeFileSync(join(root, name), text);

test('reads what is there, and follows changes, new files and removals', async () => {
  const root = folder();
  write(root, 'a.yaml', '1');
  write(root, 'ignored.txt', '1');
  const { last } = follow(root);
  await until(() => expect(last()).toEqual({ 'a.yaml': '1' }));
  write(root, 'a.yaml', '2');
  write(root, 'b.yaml', '1');
  await until(() => expect(last()).toEqual({ 'a.yaml': '2', 'b.yaml': '1' }));
  rmSync(join(root, 'a.yaml'));
  await until(() => expect(last()).toEqual({ 'b.yaml': '1' }));
});

test('never shows a file that is empty or missing for a moment while it is replaced', async () => {
  const root = folder();
  write(root, 'a.yaml', 'whole 0');
  const { reads, last } = follow(root);
  await until(() => expect(last()).toEqual({ 'a.yaml': 'whole 0' }));
  for (let round = 1; round <= 5; round += 1) {
    write(root, 'a.yaml', '');
    await new Promise((resolve) => setImmediate(resolve));
    renameSync(join(root, 'a.yaml'), join(root, 'a.yaml~'));
    await new Promise((resolve) => setImmediate(resolve));
    write(root, 'a.yaml', `whole ${round}`);
    await until(() => expect(last()).toEqual({ 'a.yaml': `whole ${round}` }));
  }
  expect(new Set(reads.flatMap((read) => Object.values(read)))).not.toContain('');
  expect(reads.every((read) => 'a.yaml' in read)).toBe(true);
});

test('a file that is replaced all the time is read all the same', async () => {
  const root = folder();
  const { last } = follow(root);
  let round = 0;
  const timer = setInterval(() => {
    write(root, 'next', `round ${round++}`);
    renameSync(join(root, 'next'), join(root, 'a.yaml'));
  }, 5);
  cleanups.push(() => clearInterval(timer));
  await until(() => expect(last()).toEqual({ 'a.yaml': expect.stringContaining('round') }));
});

test('follows the swap of a symlinked folder, as mounted ConfigMaps do', async () => {
  const root = folder();
  for (const release of ['..r1', '..r2']) {
    mkdirSync(join(root, release));
    write(join(root, release), 'a.yaml', release);
  }
  symlinkSync('..r1', join(root, '..data'));
  symlinkSync('..data/a.yaml', join(root, 'a.yaml'));
  const { last } = follow(root);
  await until(() => expect(last()).toEqual({ 'a.yaml': '..r1' }));
  symlinkSync('..r2', join(root, '..next'));
  renameSync(join(root, '..next'), join(root, '..data'));
  await until(() => expect(last()).toEqual({ 'a.yaml': '..r2' }));
});

test('follows links and folders that are swapped or go, without a look in between', async () => {
  const root = folder();
  for (const release of ['r1', 'r2']) {
    mkdirSync(join(root, release));
    write(join(root, release), 'a.yaml', release);
  }
  symlinkSync('r1', join(root, '..data'));
  symlinkSync('..data/a.yaml', join(root, 'b.yaml'));
  const { last } = follow(root, true, 600_000);
  await until(() => expect(last()).toEqual({ 'b.yaml': 'r1', 'r1/a.yaml': 'r1', 'r2/a.yaml': 'r2' }));
  symlinkSync('r2', join(root, '..next'));
  renameSync(join(root, '..next'), join(root, '..data'));
  await until(() => expect(last()).toEqual({ 'b.yaml': 'r2', 'r1/a.yaml': 'r1', 'r2/a.yaml': 'r2' }));
  const away = `${root}-away`;
  cleanups.push(() => rmSync(away, { recursive: true, force: true }));
  renameSync(join(root, 'r1'), away);
  await until(() => expect(last()).toEqual({ 'b.yaml': 'r2', 'r2/a.yaml': 'r2' }));
  rmSync(join(root, '..data'));
  await until(() => expect(last()).toEqual({ 'r2/a.yaml': 'r2' }));
});

test('follows folders below, and files in folders that are made later', async () => {
  const root = folder();
  mkdirSync(join(root, 'one'));
  write(join(root, 'one'), 'a.yaml', '1');
  const { last } = follow(root, true);
  await until(() => expect(last()).toEqual({ 'one/a.yaml': '1' }));
  mkdirSync(join(root, 'two'));
  write(join(root, 'two'), 'b.yaml', '2');
  await until(() => expect(last()).toEqual({ 'one/a.yaml': '1', 'two/b.yaml': '2' }));
  write(join(root, 'two'), 'b.yaml', '3');
  await until(() => expect(last()).toEqual({ 'one/a.yaml': '1', 'two/b.yaml': '3' }));
});

test('a folder that cannot be read is told once, and read when it comes', async () => {
  const root = join(folder(), 'later');
  const { reads, refusals, last } = follow(root);
  await until(() => expect(refusals).toHaveLength(1));
  expect(refusals[0]).toContain('ENOENT');
  expect(reads).toEqual([]);
  mkdirSync(root);
  write(root, 'a.yaml', '1');
  await until(() => expect(last()).toEqual({ 'a.yaml': '1' }));
});

test('what was read stays where another folder, an empty one, takes the place, as an unmounted volume has it', async () => {
  const root = folder();
  write(root, 'a.yaml', '1');
  const { reads, refusals, last } = follow(root);
  await until(() => expect(last()).toEqual({ 'a.yaml': '1' }));
  const volume = `${root}-volume`;
  cleanups.push(() => rmSync(volume, { recursive: true, force: true }));
  renameSync(root, volume);
  mkdirSync(root);
  await until(() => expect(refusals.at(-1)).toMatch(/another folder stands in its place, which is empty/));
  expect(reads).toEqual([{ 'a.yaml': '1' }]);
  rmSync(root, { recursive: true });
  renameSync(volume, root);
  await until(() => expect(reads).toHaveLength(2));
  expect(last()).toEqual({ 'a.yaml': '1' });
  rmSync(join(root, 'a.yaml'));
  await until(() => expect(last()).toEqual({}));
});

describe('a file outside, to which a link leads, and of which no notification comes', () => {
  const linked = () => {
    const [root, outside] = [folder(), folder()];
    write(root, 'a.yaml', '1');
    write(outside, 'target', '1');
    symlinkSync(join(outside, 'target'), join(root, 'b.yaml'));
    return { root, outside };
  };

  test('is not looked at with each file that changes', async () => {
    const { root, outside } = linked();
    const { last } = follow(root, false, 600_000);
    await until(() => expect(last()).toEqual({ 'a.yaml': '1', 'b.yaml': '1' }));
    // The look behind the one that began to watch is at all files once more.
    write(root, 'a.yaml', '2');
    await until(() => expect(last()).toEqual({ 'a.yaml': '2', 'b.yaml': '1' }));
    write(outside, 'target', '2');
    write(root, 'a.yaml', '3');
    await until(() => expect(last()).toEqual({ 'a.yaml': '3', 'b.yaml': '1' }));
    write(root, '.a.yaml.next', '4');
    renameSync(join(root, '.a.yaml.next'), join(root, 'a.yaml'));
    await until(() => expect(last()).toEqual({ 'a.yaml': '4', 'b.yaml': '1' }));
    // With a new file anything may be new.
    write(root, 'c.yaml', '1');
    await until(() => expect(last()).toEqual({ 'a.yaml': '4', 'b.yaml': '2', 'c.yaml': '1' }));
  });

  test('is looked at in its time, whatever else changes all the time', async () => {
    const { root, outside } = linked();
    const { last } = follow(root);
    await until(() => expect(last()).toEqual({ 'a.yaml': '1', 'b.yaml': '1' }));
    let round = 0;
    const timer = setInterval(() => write(root, 'a.yaml', `round ${round++}`), 5);
    cleanups.push(() => clearInterval(timer));
    write(outside, 'target', '2');
    await until(() => expect(last()).toMatchObject({ 'b.yaml': '2' }));
  });
});

test('a file that was changed just before its volume is unmounted is not gone with that', async () => {
  const root = folder();
  write(root, 'a.yaml', '1');
  const { reads, refusals, last } = follow(root, false, 600_000);
  await until(() => expect(last()).toEqual({ 'a.yaml': '1' }));
  const volume = `${root}-volume`;
  cleanups.push(() => rmSync(volume, { recursive: true, force: true }));
  write(root, 'a.yaml', '2');
  renameSync(root, volume);
  mkdirSync(root);
  await until(() => expect(refusals.at(-1)).toMatch(/another folder stands in its place, which is empty/));
  expect(reads).toEqual([{ 'a.yaml': '1' }]);
});

test('what is no readable text file is named with its reason', async () => {
  const root = folder();
  mkdirSync(join(root, 'folder'));
  symlinkSync('folder', join(root, 'link.yaml'));
  write(root, 'large.yaml', 'x'.repeat(8 * 1024 * 1024 + 1));
  symlinkSync('loop.yaml', join(root, 'loop.yaml'));
  const { unreadable } = follow(root);
  await until(() => expect([...unreadable.keys()]).toEqual(['large.yaml', 'link.yaml', 'loop.yaml']));
  expect(unreadable.get('link.yaml')).toBe('not a regular file');
  expect(unreadable.get('large.yaml')).toContain('larger than');
  expect(unreadable.get('loop.yaml')).toContain('ELOOP');
});
