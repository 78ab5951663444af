import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { whileRenewing } from '../pki/renew/presence.ts';
import { systemClock } from '../runtime/clock.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { pkiCommand } from './pki.ts';

let dir: string;
const printed = keepPrinted();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-pki-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function pki(...args: readonly string[]): Promise<string> {
  await pkiCommand().parseAsync(args, { from: 'user' });
  return printed.take();
}

describe('clustermesh pki', () => {
  test('makes two clusters that trust each other, and changes nothing the second time', async () => {
    const [west, east] = [join(dir, 'west'), join(dir, 'east')];
    const init = ['init', '--cluster', 'west', '--dir', west, '--node', 'w1', '--node', 'w2', '--etcd-address', 'etcd'];
    expect(await pki(...init)).toContain(`${west}/agents/w2/cert.pem: missing`);
    expect(await pki(...init)).toMatch(
      /^west: everything is in order\n\ncertificates live 24h, and nothing on this machine/,
    );
    await pki('init', '--cluster', 'east', '--dir', east);

    const ca = join(east, 'ca', 'ca.pem');
    const trusted = JSON.parse(await pki('trust', '--dir', west, '--peer', 'east', '--ca', ca, '-o', 'json'));
    expect(trusted).toMatchObject({ peer: 'east', authorities: [{ fingerprint: expect.any(String) }] });
    expect(await readFile(join(west, 'trust', 'east', 'ca.pem'))).toEqual(await readFile(ca));
  });

  test('keeps how long certificates live, and says what renews them until something does', async () => {
    const init = ['init', '--cluster', 'west', '--dir', dir, '-o', 'json'];
    const made = async (...more: string[]) => JSON.parse(await pki(...init, ...more));
    expect(await made()).toMatchObject({ leaf_life_hours: 24, renewer: false });
    const life = await made('--leaf-life', '90d');
    expect(life).toMatchObject({
      leaf_life_hours: 90 * 24,
      written: [`${dir}/cluster.json: certificates live 2160 h`],
    });
    await made('--node', 'n1');
    const { validTo } = new X509Certificate(await readFile(join(dir, 'agents', 'n1', 'cert.pem')));
    expect(Date.parse(validTo)).toBeGreaterThan(Date.now() + 89 * 86_400_000);

    await whileRenewing(dir, systemClock, async () => {
      expect(await made()).toMatchObject({ leaf_life_hours: 90 * 24, renewer: true, written: [] });
      expect(await pki(...init.slice(0, -2))).toBe('west: everything is in order\n');
    });
    expect(await made()).toMatchObject({ renewer: false });
  });

  test('refuses what is no authority, and leaves the trust store as it was', async () => {
    await pki('init', '--cluster', 'east', '--dir', dir);
    const trust = (ca: string) => pki('trust', '--dir', dir, '--peer', 'west', '--ca', join(dir, ca));
    await expect(trust('door/cert.pem')).rejects.toMatchObject({ code: 'PKI_NOT_AN_AUTHORITY' });
    await expect(trust('nothing.pem')).rejects.toMatchObject({ code: 'PKI_FILE' });
    await expect(readFile(join(dir, 'trust', 'west', 'ca.pem'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('takes names that are none for wrong usage', async () => {
    const wrong = [
      ['init', '--cluster', 'West!', '--dir', dir],
      ['init', '--cluster', 'west', '--dir', dir, '--node', 'a b'],
      ['init', '--cluster', 'west', '--dir', dir, '--etcd-address', 'https://etcd'],
      ['init', '--cluster', 'west'],
    ];
    for (const args of wrong) await expect(pki(...args)).rejects.toBeInstanceOf(CommanderError);
  });
});
