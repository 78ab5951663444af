// docs/operations.md: that its examples are taken by the programs as they stand, also with what is commented out, and that
// every code it explains is one that some program gives.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { agentConfigSchema } from '../../agent/config.ts';
import { apiServerConfigSchema } from '../../apiserver/config.ts';
import { parsePeerSpec } from '../../apiserver/peers/peer-spec.ts';
import { packageRoot } from '../../runtime/package-root.ts';

const text = readFileSync(join(packageRoot(), 'docs/operations.md'), 'utf8');

function example(name: string): string {
  const found = new RegExp(`^\`\`\`yaml ${name}\n(.*?)^\`\`\``, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/operations.md has no example "${name}"`);
  return found;
}

/** Lines that are commented-out settings, put in force. */
const uncommented = (yaml: string): string => yaml.replaceAll(/^( *)# ( *[\w]+:)/gm, '$1$2');

function check(schema: z.ZodType, yaml: string): unknown {
  const parsed = schema.safeParse(parse(yaml));
  expect(parsed.error === undefined ? 'fits' : z.prettifyError(parsed.error)).toBe('fits');
  return parsed.data;
}

test.each<[string, z.ZodType]>([
  ['apiserver', apiServerConfigSchema],
  ['agent', agentConfigSchema],
])('the example of the %s is taken, and what is commented out are the defaults', (name, schema) => {
  const yaml = example(name);
  const all = uncommented(yaml);
  expect(all).not.toBe(yaml);
  expect(check(schema, all)).toEqual(check(schema, yaml));
});

test('the example of a peer is taken, and the name that is commented out is the default', () => {
  const yaml = example('peer');
  expect(parsePeerSpec('/etc/peers/east.yaml', yaml)).toMatchObject({ ok: true });
  expect(parsePeerSpec('/etc/peers/east.yaml', uncommented(yaml))).toEqual(parsePeerSpec('/etc/peers/east.yaml', yaml));
});

test('every code that is explained is one that a program gives', () => {
  const explained = new Set([...text.matchAll(/`([A-Z]+(?:_[A-Z0-9]+)+)`/g)].map(([, code]) => code ?? ''));
  const sources = ['agent', 'apiserver', 'cli', 'pki', 'runtime'].flatMap(sourcesBelow).join('\n');
  const codes = [...explained].filter((code) => !/^(CAP|RLIMIT|CLUSTERMESH)_/.test(code));
  expect(codes.length).toBeGreaterThan(30);
  expect(codes.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});

test('what an installed program reads of its package is among what is copied', () => {
  const [, list = ''] = /\bCopy\s+(.*) to `\/opt\/clustermesh`/.exec(text) ?? [];
  const copied = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const sources = ['agent', 'apiserver', 'cli', 'pki', 'runtime'].flatMap(sourcesBelow).join('\n');
  const read = [...sources.matchAll(/packageRoot\(\), '([^'/]+)/g)].map(([, name]) => name);
  expect(read).toEqual(expect.arrayContaining(['package.json', 'docs']));
  expect(copied).toEqual(expect.arrayContaining(read));
});

function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(join(packageRoot(), folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}
