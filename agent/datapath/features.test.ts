// The pieces that the kernel is asked for are those that the programs are made of, as their sources say.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../runtime/package-root.ts';
import { HELPERS, MAP_TYPES } from './features.ts';

const folder = join(packageRoot(), 'bpf');
const sources = [folder, join(folder, 'include')]
  .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
  .filter((path) => /\.[ch]$/.test(path))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n')
  // What comments speak of is not called.
  .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
const named = (pattern: RegExp) => [...new Set([...sources.matchAll(pattern)].map(([, name]) => name))].sort();

/** Macros of the compiler, not of the kernel. */
const MACROS = ['htonl', 'htons', 'ntohl', 'ntohs'];

test('helpers', () => {
  const called = named(/\bbpf_([a-z0-9_]+)\s*\(/g).filter((name) => !MACROS.includes(name ?? ''));
  expect(HELPERS.map(({ name }) => name).sort()).toEqual(called);
});

test('types of maps', () => {
  expect(MAP_TYPES.map(({ name }) => name).sort()).toEqual(named(/\bBPF_MAP_TYPE_(\w+)/g));
});
