// Trust of an offline folder: the chain that a cluster's door presents against the store that is bound to it.

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { initCluster } from '../../pki/init.ts';
import { codes, NOW, only, sampleCard } from '../../test/samples/mesh.ts';
import { placeOf } from './place.ts';
import { offlineReport } from './report.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'offline-trust-'));
  for (const [at, cluster] of ['west', 'east'].entries()) {
    const addresses = { etcd: [], door: [], rpc: [] };
    await initCluster({ dir: join(dir, 'pki', cluster), cluster: cluster as never, nodes: [], addresses, now: NOW });
    await mkdir(join(dir, 'mesh', cluster), { recursive: true });
    await writeFile(join(dir, 'mesh', cluster, 'card.json'), JSON.stringify(sampleCard({ name: cluster, id: at + 1 })));
  }
  await writeFile(join(dir, 'mesh', 'local'), 'west');
  await present('east');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** East's door shows the chain of that cluster's. */
async function present(cluster: string): Promise<void> {
  await cp(join(dir, 'pki', cluster, 'door', 'cert.pem'), join(dir, 'mesh', 'east', 'chain.pem'));
}
const trust = (authority: string) =>
  cp(join(dir, 'pki', authority, 'ca', 'ca.pem'), join(dir, 'mesh', 'east', 'ca.pem'));
const report = () => offlineReport(join(dir, 'mesh'), NOW + 60_000);

test('a chain without a store is not checked', async () => {
  const { checks } = await report();
  expect(checks.find(({ code }) => code === 'CM-TRUST-001')).toMatchObject({ status: 'skipped' });
});

test('a chain that leads to the store passes', async () => {
  await trust('east');
  const found = await report();
  expect(codes(found)).toEqual([]);
  expect(found.checks.find(({ code }) => code === 'CM-TRUST-001')).toMatchObject({ status: 'passed' });
});

test('a chain that leads elsewhere blocks the peer, and the finding points to the chain', async () => {
  await trust('west');
  const found = await report();
  expect(found.verdict).toBe('blocked');
  expect(placeOf(only(found, 'CM-TRUST-003')).path).toBe('east/chain.pem');
});

test("another cluster's certificate does not pass for the peer's", async () => {
  await present('west');
  expect(codes(await report())).toContain('CM-TRUST-006');
});
