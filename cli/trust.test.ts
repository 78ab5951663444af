import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { authority, certify, keysOf, SERVER } from '../test/samples/certificates.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { trustCommand } from './trust.ts';

let dir: string;
const printed = keepPrinted();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-trust-'));
  const root = await authority({ name: 'west root' });
  const middle = await authority({ name: 'west middle', issuer: root });
  const uris = ['spiffe://west.clustermesh/apiserver'];
  const door = await certify({
    name: 'door.west',
    issuer: middle,
    extended: [SERVER],
    uris,
    keys: await keysOf('rsa1024'),
  });
  await writeFile(join(dir, 'ca.pem'), root.pem);
  await writeFile(join(dir, 'chain.pem'), `some text\n${door.pem}between\n${middle.pem}`);
  await writeFile(join(dir, 'leaf.pem'), door.pem);
  await writeFile(join(dir, 'cut.pem'), root.pem + door.pem.slice(0, 200));
  await writeFile(
    join(dir, 'garbage.pem'),
    `${root.pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
  );
  await writeFile(join(dir, 'nothing.pem'), 'hello\n');
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function verify(chain: string, ...more: readonly string[]) {
  process.exitCode = 0;
  const files = ['--chain', join(dir, chain), '--ca', join(dir, 'ca.pem'), '--now', '2026-03-01T00:00:00Z'];
  await trustCommand().parseAsync(['verify', ...files, ...more], { from: 'user' });
  return { exit: process.exitCode, printed: printed.take() };
}

describe('clustermesh trust verify', () => {
  test('exits 0 for a usable chain, and names what is weak all the same', async () => {
    const { exit, printed: text } = await verify('chain.pem', '--name', 'west', '--purpose', 'door');
    expect(exit).toBe(0);
    expect(text).toMatch(/^usable: west for door\n/);
    expect(text).toMatch(
      /leaf +CN=door\.west +presented 1 +RSA 1024 .*CM-TRUST-009\n1 +CN=west middle .* ok\n2 +CN=west root +trust store 1 .* ok/,
    );
    expect(text).toContain('CM-TRUST-009 warning: Weak key');
  });

  test('exits 1 otherwise, with the link that fails and what to do', async () => {
    const { exit, printed: text } = await verify('leaf.pem', '-o', 'json');
    expect(exit).toBe(1);
    expect(JSON.parse(text)).toMatchObject({
      usable: false,
      purpose: 'any',
      cluster: null,
      evaluated_at: '2026-03-01T00:00:00.000Z',
      path: [{ subject: 'CN=door.west' }],
      problems: [
        { code: 'CM-TRUST-003', severity: 'blocking', docs: 'docs/findings.md#cm-trust-003' },
        { code: 'CM-TRUST-009' },
      ],
    });
    expect((await verify('chain.pem', '--name', 'east')).exit).toBe(1);
    expect((await verify('chain.pem', '--purpose', 'peer')).printed).toContain('CM-TRUST-006 blocking');
    expect((await verify('chain.pem', '--now', '2036-01-01T00:00:00Z')).printed).toContain('CM-TRUST-004 blocking');
  });

  test.each([
    ['absent.pem', 'TRUST_FILE', /absent\.pem: ENOENT/],
    ['nothing.pem', 'TRUST_PEM', /nothing\.pem:1: no PEM certificate/],
    ['garbage.pem', 'TRUST_PEM', /garbage\.pem:\d+: certificate 2, which begins here, cannot be read/],
    ['cut.pem', 'TRUST_PEM', /cut\.pem:\d+: the certificate that begins here has no end/],
  ])('cannot evaluate %s, and says where', async (chain, code, message) => {
    await expect(verify(chain)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(verify('chain.pem', '--ca', join(dir, chain))).rejects.toMatchObject({ code });
  });

  test('takes what cannot be meant for wrong usage', async () => {
    for (const wrong of [
      ['--name', 'West!'],
      ['--now', 'yesterday'],
      ['--purpose', 'etcd'],
    ]) {
      await expect(verify('chain.pem', ...wrong)).rejects.toBeInstanceOf(CommanderError);
    }
  });
});
