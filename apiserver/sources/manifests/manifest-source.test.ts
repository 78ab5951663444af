// The source on a real folder: what it knows after each change of the files, and what it says about the broken ones.

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import { silentLog } from '../../../runtime/log.ts';
import { refText } from '../objects.ts';
import { createManifestSource } from './manifest-source.ts';

/** Others may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000 });
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 20_000, interval: 10 });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function start(files: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'manifests-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, 'next'), text);
    renameSync(join(folder, 'next'), join(folder, name));
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const source = createManifestSource({ folder, clock: systemClock, log: silentLog, rescanMs: 200 });
  const touched: string[] = [];
  source.subscribe((refs) => touched.push(...refs.map(refText)));
  const stop = new AbortController();
  const running = source.run(stop.signal);
  cleanups.push(() => {
    stop.abort();
    return running;
  });
  const addresses = () =>
    Object.fromEntries([...source.objects.services].map(([key, { clusterIPs }]) => [key, clusterIPs.join()]));
  const problems = () =>
    source.problems.map(({ file, line, code, reason }) => `${file.slice(folder.length + 1)}:${line} ${code} ${reason}`);
  return { folder, write, source, touched, addresses, problems };
}

const service = (name: string, address: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: test}\nspec: {clusterIP: ${address}, ports: [{port: 80}]}\n`;

test('knows the files, and tells which objects a change touches', async () => {
  const { folder, write, source, touched, addresses, problems } = start({
    'a.yaml': `${service('one', '10.0.0.1')}---\n${service('two', '10.0.0.2')}`,
    'notes.txt': 'not a manifest',
  });
  await source.ready;
  expect(addresses()).toEqual({ 'test/one': '10.0.0.1', 'test/two': '10.0.0.2' });
  expect(source.complete).toBe(true);
  touched.length = 0;
  write('a.yaml', `${service('one', '10.0.0.1')}---\n${service('two', '10.0.0.9')}`);
  await until(() => expect(touched).toEqual(['Service test/two']));
  mkdirSync(join(folder, 'more'));
  write('more/b.json', JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'test' } }));
  await until(() => expect([...source.objects.namespaces.keys()]).toEqual(['test']));
  rmSync(join(folder, 'a.yaml'));
  await until(() => expect(addresses()).toEqual({}));
  expect(problems()).toEqual([]);
});

test('an empty folder at the start says nothing of what was published before, until a file is there', async () => {
  const { folder, write, source, problems } = start();
  await source.ready;
  expect(source.complete).toBe(false);
  expect(source.problems).toMatchObject([{ code: 'SOURCE_EMPTY', severity: 'warning', file: folder }]);
  write('none.yaml', '# nothing is published any more\n');
  await until(() => expect(source.complete).toBe(true));
  expect(problems()).toEqual([]);
  rmSync(join(folder, 'none.yaml'));
  write('a.yaml', service('one', '10.0.0.1'));
  await until(() => expect(source.objects.services.size).toBe(1));
  expect(source.complete).toBe(true);
});

test('a broken file keeps the last good state of its objects until it is mended', async () => {
  const good = `${service('one', '10.0.0.1')}---\n${service('two', '10.0.0.2')}`;
  const { write, source, addresses, problems } = start({ 'a.yaml': good });
  await source.ready;
  write('a.yaml', `${service('one', '10.0.0.7')}---\n${service('two', '10.0.0.999')}`);
  await until(() =>
    expect(problems()).toEqual([expect.stringContaining('a.yaml:9 SOURCE_FIELD "10.0.0.999" is not an IP address')]),
  );
  expect(addresses()).toEqual({ 'test/one': '10.0.0.7', 'test/two': '10.0.0.2' });
  const since = source.problems[0]?.since;
  write('a.yaml', `# moved\n${service('one', '10.0.0.7')}---\n${service('two', '10.0.0.999')}`);
  await until(() => expect(source.problems[0]?.line).toBe(10));
  expect(source.problems[0]?.since).toBe(since);
  write('a.yaml', '{');
  await until(() => expect(problems()[0]).toMatch(/^a\.yaml:1 SOURCE_SYNTAX/));
  expect(addresses()).toEqual({ 'test/one': '10.0.0.7', 'test/two': '10.0.0.2' });
  expect(source.complete).toBe(true);
  write('a.yaml', service('two', '10.0.0.2'));
  await until(() => expect(problems()).toEqual([]));
  expect(addresses()).toEqual({ 'test/two': '10.0.0.2' });
});

test('a file that something else is about to fill, or has failed to, withdraws nothing', async () => {
  const { folder, write, source, addresses, problems } = start({ 'a.yaml': service('one', '10.0.0.1') });
  await source.ready;
  writeFileSync(join(folder, 'a.yaml'), '');
  await until(() => expect(problems()).toEqual(['a.yaml:1 SOURCE_SYNTAX is empty']));
  expect(addresses()).toEqual({ 'test/one': '10.0.0.1' });
  write('a.yaml', '# nothing here any more\n');
  await until(() => expect(addresses()).toEqual({}));
  expect(problems()).toEqual([]);
});

test('a file that has been broken since the start makes the source incomplete', async () => {
  const { write, source, addresses } = start({ 'a.yaml': service('one', '10.0.0.1'), 'b.yaml': 'kind: [' });
  await source.ready;
  expect(addresses()).toEqual({ 'test/one': '10.0.0.1' });
  expect(source.complete).toBe(false);
  write('b.yaml', service('two', '10.0.0.2'));
  await until(() => expect(source.complete).toBe(true));
  expect(addresses()).toEqual({ 'test/one': '10.0.0.1', 'test/two': '10.0.0.2' });
});

test('of two definitions the one in the first file counts, whichever came first', async () => {
  const { folder, write, source, addresses, problems } = start({ 'b.yaml': service('one', '10.0.0.2') });
  await source.ready;
  write('a.yaml', service('one', '10.0.0.1'));
  await until(() => expect(addresses()).toEqual({ 'test/one': '10.0.0.1' }));
  expect(problems()).toEqual([`b.yaml:1 SOURCE_DUPLICATE is defined in ${folder}/a.yaml too, which counts`]);
  rmSync(join(folder, 'a.yaml'));
  await until(() => expect(addresses()).toEqual({ 'test/one': '10.0.0.2' }));
  expect(problems()).toEqual([]);
});

test('a folder that is not there yet makes nothing known', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'manifests-'));
  cleanups.push(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, 'later');
  const source = createManifestSource({ folder, clock: systemClock, log: silentLog, rescanMs: 50 });
  const stop = new AbortController();
  const running = source.run(stop.signal);
  cleanups.push(() => {
    stop.abort();
    return running;
  });
  let ready = false;
  void source.ready.then(() => (ready = true));
  await until(() => expect(source.problems).toMatchObject([{ file: folder, code: 'SOURCE_UNREADABLE' }]));
  expect({ ready, complete: source.complete }).toEqual({ ready: false, complete: false });
  mkdirSync(folder);
  await source.ready;
  expect(source.problems).toMatchObject([{ file: folder, code: 'SOURCE_EMPTY' }]);
});
