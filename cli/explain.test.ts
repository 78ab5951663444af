import { expect, test } from 'vitest';
import { CATALOGUE } from '../mesh/conflict/catalogue.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { explainCommand, nearestCodes } from './explain.ts';

const printed = keepPrinted({ errors: true });

async function explain(...args: readonly string[]): Promise<string> {
  await explainCommand().parseAsync(args, { from: 'user' });
  return printed.take();
}

test('says what a code means, how to confirm it and how to fix it', async () => {
  const text = await explain('cm-cidr-001');
  expect(text).toMatch(/^CM-CIDR-001 \(error\)\n\nPod CIDRs of two clusters overlap/);
  for (const part of ['Arises', 'Effect', 'Confirm', 'Fix']) expect(text).toContain(`- ${part}: `);
  expect(text).not.toMatch(/^#|CM-CIDR-002$/m);
});

test('has an entry for every code of the catalogue', async () => {
  for (const code of CATALOGUE.keys()) expect(await explain(code)).toMatch(new RegExp(`^${code} \\(\\w+\\)\n\n.{20}`));
  expect(await explain('CM-CIDR-004')).toMatch('Reserved');
});

test('says the same as a document', async () => {
  const [about, all] = [await explain('cm-cidr-001', '-o', 'json'), await explain('-o', 'json')].map((text) =>
    JSON.parse(text),
  );
  const row = { code: 'CM-CIDR-001', severity: 'error', category: 'cidr', title: 'Pod CIDRs of two clusters overlap' };
  expect(about).toEqual({
    schema_version: 1,
    ...row,
    text: expect.stringMatching(/^Pod CIDRs of two clusters overlap/),
  });
  expect(all.codes).toHaveLength(CATALOGUE.size);
  expect(all.codes).toContainEqual(row);
});

test('lists all codes when none is given', async () => {
  const lines = (await explain()).trimEnd().split('\n');
  expect(lines).toHaveLength(CATALOGUE.size + 1);
});

test('suggests the nearest codes for one that does not exist', async () => {
  expect(await explain('CM-CIDR-01')).toMatch('the nearest are CM-CIDR-001');
  expect(process.exitCode).toBe(1);
  expect(nearestCodes('IDENT-5')).toContain('CM-IDENT-005');
});

test('says where codes of errors are explained', async () => {
  expect(await explain('JOIN_CLOCK')).toMatch('"When something is wrong" in docs/operations.md');
  expect(process.exitCode).toBe(1);
});
