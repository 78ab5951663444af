// Needs root: a file system is mounted, and then for reading only.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../../lab/command.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { initCluster } from '../init.ts';
import { LeafFolder } from './leaf-folder.ts';

test('that leaves cannot be written is known before one is due', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pki-read-only-'));
  await runCommand('mount', ['-t', 'tmpfs', 'tmpfs', dir]);
  try {
    await initCluster({
      ...{ dir: join(dir, 'pki'), cluster: 'west' as ClusterName, nodes: ['n1'], now: Date.now() },
      addresses: { etcd: [], door: [], rpc: [], http: [] },
    });
    const leaves = new LeafFolder({ dir: join(dir, 'pki') });
    expect(await leaves.obstacle()).toBeUndefined();
    await runCommand('mount', ['-o', 'remount,ro', dir]);
    expect(await leaves.obstacle()).toEqual({
      reason: expect.stringMatching(/^.*\/pki\/etcd-server: EROFS/),
      hint: 'Mount that file system for writing.',
    });
  } finally {
    await runCommand('umount', [dir]);
    await rm(dir, { recursive: true });
  }
});
