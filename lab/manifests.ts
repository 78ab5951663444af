// Kubernetes objects as the lab writes them for a cluster's API server, and the folder they stand in. Each object is a file;
// a file is replaced as a whole, never written in place.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Affinity } from '../mesh/model/service.ts';
import { writeYaml } from './yaml-file.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly uid?: string;
  };
  readonly [field: string]: unknown;
}

export const namespaceManifest = (name: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
});

export const nodeManifest = (name: string, address: string, podCIDR: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { podCIDR, podCIDRs: [podCIDR] },
  status: { addresses: [{ type: 'InternalIP', address }] },
});

export interface ServiceManifestSpec {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIP: string;
  readonly port: number;
  readonly targetPort: number;
  readonly global: boolean;
  readonly shared: boolean;
  readonly affinity: Affinity;
}

const PORT_NAME = 'http';

export const serviceManifest = (spec: ServiceManifestSpec): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    namespace: spec.namespace,
    name: spec.name,
    annotations: {
      'service.cilium.io/global': String(spec.global),
      'service.cilium.io/shared': String(spec.shared),
      'service.cilium.io/affinity': spec.affinity,
    },
  },
  spec: {
    clusterIP: spec.clusterIP,
    clusterIPs: [spec.clusterIP],
    selector: { app: spec.name },
    ports: [{ name: PORT_NAME, protocol: 'TCP', port: spec.port, targetPort: spec.targetPort }],
  },
});

export interface EndpointManifestSpec {
  readonly address: string;
  readonly node: string;
  readonly pod: string;
  readonly terminating: boolean;
}

/** Of the one slice of a service. */
export const sliceNameOf = (service: string): string => `${service}-lab`;

export const endpointSliceManifest = (
  { namespace, name, targetPort }: Pick<ServiceManifestSpec, 'namespace' | 'name' | 'targetPort'>,
  endpoints: readonly EndpointManifestSpec[],
): Manifest => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace, name: sliceNameOf(name), labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: PORT_NAME, protocol: 'TCP', port: targetPort }],
  endpoints: endpoints.map(({ address, node, pod, terminating }) => ({
    addresses: [address],
    conditions: { ready: !terminating, serving: true, terminating },
    nodeName: node,
    targetRef: { kind: 'Pod', namespace, name: pod },
  })),
});

export interface PodManifestSpec {
  readonly namespace: string;
  readonly name: string;
  readonly app: string;
  readonly address: string;
  readonly node: string;
  readonly nodeAddress: string;
}

export const podManifest = ({ namespace, name, app, address, node, nodeAddress }: PodManifestSpec): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name, labels: { app }, uid: `${namespace}-${name}` },
  spec: { nodeName: node, serviceAccountName: 'default' },
  status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }], hostIP: nodeAddress },
});

export class ManifestFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  create(): void {
    mkdirSync(this.path, { recursive: true });
  }

  apply(...manifests: readonly Manifest[]): void {
    for (const manifest of manifests) {
      writeYaml(join(this.path, this.#fileOf(manifest)), manifest);
    }
  }

  remove(...manifests: readonly Manifest[]): void {
    for (const manifest of manifests) rmSync(join(this.path, this.#fileOf(manifest)), { force: true });
  }

  #fileOf({ kind, metadata: { namespace, name } }: Manifest): string {
    return `${[kind.toLowerCase(), ...(namespace === undefined ? [] : [namespace]), name].join('-')}.yaml`;
  }
}
