// Given two clusters that trust each other, when one of them binds a wrong authority to the other, then the report of both says what
// fails, and stops saying so once it is repaired. Real API servers on loopback. Needs etcd, and `npm run build` before.

import { copyFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import { systemClock } from '../../runtime/clock.ts';
import { remove, spec } from './mesh-of.ts';

/** A store that is replaced is read within 10 s, and a door that was found faulty is looked at again within 30 s. */
const NOTICED_WITHIN_MS = 50_000;

describe.skipIf(skippedWithout('etcd'))('trust between two clusters', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    await mesh.open();
    const specs = [spec('west', 1), spec('east', 2)].map((each) => ({ ...each, nodes: [] }));
    await mesh.addClusters(specs, new AbortController().signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    await mesh.connect([west, east]);
  });
  afterAll(() => remove(mesh));

  /** The checks of trust that are not passed, and the findings. */
  async function trustOf(cluster: LabCluster) {
    const { checks, findings } = await cluster.conflicts();
    return {
      checks: checks
        .filter(({ category, status }) => category === 'trust' && status !== 'passed')
        .map(({ code, status }) => `${code} ${status}`),
      findings: findings
        .filter(({ category }) => category === 'trust')
        .map(({ code, subject, other }) => [code, subject.cluster, other]),
    };
  }
  const becomes = (cluster: LabCluster, expected: object) =>
    vi.waitFor(async () => expect(await trustOf(cluster)).toMatchObject(expected), {
      timeout: NOTICED_WITHIN_MS,
      interval: 500,
    });
  const sound = { findings: [], checks: [] };

  test('holds, is lost in one direction, and holds again', { timeout: 180_000 }, async () => {
    for (const cluster of [west, east]) await becomes(cluster, sound);
    const store = west.layout.trustStore('east');
    await copyFile(west.layout.authority.cert, store);
    // West no longer knows who answers, and no longer lets east in. (Node's servers send the root of their own store as well.) What
    // east announces of its authorities is refused too (CM-TRUST-008), sooner or later.
    await becomes(west, {
      findings: expect.arrayContaining([
        ['CM-TRUST-001', 'east', expect.objectContaining({ cluster: 'west' })],
        ['CM-TRUST-007', 'east', expect.objectContaining({ cluster: 'west' })],
      ]),
    });
    // East is connected still; whoever connects anew is refused.
    east.removePeer(west);
    await vi.waitFor(async () => expect((await east.status()).peers).toEqual([]), { timeout: NOTICED_WITHIN_MS });
    await east.addPeer(west);
    await becomes(east, { findings: [['CM-TRUST-002', 'west', { cluster: 'east' }]] });
    await copyFile(east.layout.authority.cert, store);
    for (const cluster of [west, east]) await becomes(cluster, sound);
  });
});
