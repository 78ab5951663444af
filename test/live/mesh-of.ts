// The meshes of the live tests: a few clusters of the lab with one service, a pod of it on each node, and clients that dial it
// all the time. The lab does the work; this says what all these tests begin with, and when a mesh is whole.

import { expect, vi } from 'vitest';
import type { RequestResult } from '../../lab/client-result.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { copyLogs } from '../../lab/logs.ts';
import { LabMesh } from '../../lab/mesh.ts';
import type { LabNode } from '../../lab/node.ts';
import type { LabBackend, LabService } from '../../lab/service.ts';
import type { ClusterSpec } from '../../lab/topology.ts';
import type { Traffic } from '../../lab/traffic.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { desiredRows, kernelRows, servedRows } from './kernel-rows.ts';

/** For `describe.skipIf`: on a developer's machine without root or etcd. Under CI nothing is skipped, and they fail. */
export const skipped =
  skippedWithout('etcd', 'ip', 'nsenter') || (process.env.CI === undefined && process.getuid?.() !== 0);

export const SERVICE = { namespace: 'demo', name: 'echo', port: 80 } as const;
/** A process that starts again, a list, a snapshot, and the readers' grace, on two busy cores. */
export const WHOLE_WITHIN_MS = 40_000;

export const spec = (name: string, id: number): ClusterSpec => ({
  name,
  id,
  podCIDRs: [`10.${id}.0.0/16`],
  serviceCIDRs: [`172.20.${id}.0/24`],
  nodeCIDR: `192.168.${id}.0/24`,
  nodes: [`${name}-1`],
});

export const emptyMesh = (): LabMesh => new LabMesh({ datapath: 'ebpf', clock: systemClock });

/** Makes it a connected mesh whose kernels know a pod of every cluster. */
export async function bringUp(mesh: LabMesh, specs: readonly ClusterSpec[], signal: AbortSignal): Promise<void> {
  await mesh.open();
  const clusters = await mesh.addClusters(specs, signal);
  await mesh.startAgents(clusters, signal);
  await mesh.connect(clusters);
  for (const cluster of clusters) {
    const service = cluster.addService(SERVICE);
    service.announce(...(await Promise.all(cluster.nodes.map(({ at }) => service.startBackend(at)))));
  }
  await untilWhole(mesh);
}

/** Everything that the mesh has made is gone. LAB_LOGS in the environment names a folder that its logs are saved to. */
export async function remove(mesh: LabMesh): Promise<void> {
  if (process.env.LAB_LOGS !== undefined) copyLogs(mesh.dir, process.env.LAB_LOGS);
  const { left } = await mesh.remove();
  expect(left).toEqual([]);
}

/**
 * Every node's kernel has exactly what the pods of all clusters amount to, and the API servers say the same. A pod that is
 * `leaving` gets no new connection anywhere.
 */
export async function untilWhole(mesh: LabMesh, leaving?: LabBackend): Promise<void> {
  await vi.waitFor(
    async () => {
      for (const cluster of mesh.clusters.values()) {
        const desired = desiredRows(mesh, cluster, leaving);
        for (const server of cluster.apiServers.filter(({ process }) => process?.running === true)) {
          expect(await servedRows(server), `${server.name} says`).toEqual(desired);
        }
        for (const node of cluster.nodes) expect(await kernelRows(node), `${node.name} has`).toEqual(desired);
      }
    },
    { timeout: WHOLE_WITHIN_MS, interval: 50 },
  );
}

export function nodeOf(cluster: LabCluster): LabNode {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error(`${cluster.name} has no node`);
  return node;
}

export function serviceOf(cluster: LabCluster): LabService {
  const [service] = cluster.serviceList;
  if (service === undefined) throw new Error(`${cluster.name} has no service`);
  return service;
}

export interface Witness {
  /** Resolves with everything that was missing in a kernel at any time; empty when nothing was withdrawn. */
  end(): Promise<readonly string[]>;
}

/** Looks at the kernels all the time, for backends that are to be there throughout. */
export function witnessNoLoss(mesh: LabMesh): Witness {
  const losses = new Set<string>();
  const nodes = [...mesh.clusters.values()].flatMap((cluster) =>
    cluster.nodes.map((node) => ({ node, wanted: desiredRows(mesh, cluster).services })),
  );
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      for (const { node, wanted } of nodes) {
        const { services } = await kernelRows(node);
        for (const [frontend, backends] of Object.entries(wanted)) {
          const there = new Set(services[frontend]);
          for (const backend of backends)
            if (!there.has(backend)) losses.add(`${node.name}: ${frontend} lost ${backend}`);
        }
      }
      await sleep(systemClock, WITNESS_INTERVAL_MS);
    }
  })();
  // A test that fails before it asks the witness fails for its own reason.
  watching.catch(() => {});
  return {
    async end() {
      ended = true;
      await watching;
      return [...losses];
    },
  };
}

/** Far shorter than anything takes to be withdrawn and put back, and light on two cores. */
const WITNESS_INTERVAL_MS = 20;

/** Clients on every cluster's first node, which dial the service of their cluster. */
export function dialEverywhere(mesh: LabMesh, ratePerSecond: number): Promise<readonly Traffic[]> {
  return Promise.all(
    [...mesh.clusters.values()].map((cluster) =>
      mesh.startTraffic(nodeOf(cluster), serviceOf(cluster).url, ratePerSecond),
    ),
  );
}

export const failuresOf = (traffic: readonly Traffic[]): readonly RequestResult[] =>
  traffic.flatMap((client) => client.results().filter(({ error }) => error !== undefined));
