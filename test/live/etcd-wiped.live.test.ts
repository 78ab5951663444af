// Given two clusters under traffic, when the etcd of one is emptied, once with the same cluster id and once with another, then
// no backend leaves any kernel and no request fails; publisher and reflector fill it again; and agents follow what changes
// afterwards. Needs root, etcd, cgroup2, bpffs, a kernel that takes the programs, and the built programs (npm run build).
// Takes about a minute: a mirror gives an etcd that stands behind what it knows ten seconds to catch up.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import type { Traffic } from '../../lab/traffic.ts';
import {
  bringUp,
  dialEverywhere,
  emptyMesh,
  failuresOf,
  nodeOf,
  remove,
  serviceOf,
  skipped,
  untilWhole,
  WHOLE_WITHIN_MS,
  witnessNoLoss,
} from './mesh-of.ts';

describe.skipIf(skipped)('an etcd that is wiped', () => {
  const stop = new AbortController();
  const mesh = emptyMesh();
  let traffic: readonly Traffic[];

  beforeAll(async () => {
    await bringUp(mesh, ['west', 'east'], stop.signal);
    traffic = await dialEverywhere(mesh, 50);
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test.each([
    ['comes back with the same cluster id', true, false],
    ['comes back as another cluster', false, false],
    ['comes back empty under an API server that starts anew', true, true],
  ])(
    '%s: nothing is withdrawn, and agents follow the new history',
    async (_, sameClusterId, restartApiServer) => {
      const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
      const before = await historyOf(west);
      const witness = witnessNoLoss(mesh);
      if (restartApiServer) await west.apiServer?.kill();
      await west.etcd.wipe({ sameClusterId });
      if (restartApiServer) await west.startApiServer();
      await vi.waitFor(
        async () => {
          const history = await historyOf(west);
          expect(history).not.toBe(before);
          expect(history?.slice(0, 16) === before?.slice(0, 16)).toBe(sameClusterId);
        },
        { timeout: WHOLE_WITHIN_MS, interval: 50 },
      );
      await untilWhole(mesh);
      for (const cluster of [west, east]) {
        const service = serviceOf(cluster);
        service.announce(await service.startBackend(nodeOf(cluster).at));
      }
      await untilWhole(mesh);
      expect(await witness.end()).toEqual([]);
      expect(failuresOf(traffic)).toEqual([]);
    },
    180_000,
  );
});

/** Which history of the etcd the kernel of the cluster's node holds, as its agent says. */
async function historyOf(cluster: LabCluster): Promise<string | undefined> {
  const status = await getJsonOver<AgentStatus>(nodeOf(cluster).socket, '/v1/status');
  return status.programmed.history;
}

interface AgentStatus {
  readonly programmed: { readonly history?: string };
}
