// Given two joined clusters, the way from west to east holds on every rung; when east's API server is gone, the ladder ends at TCP, and
// status of west says so without anybody having asked. Needs etcd, and `npm run build` before.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LadderDocument } from '../../apiserver/peers/ladder/document.ts';
import type { StatusDocument } from '../../apiserver/status.ts';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import { systemClock } from '../../runtime/clock.ts';
import { remove, spec } from './mesh-of.ts';

describe.skipIf(skippedWithout('etcd'))('the way to a peer', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    await mesh.open();
    await mesh.addClusters([spec('west', 1), spec('east', 2)], new AbortController().signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    await mesh.joinAll([west, east]);
  }, 120_000);
  afterAll(() => remove(mesh), 60_000);

  async function troubleshoot() {
    const { status, stdout } = await runCli(west.apiServer.socket, ['troubleshoot', 'east', '-o', 'json']);
    const { endpoints } = JSON.parse(stdout) as LadderDocument;
    return { status, states: endpoints.flatMap(({ rungs }) => rungs.map(({ rung, state }) => `${rung} ${state}`)) };
  }

  test('holds on every rung, and ends where it is cut', { timeout: 90_000 }, async () => {
    const all = ['name', 'tcp', 'tls', 'authorization', 'etcd', 'card', 'sync'];
    await vi.waitFor(
      async () => expect(await troubleshoot()).toEqual({ status: 0, states: all.map((rung) => `${rung} passed`) }),
      { timeout: 30_000, interval: 500 },
    );
    const unknown = await runCli(west.apiServer.socket, ['troubleshoot', 'nowhere']);
    expect(unknown).toMatchObject({ status: 3, stderr: expect.stringContaining('nowhere is no peer of west') });

    await east.apiServer.kill();
    const found = await vi.waitFor(
      async () => {
        const { stdout } = await runCli(west.apiServer.socket, ['status', '-o', 'json']);
        const [peer] = (JSON.parse(stdout) as StatusDocument).peers;
        const failed = peer?.ladder?.endpoints[0]?.rungs.find(({ state }) => state === 'failed');
        expect(failed?.failure?.remedy).toBeDefined();
        return failed;
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(found).toMatchObject({ rung: 'tcp', failure: { code: 'LADDER_TCP_REFUSED' } });
    expect(await troubleshoot()).toMatchObject({ status: 1, states: expect.arrayContaining(['tls skipped']) });
  });
});
