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
  readonly apiServerConfig: string;
  readonly apiServerSocket: string;
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
    apiServerConfig: join(dir, 'apiserver.yaml'),
    apiServerSocket: join(dir, 'apiserver.sock'),
    agentConfig: (node) => join(dir, `agent-${node}.yaml`),
    agentSocket: (node) => join(dir, `agent-${node}.sock`),
  };
}

export interface ConfigInput {
  readonly plan: ClusterPlan;
  readonly control: ControlPlace;
  readonly folder: ClusterFolder;
  readonly layout: ClusterLayout;
}

export function apiServerConfig({ plan, control, folder, layout }: ConfigInput) {
  const { spec } = plan;
  const ca = [layout.authority.cert];
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
    etcd: { endpoints: [`127.0.0.1:${control.ports.etcd}`], tls: { ca, ...layout.leaf('etcd-client') } },
    sources: { manifests: folder.manifests },
    peers: { folder: folder.peers, client: layout.leaf('peer') },
    door: { listen: `${control.listenAddress}:${control.ports.door}`, tls: { ca, ...layout.leaf('door') } },
    rpc: { listen: `${control.listenAddress}:${control.ports.rpc}`, tls: { ca, ...layout.leaf('rpc') } },
    http: { listen: `unix:${folder.apiServerSocket}` },
    log: { level: 'info' },
  };
}

export function agentConfig({ plan, control, folder, layout }: ConfigInput, node: NodePlace) {
  return {
    node: { name: node.plan.name },
    cluster: { name: plan.spec.name },
    servers: [`${control.address}:${control.ports.rpc}`],
    tls: { ca: [layout.authority.cert], ...layout.agent(node.plan.name) },
    datapath: node.kernel === undefined ? { kind: 'memory' } : { kind: 'ebpf', ...node.kernel },
    http: { listen: `unix:${folder.agentSocket(node.plan.name)}` },
    log: { level: 'info' },
  };
}

/** One peer, as its own document in the folder of peers; `ca` is the trust store that is bound to this peer alone. */
export const peerDocument = (name: string, control: ControlPlace, ca: string) => ({
  name,
  endpoints: [`https://${control.address}:${control.ports.door}`],
  ca: [ca],
});
