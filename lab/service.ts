// A service of one cluster of the lab, and the pods behind it: their processes and what the cluster's manifests say of them.
// The manifests follow the pods in the order that Kubernetes has: a pod is named as an endpoint once it answers, and is no
// endpoint any more before it ends.

import { join } from 'node:path';
import type { Affinity } from '../mesh/model/service.ts';
import type { ClusterFolder } from './configs.ts';
import {
  endpointSliceManifest,
  type ManifestFolder,
  podManifest,
  type ServiceManifestSpec,
  serviceManifest,
} from './manifests.ts';
import type { LabProcess, StartProcess } from './process.ts';
import { programLine } from './programs.ts';
import { podAddress } from './topology.ts';
import type { NodePlace, Underlay } from './underlay.ts';

export interface LabServiceSpec {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIP: string;
  readonly port: number;
  readonly affinity?: Affinity;
}

export interface LabBackend {
  readonly pod: string;
  readonly address: string;
  readonly node: NodePlace;
  /** Absent where no packet is forwarded. */
  readonly process: LabProcess | undefined;
}

export interface LabServiceDeps {
  readonly cluster: string;
  readonly folder: ClusterFolder;
  readonly manifests: ManifestFolder;
  readonly underlay: Underlay;
  readonly start: StartProcess;
  /** An address on the node that no pod has had. */
  readonly nextPod: (node: NodePlace) => number;
}

/** Pods have addresses of their own: all may have the same port. */
export const BACKEND_PORT = 8080;
const BACKEND_READY_MS = 20_000;
/** How long a pod that ends goes on to answer: Kubernetes' usual preStop pause is of this order. */
const DRAIN_MS = 2_000;

export class LabService {
  readonly spec: LabServiceSpec;
  readonly #deps: LabServiceDeps;
  readonly #backends = new Map<string, { readonly backend: LabBackend; readonly terminating: boolean }>();
  #affinity: Affinity;

  constructor(spec: LabServiceSpec, deps: LabServiceDeps) {
    this.spec = spec;
    this.#deps = deps;
    this.#affinity = spec.affinity ?? 'none';
  }

  get key(): string {
    return `${this.spec.namespace}/${this.spec.name}`;
  }

  /** Where clients of this cluster reach it. */
  get url(): string {
    return `http://${this.spec.clusterIP}:${this.spec.port}/`;
  }

  get backends(): readonly LabBackend[] {
    return [...this.#backends.values()].map(({ backend }) => backend);
  }

  publish(): void {
    this.#deps.manifests.apply(
      serviceManifest({ ...this.#service, affinity: this.#affinity }),
      endpointSliceManifest(
        this.#service,
        [...this.#backends.values()].map(({ backend: { pod, address, node }, terminating }) => ({
          address,
          pod,
          node: node.plan.name,
          terminating,
        })),
      ),
    );
  }

  setAffinity(affinity: Affinity): void {
    this.#affinity = affinity;
    this.publish();
  }

  /** Starts a pod on the node, without naming it anywhere. */
  async startBackend(node: NodePlace): Promise<LabBackend> {
    const { cluster, underlay, folder, start, nextPod } = this.#deps;
    const index = nextPod(node);
    const pod = `${this.spec.name}-${node.plan.name}-${index}`;
    const address = podAddress(node.plan, index);
    await underlay.addPodAddress(node, address);
    const backend = { pod, address, node };
    if (!underlay.forwards) return { ...backend, process: undefined };
    const args = [
      ...['--address', address, '--port', String(BACKEND_PORT), '--drain-ms', String(DRAIN_MS)],
      ...['--cluster', cluster, '--node', node.plan.name, '--pod', pod],
    ];
    let listening = false;
    const process = await start({
      ...programLine('lab/backend', args),
      name: pod,
      place: node.place,
      logFile: join(folder.logs, `${pod}.log`),
      onLine: () => {
        listening = true;
      },
    });
    await process.untilReady(async () => listening, BACKEND_READY_MS);
    return { ...backend, process };
  }

  /** Makes a pod an endpoint of the service. */
  announce(...backends: readonly LabBackend[]): void {
    for (const backend of backends) this.#backends.set(backend.pod, { backend, terminating: false });
    this.#deps.manifests.apply(...backends.map((backend) => this.#podOf(backend)));
    this.publish();
  }

  /** Ends pods as Kubernetes does: they become terminating, answer for a while yet, and are gone once they have ended. */
  async remove(...backends: readonly LabBackend[]): Promise<void> {
    this.withdraw(...backends);
    await this.end(...backends);
  }

  /** The pods are to get no new connections; they go on to answer. */
  withdraw(...backends: readonly LabBackend[]): void {
    for (const backend of backends) this.#backends.set(backend.pod, { backend, terminating: true });
    this.publish();
  }

  /** Resolves when the pods have ended and are named nowhere any more. */
  async end(...backends: readonly LabBackend[]): Promise<void> {
    await Promise.all(backends.map(({ process }) => process?.stop()));
    for (const backend of backends) this.#backends.delete(backend.pod);
    this.publish();
    this.#deps.manifests.remove(...backends.map((backend) => this.#podOf(backend)));
    for (const { node, address } of backends) await this.#deps.underlay.removePodAddress(node, address);
  }

  get #service(): Omit<ServiceManifestSpec, 'affinity'> {
    return { ...this.spec, targetPort: BACKEND_PORT, global: true, shared: true };
  }

  #podOf({ pod, address, node }: LabBackend) {
    return podManifest({
      namespace: this.spec.namespace,
      name: pod,
      app: this.spec.name,
      address,
      node: node.plan.name,
      nodeAddress: node.plan.address,
    });
  }
}
