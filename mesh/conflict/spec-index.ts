// Which clusters say how they export a service of one name. A pure data structure, kept current record by record: what a report
// looks at are the services on which clusters differ, and those are found without a look at all the others.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import { compareText } from './order.ts';
import type { RecordState } from './record-state.ts';
import { SPEC_PROPERTIES, type SpecConstituent, type SpecTraits } from './spec-traits.ts';

const NOBODY: readonly SpecConstituent[] = [];

export class SpecIndex {
  readonly #services = new Map<ServiceKey, Map<RecordState, SpecTraits>>();
  readonly #differing = new Set<ServiceKey>();

  /** `undefined`: the record says nothing any more. */
  set(key: ServiceKey, record: RecordState, traits: SpecTraits | undefined): void {
    const service = this.#services.get(key) ?? new Map<RecordState, SpecTraits>();
    if (traits === undefined) service.delete(record);
    else service.set(record, traits);
    if (service.size === 0) this.#services.delete(key);
    else this.#services.set(key, service);
    if (differ([...service.values()])) this.#differing.add(key);
    else this.#differing.delete(key);
  }

  /** In name order, each cluster once: one that has no valid id yet may have written under several names. */
  constituents(key: ServiceKey): readonly SpecConstituent[] {
    const service = this.#services.get(key);
    if (service === undefined) return NOBODY;
    const byCluster = new Map<ClusterName, SpecConstituent>();
    for (const [{ cluster }, traits] of [...service].sort(([a], [b]) => compareText(a.key, b.key))) {
      if (!byCluster.has(cluster)) byCluster.set(cluster, { cluster, traits });
    }
    return [...byCluster.values()].sort((a, b) => compareText(a.cluster, b.cluster));
  }

  /** What the cluster says of its export of the service. */
  of(key: ServiceKey, name: ClusterName): SpecTraits | undefined {
    for (const [{ cluster }, traits] of this.#services.get(key) ?? []) if (cluster === name) return traits;
    return undefined;
  }

  /** Services on which clusters differ in something, in name order. */
  *differing(): Generator<readonly [ServiceKey, readonly SpecConstituent[]]> {
    for (const key of [...this.#differing].sort()) yield [key, this.constituents(key)];
  }

  /** Whether several clusters say something of one service that can be compared. */
  compares(traitOf: (traits: SpecTraits) => string | undefined): boolean {
    for (const [key, records] of this.#services) {
      if (records.size < 2) continue;
      if (this.constituents(key).filter(({ traits }) => traitOf(traits) !== undefined).length > 1) return true;
    }
    return false;
  }
}

/** Nearly all services are exported alike, and most by few clusters. */
function differ(all: readonly SpecTraits[]): boolean {
  const [first] = all;
  if (first === undefined) return false;
  return all.some((traits) => SPEC_PROPERTIES.some((property) => traits[property] !== first[property]));
}
