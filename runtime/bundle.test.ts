import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeCacheOf, compileBundle, loadBundle } from './bundle.ts';

describe('a bundle', () => {
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'bundle-'));
    file = join(dir, 'bundle.cjs');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const write = (text: string) => writeFileSync(file, text);
  const cacheIt = () => writeFileSync(codeCacheOf(file), compileBundle(file)?.script.createCachedData() ?? '');

  test('is not there before the build made it', () => expect(loadBundle(file)).toBeUndefined());

  test('gives what it exports, and finds packages and files from where it stands', () => {
    writeFileSync(join(dir, 'beside.json'), '{"of": "the file"}');
    write(`module.exports = { path: require('node:path').basename(__filename), ...require('./beside.json') };`);
    expect(loadBundle(file)).toEqual({ path: 'bundle.cjs', of: 'the file' });
  });

  test('names its own lines in errors', () => {
    write('\n\nthrow new Error("on the third");');
    expect(() => loadBundle(file)).toThrow(expect.objectContaining({ stack: expect.stringContaining(`${file}:3:`) }));
  });

  test('is taken as compiled before', () => {
    write('exports.answer = () => 42;');
    cacheIt();
    expect(compileBundle(file)?.script.cachedDataRejected).toBe(false);
    expect(loadBundle<{ answer: () => number }>(file)?.answer()).toBe(42);
  });

  test('is compiled anew where the cache is of something else', () => {
    write('exports.answer = () => 42;');
    cacheIt();
    write('exports.answer = () => "another text";');
    expect(compileBundle(file)?.script.cachedDataRejected).toBe(true);
    expect(loadBundle<{ answer: () => string }>(file)?.answer()).toBe('another text');
  });

  test('is compiled anew where the cache is damaged', () => {
    write('exports.answer = () => 42;');
    writeFileSync(codeCacheOf(file), 'not of V8');
    expect(loadBundle<{ answer: () => number }>(file)?.answer()).toBe(42);
  });
});
