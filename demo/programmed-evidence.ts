// Evidence where no packet is forwarded: the backends that west's API server has selected for the service, once the node's agent
// has acknowledged that revision.

import type { Answer } from '../lab/client-result.ts';
import type { LabCluster } from '../lab/cluster.ts';
import type { LabMesh } from '../lab/mesh.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { type Evidence, type Matches, type Sample, SERVED_WITHIN_MS } from './evidence.ts';

const POLL_MS = 20;

export interface ProgrammedEvidenceDeps {
  readonly mesh: LabMesh;
  readonly cluster: LabCluster;
  readonly node: string;
  /** `namespace/name` */
  readonly service: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export class ProgrammedEvidence implements Evidence {
  readonly kind = 'programmed';
  readonly unit = 'programmed backends';
  readonly #deps: ProgrammedEvidenceDeps;

  constructor(deps: ProgrammedEvidenceDeps) {
    this.#deps = deps;
  }

  now(): number {
    return this.#deps.clock.now();
  }

  untilServed(matches: Matches, since: number): Promise<number | undefined> {
    return this.#until(since, (backends) => backends.some(matches));
  }

  untilOnly(matches: Matches, since: number): Promise<number | undefined> {
    return this.#until(since, (backends) => backends.length > 0 && backends.every(matches));
  }

  /** Only what is programmed now can be seen. */
  async hasServed(matches: Matches): Promise<boolean> {
    return (await this.#programmed())?.some(matches) ?? false;
  }

  async sample(since: number): Promise<Sample> {
    await this.#until(since, (backends) => backends.length > 0);
    return this.seen();
  }

  async seen(): Promise<Sample> {
    const byCluster: Record<string, number> = {};
    for (const { cluster } of (await this.#programmed()) ?? []) byCluster[cluster] = (byCluster[cluster] ?? 0) + 1;
    return { requests: 0, failed: 0, errors: {}, byCluster };
  }

  async stop(): Promise<void> {}

  async #until(since: number, holds: (backends: readonly Answer[]) => boolean): Promise<number | undefined> {
    const { clock, signal } = this.#deps;
    while (clock.now() - since < SERVED_WITHIN_MS) {
      const backends = await this.#programmed();
      if (backends !== undefined && holds(backends)) return clock.now() - since;
      await sleep(clock, POLL_MS, signal);
    }
    return undefined;
  }

  /** `undefined` while the node has not acknowledged the revision that the API server shows, or nobody answers. */
  async #programmed(): Promise<readonly Answer[] | undefined> {
    const { cluster, node, service } = this.#deps;
    try {
      const [services, status] = [await cluster.services(), await cluster.status()];
      const agent = status.agents.find((known) => known.node === node);
      if (agent?.revision === undefined || agent.revision < (services.revision ?? 0)) return undefined;
      const selected = services.services.find((known) => known.service === service)?.backends ?? [];
      return selected.filter(({ state }) => state === 'active').map((backend) => this.#answerOf(backend));
    } catch {
      return undefined;
    }
  }

  #answerOf({ address, cluster }: { readonly address: string; readonly cluster: string }): Answer {
    for (const { serviceList } of this.#deps.mesh.clusters.values()) {
      const known = serviceList.flatMap(({ backends }) => backends).find((backend) => backend.address === address);
      if (known !== undefined) return { cluster, node: known.node.plan.name, pod: known.pod };
    }
    return { cluster, node: '', pod: '' };
  }
}
