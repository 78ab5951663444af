// The etcd of a lab's cluster: private, and open to the API server's certificate alone. Needs etcd and etcdctl.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { etcdClientDnsName } from '../mesh/model/certificate-names.ts';
import type { ClusterName } from '../mesh/model/names.ts';
import type { Pair } from '../pki/files.ts';
import { initCluster } from '../pki/init.ts';
import type { ClusterLayout } from '../pki/layout.ts';
import { type LabEtcd, startEtcd } from './etcd.ts';
import { skippedWithout } from './installed.ts';

const cluster = 'west' as ClusterName;

describe.skipIf(skippedWithout('etcd', 'etcdctl'))('the etcd of a cluster', () => {
  let dir: string;
  let layout: ClusterLayout;
  let etcd: LabEtcd;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lab-etcd-'));
    const addresses = { etcd: [], door: [], rpc: [] };
    ({ layout } = await initCluster({ dir, cluster, nodes: ['n1'], addresses, now: Date.now() }));
    etcd = await startEtcd({
      dir,
      tls: {
        ca: layout.authority.cert,
        ...layout.leaf('etcd-server'),
        clientDnsName: etcdClientDnsName(cluster),
      },
      withoutFsync: true,
    });
  });
  afterAll(async () => {
    await etcd?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Standard output, or why it failed. */
  const etcdctl = (pair: Pair | undefined, ...args: string[]): Promise<string> =>
    new Promise((resolve) => {
      const tls = ['--cacert', layout.authority.cert, ...(pair ? ['--cert', pair.cert, '--key', pair.key] : [])];
      const endpoint = `https://${etcd.endpoints[0]}`;
      const options = { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 20_000 };
      const command = ['--endpoints', endpoint, '--dial-timeout', '2s', '--command-timeout', '2s', ...tls, ...args];
      execFile('etcdctl', command, options, (error, out, said) => resolve(error === null ? out : `failed: ${said}`));
    });

  test('lets the API server in, and keeps its content over a kill', async () => {
    expect(await etcdctl(layout.leaf('etcd-client'), 'put', 'a', '1')).toContain('OK');
    await etcd.kill();
    await etcd.restart();
    expect(await etcdctl(layout.leaf('etcd-client'), 'get', 'a')).toBe('a\n1\n');
  });

  test.each<[string, () => Pair | undefined]>([
    ['an agent of the same cluster', () => layout.agent('n1')],
    ['the certificate for peers', () => layout.leaf('peer')],
    ['nobody', () => undefined],
  ])('refuses %s', async (_, pair) => {
    expect(await etcdctl(pair(), 'get', 'a')).toContain('failed');
  });
});
