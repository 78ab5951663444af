// Which clusters have a global service of one name, and in which shape. A pure data structure, kept current record by record.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import type { RecordState } from './record-state.ts';
import type { Constituent, ServiceShape } from './service.ts';

export interface IndexedConstituent extends Constituent {
  readonly record: RecordState;
}

export class ServiceIndex {
  readonly #services = new Map<ServiceKey, Map<ClusterName, IndexedConstituent>>();

  /** `undefined`: the cluster has the service no more. True when the others must be judged again. */
  set(key: ServiceKey, record: RecordState, shape: ServiceShape | undefined): boolean {
    const clusters = this.#services.get(key) ?? new Map<ClusterName, IndexedConstituent>();
    const before = clusters.get(record.cluster);
    if (shape === undefined) {
      clusters.delete(record.cluster);
      if (clusters.size === 0) this.#services.delete(key);
      return before !== undefined;
    }
    clusters.set(record.cluster, { cluster: record.cluster, shape, record });
    this.#services.set(key, clusters);
    return before?.shape.text !== shape.text;
  }

  constituents(key: ServiceKey): readonly IndexedConstituent[] {
    return [...(this.#services.get(key)?.values() ?? [])];
  }

  /** Services of several clusters, in name order. */
  *several(): Generator<readonly [ServiceKey, readonly IndexedConstituent[]]> {
    const keys = [...this.#services].filter(([, clusters]) => clusters.size > 1).map(([key]) => key);
    for (const key of keys.sort()) yield [key, this.constituents(key)];
  }
}
