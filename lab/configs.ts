// The configuration files of the lab's programs, as values: what a user would write by hand for the same mesh.

import { join } from 'node:path';
import type { ClusterLayout } from '../pki/layout.ts';
import type { ClusterPlan } from './topology.ts';
import type { ControlPlace, NodePlace } from './underlay.ts';

/** Where a cluster of the lab keeps its files. */
export interface ClusterFolder {
  readonly dir: string;
  readonly pki: string;
  readonly manifests: string;
  readonly peers: string;
  readonly etcd: string;
  readonly logs: string;
  apiServerConfig(replica: number): string;
  apiServerSocket(replica: number): string;
  agentConfig(node: string): string;
  agentSocket(node: string): string;
}

export function clusterFolder(dir: string): ClusterFolder {
  return {
    dir,
    pki: join(dir, 'pki'),
    manifests: join(dir, 'manifests'),
    peers: join(dir, 'peers'),
    etcd: join(dir, 'etcd'),
    logs: join(dir, 'logs'),
    apiServerConfig: (replica) => join(dir, `${apiServerName(replica)}.yaml`),
    apiServerSocket: (replica) => join(dir, `${apiServerName(replica)}.sock`),
    agentConfig: (node) => join(dir, `agent-${node}.yaml`),
    agentSocket: (node) => join(dir, `agent-${node}.sock`),
  };
}

export const apiServerName = (replica: number): string => (replica === 0 ? 'apiserver' : `apiserver-${replica + 1}`);

export interface ConfigInput {
  readonly plan: ClusterPlan;
  readonly control: ControlPlace;
  readonly folder: ClusterFolder;
  readonly layout: ClusterLayout;
}

export function apiServerConfig({ plan, control, folder, layout }: ConfigInput, replica: number) {
  const { spec } = plan;
  const ca = [layout.authority.cert];
  const ports = control.servers[replica];
  if (ports === undefined) throw new Error(`${spec.name} has no API server ${replica}`);
  const { freshness } = spec.tuning ?? {};
  return {
    cluster: {
      name: spec.name,
      id: spec.id,
      podCIDRs: spec.podCIDRs,
      serviceCIDRs: spec.serviceCIDRs,
      nodeCIDRs: [spec.nodeCIDR],
      maxConnectedClusters: 255,
      datapath: { mode: 'native', encryption: 'none' },
    },
    etcd: { endpoints: [`127.0.0.1:${control.etcdPort}`], tls: { ca, ...layout.leaf('etcd-client') } },
    sources: { manifests: folder.manifests },
    peers: {
      folder: folder.peers,
      trust: join(folder.pki, 'trust'),
      client: layout.leaf('peer'),
      ...(freshness === undefined ? {} : { freshness }),
    },
    door: {
      listen: `${control.listenAddress}:${ports.door}`,
      advertise: control.servers.map(({ door }) => `${control.address}:${door}`),
      tls: { ca, ...layout.leaf('door') },
    },
    join: {
      listen: `${control.listenAddress}:${ports.join}`,
      advertise: control.servers.map(({ join }) => `${control.address}:${join}`),
    },
    rpc: { listen: `${control.listenAddress}:${ports.rpc}`, tls: { ca, ...layout.leaf('rpc') } },
    http: {
      listen: [`unix:${folder.apiServerSocket(replica)}`, `${control.listenAddress}:${ports.http}`],
      tls: { ca, ...layout.leaf('http') },
    },
    withhold: spec.tuning?.withhold ?? [],
    log: { level: 'info' },
  };
}

export function agentConfig({ plan, control, folder, layout }: ConfigInput, node: NodePlace) {
  return {
    node: { name: node.plan.name },
    cluster: { name: plan.spec.name },
    servers: control.servers.map(({ rpc }) => `${control.address}:${rpc}`),
    tls: { ca: [layout.authority.cert], ...layout.agent(node.plan.name) },
    datapath: node.kernel === undefined ? { kind: 'memory' } : { kind: 'ebpf', ...node.kernel },
    http: { listen: `unix:${folder.agentSocket(node.plan.name)}` },
    withhold: plan.spec.tuning?.agentsWithhold ?? [],
    log: { level: 'info' },
  };
}

/** One peer, as its own document in the folder of peers; `ca` is the trust store that is bound to this peer alone. */
export const peerDocument = (name: string, control: ControlPlace, ca: string) => ({
  name,
  endpoints: control.servers.map(({ door }) => `https://${control.address}:${door}`),
  ca: [ca],
});
