// Writes a folder for `clustermesh diagnose --offline`: a mesh as large as they get, every record as Cilium stores it, with a few
// clusters that are in each other's way. The same numbers give the same folder.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { NODE_ZEROS } from '../mesh/wire/node.ts';

export interface OfflineMeshSize {
  readonly clusters: number;
  readonly nodes: number;
  readonly endpoints: number;
  readonly identities: number;
  /** Global services, each with a part in every cluster. */
  readonly services: number;
  /** Of each service in each cluster. @default 4, all of one workload */
  readonly backends?: number;
}

/** Every so many clusters, one has the pod range of its neighbour too. */
const OVERLAP_EVERY = 50;
const BACKENDS_PER_SERVICE = 4;

export async function writeOfflineMesh(folder: string, size: OfflineMeshSize): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'local'), `${clusterName(1)}\n`);
  for (let id = 1; id <= size.clusters; id += 1) await writeCluster(join(folder, clusterName(id)), id, size);
}

export const clusterName = (id: number): string => `cluster-${id}`;
const podRange = (id: number): string => `10.${id}.0.0/16`;
/** The part of 100.64.0.0/10 that is the cluster's: 1,024 addresses. */
const nodeNet = (id: number): string => `100.${64 + (id >> 6)}.${(id & 63) * 4}`;
const nodeAddress = (id: number, at: number): string =>
  `100.${64 + (id >> 6)}.${(id & 63) * 4 + (at >> 8)}.${at & 255}`;
export const podAddress = (id: number, at: number): string => `10.${id}.${at >> 8}.${at & 255}`;

async function writeCluster(folder: string, id: number, size: OfflineMeshSize): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'card.json'), `${JSON.stringify(card(id), undefined, 2)}\n`);
  const out = createWriteStream(join(folder, 'state.jsonl'));
  for (const [key, value] of records(id, size)) {
    if (!out.write(`${JSON.stringify({ key, value })}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}

export function card(id: number) {
  return {
    schema: 'clustermesh/v1',
    name: clusterName(id),
    id,
    uid: `uid-${id}`,
    joinedAt: new Date(Date.UTC(2026, 0, 1, 0, id)).toISOString(),
    podCIDRs: [podRange(id), ...(id % OVERLAP_EVERY === 0 ? [`10.${id - 1}.128.0/17`] : [])],
    serviceCIDRs: ['172.20.0.0/16'],
    nodeCIDRs: [`${nodeNet(id)}.0/22`],
    maxConnectedClusters: 255,
    datapath: { mode: 'native', encryption: 'none' },
    versions: { software: '0.1.0', protocol: 1 },
    capabilities: ['synced-canaries', 'service-specs'],
    trust: { spkiPins: [] },
    time: '2026-02-01T00:00:00Z',
  };
}

export function* records(id: number, size: OfflineMeshSize): Generator<readonly [string, unknown]> {
  const cluster = clusterName(id);
  for (let at = 0; at < size.nodes; at += 1) yield [`cilium/state/nodes/v1/${cluster}/node-${at}`, node(id, at)];
  for (let at = 1; at <= size.identities; at += 1) {
    const labels = `k8s:app=app-${at};k8s:io.cilium.k8s.policy.cluster=${cluster};k8s:io.kubernetes.pod.namespace=shop;`;
    yield [`cilium/state/identities/v1/id/${(id << 16) + at}`, labels];
  }
  for (let at = 0; at < size.endpoints; at += 1) {
    const ip = podAddress(id, at);
    yield [`cilium/state/ip/v1/default/${ip}`, endpoint(id, at, size)];
  }
  for (let at = 0; at < size.services; at += 1) {
    yield [`cilium/state/services/v1/${cluster}/shop/service-${at}`, service(id, at, size)];
    yield [`clustermesh/v1/services/${cluster}/shop/service-${at}`, exported(cluster, at)];
  }
}

const exported = (cluster: string, at: number) => ({
  cluster,
  name: `service-${at}`,
  namespace: 'shop',
  exportCreationTimestamp: '2026-01-01T00:00:00Z',
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  type: 'ClusterSetIP',
  sessionAffinity: 'None',
  ipFamilies: ['IPv4'],
  internalTrafficPolicy: 'Cluster',
});

function node(id: number, at: number) {
  const pods = at * 64;
  return {
    Name: `node-${at}`,
    Cluster: clusterName(id),
    ...NODE_ZEROS,
    IPAddresses: [{ Type: 'InternalIP', IP: nodeAddress(id, at) }],
    IPv4AllocCIDR: { IP: podAddress(id, pods), Mask: '////wA==' },
    ClusterID: id,
    Source: 'custom-resource',
    Labels: { 'kubernetes.io/hostname': `node-${at}` },
  };
}

function endpoint(id: number, at: number, { identities, nodes }: OfflineMeshSize) {
  return {
    IP: podAddress(id, at),
    Mask: null,
    HostIP: nodeAddress(id, at % nodes),
    ID: (id << 16) + 1 + (at % identities),
    Key: 0,
    Metadata: `cilium-global:${clusterName(id)}:node-${at % nodes}:${at}`,
    K8sNamespace: 'shop',
    K8sPodName: `pod-${at}`,
  };
}

function service(id: number, at: number, { identities, endpoints, backends: count }: OfflineMeshSize) {
  const backends: Record<string, unknown> = {};
  for (let pod = 0; pod < (count ?? BACKENDS_PER_SERVICE); pod += 1) {
    // All pods of one identity: what a service selects are the pods of one workload. Where there are too few of those, the next.
    const index = count === undefined ? (at % identities) + pod * identities : at * count + pod;
    backends[podAddress(id, index % endpoints)] = {
      http: { Protocol: 'TCP', Port: 8080 },
    };
  }
  return {
    cluster: clusterName(id),
    namespace: 'shop',
    name: `service-${at}`,
    frontends: { [`172.20.${at >> 8}.${at & 255}`]: { http: { Protocol: 'TCP', Port: 80 } } },
    backends,
    labels: {},
    selector: { app: `app-${1 + (at % identities)}` },
    includeExternal: true,
    shared: true,
    clusterID: id,
  };
}
