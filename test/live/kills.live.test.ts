// Given two clusters under traffic, when their processes are killed at random moments and services change meanwhile, then no
// request fails, and every node's kernel ends up with exactly what the clusters say. Needs root, etcd, cgroup2, bpffs, a kernel
// that takes the programs, and the built programs (npm run build). Takes about two minutes. SEED and ROUNDS in the environment
// repeat a run or lengthen it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import type { LabBackend } from '../../lab/service.ts';
import type { Traffic } from '../../lab/traffic.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { bringUp, emptyMesh, nodeOf, remove, serviceOf, skipped, spec, untilWhole } from './mesh-of.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 20);
const REQUESTS_PER_SECOND = 150;

describe.skipIf(skipped)('kill -9 of any process, under traffic', () => {
  const stop = new AbortController();
  const random = seededRandom(SEED);
  const mesh = emptyMesh();
  let traffic: Traffic;

  beforeAll(async () => {
    await bringUp(mesh, [spec('west', 1), spec('east', 2)], stop.signal);
    const west = mesh.cluster('west');
    traffic = await mesh.startTraffic(nodeOf(west), serviceOf(west).url, REQUESTS_PER_SECOND);
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test(
    `${ROUNDS} rounds fail no request, and leave the maps as the clusters say (SEED=${SEED})`,
    async () => {
      const victims = [...mesh.clusters.values()].flatMap(victimsOf);
      const east = mesh.cluster('east');
      const changing = serviceOf(east);
      const story: string[] = [];
      const tell = (what: string) => story.push(`${Date.now()} ${what}`);
      let leaving: LabBackend | undefined;
      for (let round = 0; round < ROUNDS; round += 1) {
        const victim = victims[Math.floor(random.next() * victims.length)];
        if (victim === undefined) throw new Error('no victim');
        const coming = leaving === undefined ? await changing.startBackend(nodeOf(east).at) : undefined;
        await sleep(systemClock, random.next() * 300);
        tell(`round ${round}: ${coming === undefined ? `withdraw ${leaving?.pod}` : `announce ${coming.pod}`}`);
        if (coming !== undefined) changing.announce(coming);
        else if (leaving !== undefined) changing.withdraw(leaving);
        await sleep(systemClock, random.next() * 100);
        tell(`kill ${victim.name}`);
        await victim.kill();
        await sleep(systemClock, random.next() * 1000);
        tell(`start ${victim.name}`);
        await victim.start();
        // A pod that leaves is gone from the kernels before it ends.
        if (leaving !== undefined) {
          await untilWhole(mesh, leaving);
          tell(`end ${leaving.pod}`);
          await changing.end(leaving);
        }
        await untilWhole(mesh);
        tell('whole');
        leaving = coming;
        const failures = traffic.results().filter(({ error }) => error !== undefined);
        expect(failures, story.slice(-12).join('\n')).toEqual([]);
      }
      const counts = traffic.counts();
      expect(counts.requests).toBeGreaterThan(ROUNDS * 50);
      expect(Object.keys(counts.answeredBy).sort()).toEqual(['east', 'west']);
    },
    ROUNDS * 60_000,
  );
});

interface Victim {
  readonly name: string;
  readonly kill: () => Promise<unknown>;
  /** Resolves when it does its work again. */
  readonly start: () => Promise<unknown>;
}

function victimsOf(cluster: LabCluster): readonly Victim[] {
  const node = nodeOf(cluster);
  return [
    {
      name: `the agent of ${node.name}`,
      kill: async () => node.agent?.kill(),
      start: async () => {
        await node.startAgent();
        await node.agentReady();
      },
    },
    {
      name: `the API server of ${cluster.name}`,
      kill: () => cluster.apiServer.kill(),
      start: async () => {
        await cluster.apiServer.start();
        await cluster.apiServer.ready();
      },
    },
    { name: `the etcd of ${cluster.name}`, kill: () => cluster.etcd.kill(), start: () => cluster.etcd.restart() },
  ];
}
