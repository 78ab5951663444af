// Which clusters say how they export a service of one name. A pure data structure, kept current record by record: what a report
// looks at are the services on which clusters differ, and those are found without a look at all the others.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import { compareText } from './order.ts';
import type { SpecConstituent, SpecTraits } from './spec-traits.ts';
import { countOne } from './tally.ts';

interface ExportedService {
  readonly clusters: Map<ClusterName, SpecTraits>;
  /** How many clusters export it in each way. */
  readonly ways: Map<string, number>;
}

export class SpecIndex {
  readonly #services = new Map<ServiceKey, ExportedService>();
  readonly #differing = new Set<ServiceKey>();

  /** `undefined`: the cluster does not say it any more. */
  set(key: ServiceKey, cluster: ClusterName, traits: SpecTraits | undefined): void {
    const service = this.#services.get(key) ?? { clusters: new Map(), ways: new Map() };
    const before = service.clusters.get(cluster);
    if (before !== undefined) countOne(service.ways, before.text, -1);
    if (traits === undefined) service.clusters.delete(cluster);
    else {
      service.clusters.set(cluster, traits);
      countOne(service.ways, traits.text, 1);
    }
    if (service.clusters.size === 0) this.#services.delete(key);
    else this.#services.set(key, service);
    if (service.ways.size > 1) this.#differing.add(key);
    else this.#differing.delete(key);
  }

  /** What the cluster says of its export of the service. */
  of(key: ServiceKey, cluster: ClusterName): SpecTraits | undefined {
    return this.#services.get(key)?.clusters.get(cluster);
  }

  /** Services that are exported in several ways, in name order, and who exports them, in name order too. */
  *differing(): Generator<readonly [ServiceKey, readonly SpecConstituent[]]> {
    for (const key of [...this.#differing].sort()) {
      const all = [...(this.#services.get(key)?.clusters ?? [])].map(([cluster, traits]) => ({ cluster, traits }));
      yield [key, all.sort((a, b) => compareText(a.cluster, b.cluster))];
    }
  }

  /** Whether several clusters say something of one service that can be compared. */
  compares(traitOf: (traits: SpecTraits) => string | undefined): boolean {
    for (const { clusters } of this.#services.values()) {
      if (clusters.size < 2) continue;
      let saying = 0;
      for (const traits of clusters.values()) if (traitOf(traits) !== undefined) saying += 1;
      if (saying > 1) return true;
    }
    return false;
  }
}
