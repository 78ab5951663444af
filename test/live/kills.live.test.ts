// Given two clusters under traffic, when their processes are killed at random moments and services change meanwhile, then no
// request fails, and the kernel ends up with what the clusters say. Needs root, etcd, cgroup2, bpffs, a kernel that takes the
// programs, and the built programs (npm run build). SEED and ROUNDS in the environment repeat a run or lengthen it.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import type { LabNode } from '../../lab/node.ts';
import type { LabBackend, LabService } from '../../lab/service.ts';
import type { Traffic } from '../../lab/traffic.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { seededRandom } from '../../runtime/random.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 20);
const WHOLE_WITHIN_MS = 30_000;
const skipped = skippedWithout('etcd', 'ip', 'nsenter') || (process.env.CI === undefined && process.getuid?.() !== 0);

const spec = (name: string, id: number) => ({
  name,
  id,
  podCIDRs: [`10.${id}.0.0/16`],
  serviceCIDRs: [`172.20.${id}.0/24`],
  nodeCIDR: `192.168.${id}.0/24`,
  nodes: [`${name}-1`],
});

/** The fields of `/v1/maps` that are looked at. */
interface Maps {
  readonly problems: readonly string[];
  readonly services: readonly {
    readonly service: string | null;
    readonly backends: readonly { readonly address: string | null; readonly use: string }[];
  }[];
}

describe.skipIf(skipped)('kill -9 of any process, under traffic', () => {
  const stop = new AbortController();
  const random = seededRandom(SEED);
  const mesh = new LabMesh({ datapath: 'ebpf', clock: systemClock });
  let west: LabCluster;
  let east: LabCluster;
  let node: LabNode;
  let services: readonly LabService[];
  let traffic: Traffic;

  beforeAll(async () => {
    await mesh.open();
    const clusters = await mesh.addClusters([spec('west', 1), spec('east', 2)], stop.signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    await mesh.startAgents(clusters, stop.signal);
    await mesh.connect(clusters);
    services = clusters.map((cluster) => cluster.addService({ namespace: 'demo', name: 'echo', port: 80 }));
    for (const [index, cluster] of clusters.entries()) {
      const service = services[index];
      const [first] = cluster.nodes;
      if (service === undefined || first === undefined) throw new Error('a cluster without node or service');
      service.announce(await service.startBackend(first.at));
    }
    node = nodeOf(west);
    await converged();
    traffic = await mesh.startTraffic(node, services[0]?.url ?? '', 100);
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    const { left } = await mesh.remove();
    expect(left).toEqual([]);
  }, 60_000);

  test(
    `${ROUNDS} rounds fail no request, and leave the maps as the clusters say (SEED=${SEED})`,
    async () => {
      const victims = [...victimsOf(west), ...victimsOf(east)];
      const [, changing] = services;
      if (changing === undefined) throw new Error('east has no service');
      const pods = nodeOf(east).at;
      let extra: LabBackend | undefined;
      for (let round = 0; round < ROUNDS; round += 1) {
        const victim = victims[Math.floor(random.next() * victims.length)];
        if (victim === undefined) throw new Error('no victim');
        const before = extra === undefined ? await changing.startBackend(pods) : undefined;
        await sleep(systemClock, random.next() * 300);
        if (before !== undefined) changing.announce(before);
        else if (extra !== undefined) changing.withdraw(extra);
        await sleep(systemClock, random.next() * 100);
        await victim.kill();
        await sleep(systemClock, random.next() * 1000);
        await victim.start();
        await converged(extra);
        if (extra !== undefined) await changing.end(extra);
        extra = before;
        await converged();
        expect(traffic.counts().errors, `round ${round}, ${victim.name} killed`).toEqual({});
      }
      const counts = traffic.counts();
      expect(counts.requests).toBeGreaterThan(ROUNDS * 50);
      expect(Object.keys(counts.answeredBy).sort()).toEqual(['east', 'west']);
    },
    ROUNDS * 40_000,
  );

  /** The kernel of west's node has exactly the pods that are announced, without `leaving`. */
  async function converged(leaving?: LabBackend): Promise<void> {
    const wanted = services
      .flatMap(({ backends }) => backends)
      .filter(({ pod }) => pod !== leaving?.pod)
      .map(({ address }) => `${address}:8080/TCP`)
      .sort();
    await vi.waitFor(
      async () => {
        const maps = await getJsonOver<Maps>(node.socket, '/v1/maps');
        expect(programmed(maps)).toEqual({ problems: [], addresses: wanted });
      },
      { timeout: WHOLE_WITHIN_MS, interval: 50 },
    );
  }
});

function programmed({ problems, services }: Maps) {
  const service = services.find((known) => known.service === 'demo/echo');
  const used = service?.backends.filter(({ use }) => use === 'new') ?? [];
  return { problems, addresses: used.map(({ address }) => address).sort() };
}

function nodeOf(cluster: LabCluster): LabNode {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error(`${cluster.name} has no node`);
  return node;
}

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
      kill: async () => cluster.apiServer?.kill(),
      start: async () => {
        await cluster.startApiServer();
        await cluster.apiServerReady();
      },
    },
    { name: `the etcd of ${cluster.name}`, kill: () => cluster.etcd.kill(), start: () => cluster.etcd.restart() },
  ];
}
