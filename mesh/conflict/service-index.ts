// Which clusters have a global service of one name, and in which shape. A pure data structure, kept current record by record.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import type { RecordState } from './record-state.ts';
import type { Constituent, ServiceShape } from './service.ts';

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

  /** `undefined`: the cluster has the service no more. True when the others must be judged again. */
  set(key: ServiceKey, record: RecordState, shape: ServiceShape | undefined): boolean {
    const service = this.#services.get(key) ?? { clusters: new Map(), shapes: new Map() };
    const before = service.clusters.get(record.cluster);
    const disagreed = service.shapes.size > 1;
    if (before !== undefined) count(service.shapes, before.shape.text, -1);
    if (shape === undefined) service.clusters.delete(record.cluster);
    else {
      service.clusters.set(record.cluster, { cluster: record.cluster, shape, record });
      count(service.shapes, shape.text, 1);
    }
    if (service.clusters.size === 0) this.#services.delete(key);
    else this.#services.set(key, service);
    // Where all agree, before and after, nobody loses anything by one more or one less.
    return before?.shape.text !== shape?.text && (disagreed || service.shapes.size > 1);
  }

  constituents(key: ServiceKey): readonly IndexedConstituent[] {
    const service = this.#services.get(key);
    return service === undefined ? NOBODY : [...service.clusters.values()];
  }

  disagrees(key: ServiceKey): boolean {
    return (this.#services.get(key)?.shapes.size ?? 0) > 1;
  }

  /** Services of several clusters, in name order. */
  *several(): Generator<readonly [ServiceKey, readonly IndexedConstituent[]]> {
    const keys = [...this.#services].filter(([, { clusters }]) => clusters.size > 1).map(([key]) => key);
    for (const key of keys.sort()) yield [key, this.constituents(key)];
  }
}

function count(shapes: Map<string, number>, text: string, step: 1 | -1): void {
  const sum = (shapes.get(text) ?? 0) + step;
  if (sum === 0) shapes.delete(text);
  else shapes.set(text, sum);
}
