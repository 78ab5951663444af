// What the steps play on: the mesh, the service in each cluster, and the evidence of who serves it. A step finds what the steps
// before it have put up.

import type { LabCluster } from '../lab/cluster.ts';
import type { LabMesh } from '../lab/mesh.ts';
import type { LabService } from '../lab/service.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Evidence } from './evidence.ts';

export interface StageDeps {
  readonly mesh: LabMesh;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Requests per second. */
  readonly rate: number;
  readonly onProgress: (what: string) => void;
}

export class Stage {
  readonly mesh: LabMesh;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly rate: number;
  readonly progress: (what: string) => void;
  readonly #services = new Map<string, LabService>();
  #evidence: Evidence | undefined;

  constructor({ mesh, clock, signal, rate, onProgress }: StageDeps) {
    this.mesh = mesh;
    this.clock = clock;
    this.signal = signal;
    this.rate = rate;
    this.progress = onProgress;
  }

  cluster(name: string): LabCluster {
    return this.mesh.cluster(name);
  }

  get clusters(): readonly LabCluster[] {
    return [...this.mesh.clusters.values()];
  }

  /** The demo's service in that cluster. */
  service(cluster: string): LabService {
    const service = this.#services.get(cluster);
    if (service === undefined) throw new Error(`the demo's service is not in ${cluster}`);
    return service;
  }

  putService(cluster: string, service: LabService): void {
    this.#services.set(cluster, service);
  }

  get evidence(): Evidence {
    if (this.#evidence === undefined) throw new Error('nobody watches the service yet');
    return this.#evidence;
  }

  get watched(): boolean {
    return this.#evidence !== undefined;
  }

  putEvidence(evidence: Evidence): void {
    this.#evidence = evidence;
  }
}
