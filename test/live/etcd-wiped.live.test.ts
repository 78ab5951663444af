// Given two clusters under traffic, when the etcd of one is emptied, once with the same cluster id and once with another, then
// no backend leaves any kernel and no request fails; publisher and reflector fill it again; and agents follow what changes
// afterwards. Needs root, etcd, cgroup2, bpffs, a kernel that takes the programs, and the built programs (npm run build).
// Takes about a minute: a mirror gives an etcd that stands behind what it knows ten seconds to catch up.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import { BACKEND_PORT, type LabBackend } from '../../lab/service.ts';
import type { Traffic } from '../../lab/traffic.ts';
import { kernelRows } from './kernel-rows.ts';
import {
  bringUp,
  dialEverywhere,
  emptyMesh,
  failuresOf,
  nodeOf,
  remove,
  serviceOf,
  skipped,
  spec,
  untilWhole,
  WHOLE_WITHIN_MS,
  witnessNoLoss,
} from './mesh-of.ts';

describe.skipIf(skipped)('an etcd that is wiped', () => {
  const stop = new AbortController();
  const mesh = emptyMesh();
  let traffic: readonly Traffic[];

  beforeAll(async () => {
    await bringUp(mesh, [spec('west', 1), spec('east', 2)], stop.signal);
    traffic = await dialEverywhere(mesh, 50);
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test.each([
    ['the same cluster id', true],
    ['another cluster id', false],
  ])(
    'and comes back with %s: nothing is withdrawn, and agents follow the new history',
    async (_, sameClusterId) => {
      const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
      const before = await historyOf(west);
      const witness = witnessNoLoss(mesh);
      await west.etcd.wipe({ sameClusterId });
      const after = await untilAnotherHistory(west, before);
      expect(after.slice(0, 16) === before?.slice(0, 16)).toBe(sameClusterId);
      for (const cluster of [west, east]) await addPod(cluster);
      await untilWhole(mesh);
      expect(await witness.end()).toEqual([]);
      expect(failuresOf(traffic)).toEqual([]);
    },
    120_000,
  );

  // Nobody is left who knows the cluster's uid: to its peers it is another cluster under a known name, and they keep what they have.
  test('together with what its API server knew: the own nodes follow, and peers take nothing away and say so', async () => {
    const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    const before = await historyOf(west);
    const witness = witnessNoLoss(mesh);
    await west.apiServer.kill();
    await west.etcd.wipe({ sameClusterId: true });
    await west.apiServer.start();
    await untilAnotherHistory(west, before);
    const added = await addPod(west);
    await vi.waitFor(
      async () => {
        const { services } = await kernelRows(nodeOf(west));
        expect(Object.values(services).flat()).toContain(`${added.address}:${BACKEND_PORT}`);
        const { findings } = await east.conflicts();
        expect(findings.map(({ code, subject }) => `${code} ${subject.cluster}`)).toContain('CM-ID-004 west');
      },
      { timeout: WHOLE_WITHIN_MS, interval: 50 },
    );
    expect(await witness.end()).toEqual([]);
    expect(failuresOf(traffic)).toEqual([]);
  }, 120_000);
});

async function addPod(cluster: LabCluster): Promise<LabBackend> {
  const service = serviceOf(cluster);
  const added = await service.startBackend(nodeOf(cluster).at);
  service.announce(added);
  return added;
}

async function untilAnotherHistory(cluster: LabCluster, before: string | undefined): Promise<string> {
  return vi.waitFor(
    async () => {
      const history = await historyOf(cluster);
      if (history === undefined || history === before) throw new Error(`the agent still holds ${history}`);
      return history;
    },
    { timeout: WHOLE_WITHIN_MS, interval: 50 },
  );
}

/** Which history of the etcd the kernel of the cluster's node holds, as its agent says. */
async function historyOf(cluster: LabCluster): Promise<string | undefined> {
  const status = await getJsonOver<AgentStatus>(nodeOf(cluster).socket, '/v1/status');
  return status.programmed.history;
}

interface AgentStatus {
  readonly programmed: { readonly history?: string };
}
