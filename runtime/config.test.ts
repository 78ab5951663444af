import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { loadConfig, printConfig } from './config.ts';

const schema = z.strictObject({
  name: z.string(),
  http: z.strictObject({ listen: z.string().default('127.0.0.1:0'), port: z.number().optional() }).prefault({}),
  podCIDRs: z.array(z.string()).default([]),
});

async function file(text: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'config-')), 'c.yaml');
  await writeFile(path, text);
  return path;
}
/** Eight aliases of eight aliases …: 8^6 values in a few lines. */
function bomb(): string {
  const lines = ['a0: &a0 [x]'];
  for (let n = 1; n <= 6; n += 1)
    lines.push(
      `a${n}: &a${n} [${Array(8)
        .fill(`*a${n - 1}`)
        .join(', ')}]`,
    );
  return `${lines.join('\n')}\n`;
}
const load = (request: { file?: string; env?: Record<string, string>; flags?: string[] }) =>
  loadConfig({ schema, envPrefix: 'CM_', env: {}, flags: [], ...request });

test('flags go over the environment, the environment over the file, the file over defaults, and each says so', async () => {
  const path = await file('name: west\nhttp:\n  listen: a:1\npodCIDRs: [10.0.0.0/16]\n');
  const loaded = await load({
    file: path,
    env: { CM_HTTP__LISTEN: 'b:2', CM_POD_CIDRS: '[10.1.0.0/16]' },
    flags: ['http.port=7'],
  });
  expect(loaded.config).toEqual({ name: 'west', http: { listen: 'b:2', port: 7 }, podCIDRs: ['10.1.0.0/16'] });
  const printed = printConfig(loaded);
  expect(printed).toContain(`name = "west"  # ${path}:1`);
  expect(printed).toContain('http.listen = "b:2"  # environment CM_HTTP__LISTEN');
  expect(printed).toContain('http.port = 7  # --set');
});

test('a default in a section that a file has is told as a default', async () => {
  const path = await file('name: west\nhttp:\n  port: 7\n');
  const printed = printConfig(await load({ file: path }));
  expect(printed).toContain('http.listen = "127.0.0.1:0"  # default');
  expect(printed).toContain(`http.port = 7  # ${path}:3`);
});

test('a section that is given whole replaces that of the file, and what is in it says where it is from', async () => {
  const path = await file('name: west\nhttp:\n  port: 7\n');
  const printed = printConfig(await load({ file: path, env: { CM_HTTP: '{listen: "b:2"}' } }));
  expect(printed).toContain('http.listen = "b:2"  # environment CM_HTTP');
  expect(printed).not.toContain('http.port');
});

test('a setting named as what every object has is no setting, and touches no object', async () => {
  await expect(load({ flags: ['name=west', '__proto__.polluted=1'] })).rejects.toThrow(/no such setting/);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('an environment variable names a setting that no file has', async () => {
  const loaded = await load({ env: { CM_NAME: 'west', CM_POD_CIDRS: '[10.1.0.0/16]', CM_HTTP__LISTEN: 'b:2' } });
  expect(loaded.config).toEqual({ name: 'west', http: { listen: 'b:2' }, podCIDRs: ['10.1.0.0/16'] });
});

test.each([
  ['a mistyped key', 'name: west\nhttq: {}\n', /httq: there is no such setting \(from .*c\.yaml:2\)/],
  ['a mistyped key in a section', 'name: west\nhttp:\n  port: 1\n  prot: 2\n', /http\.prot: .*c\.yaml:4\)/],
  ['a setting that is not there', 'http: {}\n', /name: is missing/],
  ['a wrong type', 'name: west\nhttp:\n  port: eighty\n', /http\.port: .*c\.yaml:3/],
  ['broken YAML', 'name: [west\n', /CONFIG_INVALID/],
  ['a list at the top', '- a\n', /not a mapping/],
  ['an alias bomb', bomb(), /CONFIG_INVALID.*alias/i],
])('%s is refused with its place', async (_, text, message) => {
  await expect(load({ file: await file(text) })).rejects.toThrow(message);
});

test('an unreadable file names itself', async () => {
  await expect(load({ file: '/nonexistent/c.yaml' })).rejects.toThrow(/CONFIG_UNREADABLE.*\/nonexistent\/c\.yaml/);
});
