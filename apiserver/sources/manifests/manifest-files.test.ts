import { expect, test } from 'vitest';
import { readManifest } from './manifest.ts';
import { ManifestFiles } from './manifest-files.ts';

const namespaces = (...names: readonly string[]) =>
  names.map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`).join('---\n');
const manifest = async (text: string) => (await readManifest(text, new Map())).manifest;

test('more objects than the limit are left out in path order, and that is said', async () => {
  const files = new ManifestFiles();
  files.take('b.yaml', await manifest(namespaces('c', 'd')));
  files.take('a.yaml', await manifest(namespaces('a', 'b')));
  const { objects, problems, complete } = files.content(3);
  expect([...objects.keys()]).toEqual(['Namespace a', 'Namespace b', 'Namespace c']);
  expect(problems).toMatchObject([
    { file: 'b.yaml', code: 'SOURCE_LIMIT', reason: '1 objects are left out: there are more than 3' },
  ]);
  expect(complete).toBe(false);
});

test('of two definitions in one file the first counts', async () => {
  const files = new ManifestFiles();
  files.take('a.yaml', await manifest(namespaces('a', 'a')));
  expect(files.content().problems).toMatchObject([
    { line: 5, code: 'SOURCE_DUPLICATE', reason: 'is defined in line 1 of this file too, which counts' },
  ]);
});

test('an unreadable file keeps what it held', async () => {
  const files = new ManifestFiles();
  files.take('a.yaml', await manifest(namespaces('a')));
  files.takeUnreadable('a.yaml', 'permission denied');
  files.takeUnreadable('b.yaml', 'permission denied');
  const { objects, problems, complete } = files.content();
  expect([...objects.keys()]).toEqual(['Namespace a']);
  expect(problems.map(({ file, code }) => [file, code])).toEqual([
    ['a.yaml', 'SOURCE_UNREADABLE'],
    ['b.yaml', 'SOURCE_UNREADABLE'],
  ]);
  expect(complete).toBe(false);
});
