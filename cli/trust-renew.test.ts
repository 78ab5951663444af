import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { DAY_MS } from '../pki/authority.ts';
import { initCluster } from '../pki/init.ts';
import { trustCommand } from './trust.ts';

let dir: string;
let printed = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-renew-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = 0;
  await rm(dir, { recursive: true, force: true });
});

const init = (bornDaysAgo: number) =>
  initCluster({
    dir,
    cluster: 'west' as ClusterName,
    nodes: ['n1'],
    addresses: { etcd: ['etcd.west'], door: ['10.1.0.1', 'fd00::1', 'door.example.org'], rpc: [] },
    now: Date.now() - bornDaysAgo * DAY_MS,
    leafLifeMs: 90 * DAY_MS,
  });

async function trust(command: string, ...more: readonly string[]) {
  printed = '';
  process.exitCode = 0;
  await trustCommand().parseAsync([command, '--dir', dir, ...more], { from: 'user' });
  return { exit: process.exitCode, printed };
}

const leafAt = async (place: string) => new X509Certificate(await readFile(join(dir, place, 'cert.pem')));
const keyAt = (place: string) => readFile(join(dir, place, 'key.pem'), 'utf8');

describe('clustermesh trust renew', () => {
  test('issues what is due anew, with the names and the life it had, and changes nothing the next time', async () => {
    await init(61);
    const before = await leafAt('door');
    const key = await keyAt('door');
    expect((await trust('renew', '--dry-run')).printed).toMatch(/door +\S+ +would renew/);
    expect(await keyAt('door')).toBe(key);

    const { exit, printed: text } = await trust('renew', '-o', 'json');
    expect(exit).toBe(0);
    expect(JSON.parse(text).leaves).toHaveLength(7);
    const after = await leafAt('door');
    expect([after.subject, after.subjectAltName]).toEqual([before.subject, before.subjectAltName]);
    expect(Date.parse(after.validTo)).toBeGreaterThan(Date.now() + 89 * DAY_MS);
    expect(await keyAt('door')).not.toBe(key);

    expect((await trust('renew')).printed).not.toContain('renewed');
    expect((await trust('renew', '--all')).printed).not.toContain('kept');
  });

  test('keeps the last pair when a renewal fails, and says which, why and what to do', async () => {
    await init(61);
    const before = [(await leafAt('door')).fingerprint256, await keyAt('door')];
    await writeFile(join(dir, 'ca', 'key.pem'), 'not a key');
    const { exit, printed: text } = await trust('renew');
    expect(exit).toBe(1);
    expect(text).toMatch(
      /door\/cert\.pem: not renewed: .*ca\.pem: the key file holds no private key.*\n {2}fix: Restore/,
    );
    expect([(await leafAt('door')).fingerprint256, await keyAt('door')]).toEqual(before);
  });

  test('heals what a crash between key and certificate has left', async () => {
    await init(1);
    await writeFile(join(dir, 'rpc', 'key.pem'), await keyAt('admin'));
    expect((await trust('renew')).printed).toMatch(/rpc +\S+ +renewed/);
    expect((await trust('renew')).printed).not.toContain('renewed');
  });

  test('refuses a folder that is no cluster of ours', async () => {
    await expect(trust('renew')).rejects.toMatchObject({ code: 'PKI_CLUSTER_RECORD' });
  });
});
