// Builders of meshes for tests of admission and findings: clusters with cards and records that are right in everything, so that a
// case only writes down what is wrong in it.

import { evaluateMesh, reportOf } from '../../mesh/conflict/evaluate.ts';
import type { MeshEvaluation } from '../../mesh/conflict/evaluation.ts';
import {
  type ClusterFacts,
  type FreshnessFact,
  type MeshFacts,
  readCard,
  readConfig,
} from '../../mesh/conflict/facts.ts';
import type { Finding } from '../../mesh/conflict/finding.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { parsePrefix } from '../../mesh/model/prefix.ts';
import { encodeCard } from '../../mesh/wire/card.ts';
import { encodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import { NODE_ZEROS, type NodeRecord, networkValue } from '../../mesh/wire/node.ts';

export const NOW = Date.parse('2026-02-01T00:00:00Z');
const DAY_MS = 86_400_000;

export const named = (name: string): ClusterName => name as ClusterName;
const utf8 = new TextEncoder();
export const bytesOf = (value: unknown): Uint8Array =>
  utf8.encode(typeof value === 'string' ? value : JSON.stringify(value));
export const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
export const jsonOf = (bytes: Uint8Array | undefined): unknown => JSON.parse(textOf(bytes));

export interface SampleCluster {
  readonly name: string;
  readonly id: number;
  /** The later the higher; null: has not joined. */
  readonly joinedDay?: number | null;
  readonly card?: Partial<ClusterCard>;
  /** A plain Cilium cluster. */
  readonly plain?: boolean;
  readonly records?: readonly SampleRecord[];
  readonly admitted?: Partial<ClusterCard>;
  readonly freshness?: FreshnessFact;
  readonly clockOffsetMs?: number;
}

export interface SampleRecord {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Pods 10.<id>.0.0/16, services 172.<id>.0.0/16, nodes 192.168.<id>.0/24. */
export function sampleCard(cluster: Pick<SampleCluster, 'name' | 'id' | 'joinedDay' | 'card'>): ClusterCard {
  const { name, id, joinedDay = id, card } = cluster;
  return {
    schema: 'clustermesh/v1',
    name,
    id,
    uid: `uid-of-${name}`,
    joinedAt:
      joinedDay === null ? null : new Date(Date.parse('2026-01-01T00:00:00Z') + joinedDay * DAY_MS).toISOString(),
    podCIDRs: [`10.${id}.0.0/16`],
    serviceCIDRs: [`172.${id}.0.0/16`],
    nodeCIDRs: [`192.168.${id}.0/24`],
    maxConnectedClusters: 255,
    datapath: { mode: 'native', encryption: 'none' },
    versions: { software: '0.1.0', protocol: 1 },
    capabilities: [],
    trust: { spkiPins: [] },
    time: '2026-02-01T00:00:00Z',
    ...card,
  };
}

export function clusterFacts(cluster: SampleCluster): ClusterFacts {
  const { name, id, plain = false, records = [], admitted, freshness, clockOffsetMs } = cluster;
  const config = { id, capabilities: { syncedCanaries: true, maxConnectedClusters: 255 } };
  return {
    name: named(name),
    ...(plain ? {} : { card: readCard(encodeCard(sampleCard(cluster))) }),
    ...(plain ? { config: readConfig(name, encodeClusterConfig(config)) } : {}),
    ...(admitted === undefined ? {} : { admitted: { ...sampleCard(cluster), ...admitted } }),
    ...(freshness === undefined ? {} : { freshness }),
    ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
    records: new Map(records.map(({ key, bytes }) => [key, bytes])),
  };
}

export const meshFacts = (local: string | undefined, clusters: readonly SampleCluster[]): MeshFacts => ({
  local: local === undefined ? undefined : named(local),
  now: NOW,
  clusters: new Map(clusters.map((cluster) => [named(cluster.name), clusterFacts(cluster)])),
});

export function judged(
  local: string | undefined,
  clusters: readonly SampleCluster[],
): { readonly report: Report; readonly mesh: MeshEvaluation } {
  const mesh = evaluateMesh(meshFacts(local, clusters));
  return { report: reportOf(mesh, { now: NOW }), mesh };
}

export const codes = (report: Report): readonly string[] => report.findings.map(({ code }) => code);

export function only(report: Report, code: string): Finding {
  const found = report.findings.filter((finding) => finding.code === code);
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new Error(`${found.length} findings of ${code}, all: ${codes(report).join(' ') || 'none'}`);
  }
  return first;
}

export const admitted = (mesh: MeshEvaluation, cluster: string, key: string): Uint8Array | undefined =>
  mesh.clusters.get(named(cluster))?.records.get(key)?.admitted;

// ---- records, right unless a case says otherwise

export const labelsOf = (cluster: string, ...more: readonly string[]): string =>
  [...more, `k8s:io.cilium.k8s.policy.cluster=${cluster}`, 'k8s:io.kubernetes.pod.namespace=shop']
    .sort()
    .map((label) => `${label};`)
    .join('');

/** The first numbers of cluster `id` in a mesh of 255. */
export const identityNumber = (id: number, local = 1): number => (id << 16) + local;

export const identity = (cluster: string, number: number, labels = labelsOf(cluster)): SampleRecord => ({
  key: `cilium/state/identities/v1/id/${number}`,
  bytes: bytesOf(labels),
});

export const endpoint = (ip: string, number: number, more: object = {}): SampleRecord => ({
  key: `cilium/state/ip/v1/default/${ip}`,
  bytes: bytesOf({ IP: ip, Mask: null, HostIP: '', ID: number, Key: 0, Metadata: '', ...more }),
});

export interface SampleService {
  readonly cluster: string;
  readonly id: number;
  readonly name?: string;
  readonly frontend?: string | null;
  readonly frontendPorts?: Readonly<Record<string, { readonly Protocol: string; readonly Port: number }>>;
  readonly backends: readonly string[];
  readonly more?: object;
}

export function service(sample: SampleService): SampleRecord {
  const { cluster, id, name = 'shop/web', frontend = `172.${id}.0.10`, backends, more } = sample;
  const ports = sample.frontendPorts ?? { http: { Protocol: 'TCP', Port: 80 } };
  const targets = Object.fromEntries(
    Object.entries(ports).map(([port, { Protocol }]) => [port, { Protocol, Port: 8080 }]),
  );
  const [namespace, serviceName] = name.split('/');
  return {
    key: `cilium/state/services/v1/${cluster}/${name}`,
    bytes: bytesOf({
      cluster,
      namespace,
      name: serviceName,
      frontends: frontend === null ? {} : { [frontend]: ports },
      backends: Object.fromEntries(backends.map((address) => [address, targets])),
      labels: {},
      selector: {},
      includeExternal: true,
      shared: true,
      clusterID: id,
      ...more,
    }),
  };
}

/** How the cluster exports the service: as Kubernetes has it where nobody says otherwise. */
export function spec(cluster: string, more: object = {}, name = 'shop/web'): SampleRecord {
  const [namespace, serviceName] = name.split('/');
  return {
    key: `clustermesh/v1/services/${cluster}/${name}`,
    bytes: bytesOf({
      cluster,
      name: serviceName,
      namespace,
      exportCreationTimestamp: '2026-01-10T00:00:00Z',
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      type: 'ClusterSetIP',
      sessionAffinity: 'None',
      ipFamilies: ['IPv4'],
      internalTrafficPolicy: 'Cluster',
      ...more,
    }),
  };
}

export function node(cluster: string, id: number, address: string, allocation?: string, name = 'n1'): SampleRecord {
  const parsed = allocation === undefined ? undefined : parsePrefix(allocation);
  const value: NodeRecord = {
    Name: name,
    Cluster: cluster,
    ...NODE_ZEROS,
    IPAddresses: [{ Type: 'InternalIP', IP: address }],
    IPv4AllocCIDR: parsed?.ok === true ? networkValue(parsed.value.prefix) : null,
    ClusterID: id,
    Source: 'custom-resource',
  };
  return { key: `cilium/state/nodes/v1/${cluster}/${name}`, bytes: bytesOf(value) };
}

/** A cluster with one identity, one endpoint and one service whose backend is that endpoint. */
export function wholeCluster(name: string, id: number, more: Partial<SampleCluster> = {}): SampleCluster {
  const address = `10.${id}.0.5`;
  return {
    name,
    id,
    ...more,
    records: [
      identity(name, identityNumber(id)),
      endpoint(address, identityNumber(id)),
      service({ cluster: name, id, backends: [address] }),
      node(name, id, `192.168.${id}.1`, `10.${id}.0.0/24`),
      ...(more.records ?? []),
    ],
  };
}
