// Given a cluster with two API servers, when the one that leads is killed, then the other leads once the lease has ended (about
// ten seconds), agents and peers go on with it, and nothing leaves a kernel meanwhile. Needs root, etcd, cgroup2, bpffs, a kernel
// that takes the programs, and the built programs (npm run build). Takes about half a minute.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabApiServer } from '../../lab/api-server.ts';
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
  spec,
  untilWhole,
  WHOLE_WITHIN_MS,
  witnessNoLoss,
} from './mesh-of.ts';

/** The lease's ten seconds, the next look at the election, and a busy machine. */
const LEADS_WITHIN_MS = 20_000;

describe.skipIf(skipped)('two API servers of one cluster', () => {
  const stop = new AbortController();
  const mesh = emptyMesh();
  let traffic: readonly Traffic[];

  beforeAll(async () => {
    await bringUp(mesh, [{ ...spec('west', 1), tuning: { replicas: 2 } }, spec('east', 2)], stop.signal);
    traffic = await dialEverywhere(mesh, 50);
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test('the one that leads is killed: the other leads, and nothing is withdrawn', async () => {
    const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    const [first, second] = west.apiServers;
    if (first === undefined || second === undefined) throw new Error('west needs two API servers');
    const [leader, follower] = (await leads(first)) ? [first, second] : [second, first];
    expect(await leads(follower)).toBe(false);

    const witness = witnessNoLoss(mesh);
    await leader.kill();
    await vi.waitFor(
      async () => {
        expect(await leads(follower)).toBe(true);
        const { agents } = await follower.status();
        expect(agents).toMatchObject([{ node: nodeOf(west).name, connected: true, lag: 0 }]);
        const { peers } = await east.status();
        expect(peers).toMatchObject([{ name: 'west', phase: 'live', synced: true }]);
      },
      { timeout: LEADS_WITHIN_MS, interval: 50 },
    );

    for (const cluster of [west, east]) {
      const service = serviceOf(cluster);
      service.announce(await service.startBackend(nodeOf(cluster).at));
    }
    await untilWhole(mesh);

    await leader.start();
    await leader.ready();
    await vi.waitFor(async () => expect((await leader.services()).services.length).toBe(1), {
      timeout: WHOLE_WITHIN_MS,
    });
    await untilWhole(mesh);
    expect(await leads(leader)).toBe(false);
    expect(await witness.end()).toEqual([]);
    expect(failuresOf(traffic)).toEqual([]);
  }, 120_000);
});

const leads = async (server: LabApiServer): Promise<boolean> => (await server.status()).leader;
