// Which clusters have a global service of one name, and in which shape. A pure data structure, kept current record by record.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import { compareText } from './order.ts';
import type { RecordState } from './record-state.ts';
import type { Constituent, ServiceShape } from './service.ts';
import { countOne } from './tally.ts';
import type { PartlyShared } from './unshared.ts';

export interface IndexedConstituent extends Constituent {
  readonly record: RecordState;
}

interface IndexedService {
  readonly clusters: Map<ClusterName, IndexedConstituent>;
  /** How many clusters have each shape. */
  readonly shapes: Map<string, number>;
}

const NOBODY: readonly IndexedConstituent[] = [];

export class ServiceIndex {
  readonly #services = new Map<ServiceKey, IndexedService>();
  /** Clusters that publish the service and do not share it. */
  readonly #unshared = new Map<ServiceKey, Set<ClusterName>>();

  /** `undefined`: the cluster has the service no more. True when the others must be judged again. */
  set(key: ServiceKey, record: RecordState, shape: ServiceShape | undefined): boolean {
    const service = this.#services.get(key) ?? { clusters: new Map(), shapes: new Map() };
    const before = service.clusters.get(record.cluster);
    const disagreed = service.shapes.size > 1;
    if (before !== undefined) countOne(service.shapes, before.shape.text, -1);
    if (shape === undefined) service.clusters.delete(record.cluster);
    else {
      service.clusters.set(record.cluster, { cluster: record.cluster, shape, record });
      countOne(service.shapes, shape.text, 1);
    }
    if (service.clusters.size === 0) this.#services.delete(key);
    else this.#services.set(key, service);
    // Where all agree, before and after, nobody loses anything by one more or one less.
    return before?.shape.text !== shape?.text && (disagreed || service.shapes.size > 1);
  }

  setUnshared(key: ServiceKey, cluster: ClusterName, unshared: boolean): void {
    const clusters = this.#unshared.get(key) ?? new Set();
    if (unshared) clusters.add(cluster);
    else clusters.delete(cluster);
    if (clusters.size === 0) this.#unshared.delete(key);
    else this.#unshared.set(key, clusters);
  }

  constituents(key: ServiceKey): readonly IndexedConstituent[] {
    const service = this.#services.get(key);
    return service === undefined ? NOBODY : [...service.clusters.values()];
  }

  /** The cluster's part. */
  recordOf(key: ServiceKey, cluster: ClusterName): RecordState | undefined {
    return this.#services.get(key)?.clusters.get(cluster)?.record;
  }

  disagrees(key: ServiceKey): boolean {
    return (this.#services.get(key)?.shapes.size ?? 0) > 1;
  }

  /** Services of several clusters, in name order. */
  *several(): Generator<readonly [ServiceKey, readonly IndexedConstituent[]]> {
    const keys = [...this.#services].filter(([, { clusters }]) => clusters.size > 1).map(([key]) => key);
    for (const key of keys.sort()) yield [key, this.constituents(key)];
  }

  /** Services that one cluster shares and another only publishes, in name order. */
  *partlyShared(): Generator<PartlyShared> {
    for (const [key, clusters] of [...this.#unshared].sort(([a], [b]) => compareText(a, b))) {
      const sharing = [...(this.#services.get(key)?.clusters.keys() ?? [])].sort();
      if (sharing.length > 0) yield { key, sharing, unshared: [...clusters].sort() };
    }
  }
}
