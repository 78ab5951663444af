import { mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TextFiles } from './text-files.ts';

let dir: string;
let path: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'texts-'));
  path = join(dir, 'ca.pem');
  await writeFile(path, 'one');
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** Long after everything that the test writes, unless it says otherwise. */
const later = () => Date.now() + 60_000;

function counted() {
  const reads: string[] = [];
  const texts = new TextFiles((read) => {
    reads.push(read);
    return readFile(read, 'utf8');
  });
  return { texts, reads };
}

test('a file that looks the same is read once, whoever asks and however often', async () => {
  const { texts, reads } = counted();
  for (let look = 0; look < 5; look += 1) expect((await texts.read(path, later())).text).toBe('one');
  expect(reads).toEqual([path]);
});

test.each<[string, () => Promise<void>]>([
  ['written over', () => writeFile(path, 'two')],
  [
    'replaced by one of the same size and time',
    async () => {
      const then = new Date(Date.now() - 600_000);
      await utimes(path, then, then);
      await writeFile(`${path}.new`, 'two');
      await utimes(`${path}.new`, then, then);
      await rename(`${path}.new`, path);
    },
  ],
])('a file that was %s is read again', async (_, change) => {
  const { texts } = counted();
  expect(await texts.read(path, later())).toMatchObject({ text: 'one' });
  await change();
  expect(await texts.read(path, later())).toMatchObject({ text: 'two' });
});

test('a file that was touched a moment ago is read again each time: it might change and look the same', async () => {
  const { texts, reads } = counted();
  for (const now of [Date.now(), Date.now() - 60_000, later(), later()]) await texts.read(path, now);
  expect(reads).toHaveLength(3);
});

test('what is gone is not remembered, and comes back', async () => {
  const { texts } = counted();
  await texts.read(path, later());
  await rm(path);
  expect(await texts.read(path, later())).toEqual({ problem: expect.stringContaining('ENOENT') });
  await writeFile(path, 'two');
  expect(await texts.read(path, later())).toMatchObject({ text: 'two' });
});
