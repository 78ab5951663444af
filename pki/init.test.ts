import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { DAY_MS } from './authority.ts';
import { createPrivate } from './files.ts';
import { type ClusterCredentials, initCluster, trustPeer } from './init.ts';
import { clusterLayout } from './layout.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pki-init-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const init = (more: Partial<ClusterCredentials> = {}) =>
  initCluster({
    dir,
    cluster: 'west' as ClusterName,
    nodes: ['n1', 'n2'],
    addresses: { etcd: [], door: ['10.1.0.1'], rpc: ['10.1.0.1'] },
    now: NOW,
    leafLifeMs: 90 * DAY_MS,
    ...more,
  });

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function contents(): Promise<Record<string, string>> {
  const files = await filesBelow(dir);
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(file, 'utf8')])));
}

describe('the credentials of a cluster', () => {
  test('are made once: the second run changes nothing', async () => {
    const first = await init();
    expect(first.written).toHaveLength(12);
    const before = await contents();
    expect((await init()).written).toEqual([]);
    expect(await contents()).toEqual(before);
  });

  test('keep every private key to their owner, and leave no stray file', async () => {
    await init();
    const files = await filesBelow(dir);
    expect(files.filter((file) => !file.endsWith('.pem'))).toEqual([join(dir, 'cluster.json')]);
    for (const file of files) {
      const { mode } = await stat(file);
      const secret = (await readFile(file, 'utf8')).includes('PRIVATE KEY');
      expect([file, (mode & 0o777).toString(8)]).toEqual([file, secret ? '600' : '644']);
    }
  });

  test('grow: a new node and a new address are added, the rest stays', async () => {
    await init();
    const { written } = await init({
      nodes: ['n1', 'n2', 'n3'],
      addresses: { etcd: [], door: ['10.1.0.1', '10.1.0.2'], rpc: ['10.1.0.1'] },
    });
    expect(written).toEqual([
      expect.stringContaining('door/cert.pem: did not carry 10.1.0.2'),
      expect.stringContaining('agents/n3/cert.pem: missing'),
    ]);
  });

  test('carry addresses and DNS names alike', async () => {
    const { layout } = await init({ addresses: { etcd: ['etcd-west', '10.9.0.1'], door: [], rpc: [] } });
    const names = new X509Certificate(await readFile(layout.leaf('etcd-server').cert)).subjectAltName;
    expect(names?.split(', ')).toEqual([
      'DNS:localhost',
      'DNS:etcd-west',
      'IP Address:127.0.0.1',
      'IP Address:10.9.0.1',
    ]);
  });

  test('are repaired where they no longer serve', async () => {
    const { layout } = await init();
    await writeFile(layout.leaf('peer').cert, 'garbage');
    await writeFile(layout.leaf('rpc').key, await readFile(layout.leaf('door').key));
    expect((await init()).written).toEqual([
      expect.stringMatching(/peer\/cert\.pem: damaged/),
      expect.stringMatching(/rpc\/cert\.pem: certificate and key do not belong together/),
    ]);
    expect((await init({ now: NOW + 80 * DAY_MS })).written).toHaveLength(10);
  });

  test('never lose an authority: half of it is an error, and its key is never replaced', async () => {
    const { layout } = await init();
    const key = await readFile(layout.authority.key, 'utf8');
    await expect(createPrivate(layout.authority.key, 'other')).rejects.toMatchObject({ code: 'PKI_EXISTS' });
    expect(await readFile(layout.authority.key, 'utf8')).toBe(key);

    const certificate = new X509Certificate(await readFile(layout.authority.cert));
    await rm(layout.authority.cert);
    await init();
    const again = new X509Certificate(await readFile(layout.authority.cert));
    expect(again.publicKey.equals(certificate.publicKey)).toBe(true);

    await rm(layout.authority.key);
    await expect(init()).rejects.toMatchObject({ code: 'PKI_AUTHORITY' });
  });

  test('keep a trust store for each peer', async () => {
    const { layout } = await init();
    const other = await mkdtemp(join(tmpdir(), 'pki-init-'));
    try {
      await init({ dir: other, cluster: 'east' as ClusterName });
      const theirs = await readFile(clusterLayout(other).authority.cert, 'utf8');
      expect(await readFile(await trustPeer(layout, 'east' as ClusterName, theirs), 'utf8')).toBe(theirs);
      expect(layout.trustStore('east')).toContain('trust/east/');
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });
});
