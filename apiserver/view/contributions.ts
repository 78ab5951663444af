// What remote clusters contribute to services, found both ways: by service, which is how it is merged, and by cluster, whose
// standing concerns all that it contributes to.

import type { ClusterId, ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { Contribution } from './records.ts';

const NOTHING: ReadonlyMap<ClusterName, Contribution> = new Map();

export class Contributions {
  readonly #byService = new Map<ServiceKey, Map<ClusterName, Contribution>>();
  readonly #byCluster = new Map<ClusterName, Map<ServiceKey, Contribution>>();

  get(cluster: ClusterName, key: ServiceKey): Contribution | undefined {
    return this.#byCluster.get(cluster)?.get(key);
  }

  set(contribution: Contribution): void {
    const { cluster, key } = contribution;
    put(this.#byService, key, cluster, contribution);
    put(this.#byCluster, cluster, key, contribution);
  }

  delete(cluster: ClusterName, key: ServiceKey): void {
    take(this.#byService, key, cluster);
    take(this.#byCluster, cluster, key);
  }

  to(key: ServiceKey): ReadonlyMap<ClusterName, Contribution> {
    return this.#byService.get(key) ?? NOTHING;
  }

  /** The services that the cluster contributes to. */
  of(cluster: ClusterName): Iterable<ServiceKey> {
    return this.#byCluster.get(cluster)?.keys() ?? [];
  }

  /** Of each cluster that contributes to anything, as one of its records has it. */
  *clusterIds(): Iterable<[ClusterName, ClusterId]> {
    for (const [cluster, services] of this.#byCluster) {
      const [any] = services.values();
      if (any !== undefined) yield [cluster, any.clusterId];
    }
  }
}

function put<A, B, V>(table: Map<A, Map<B, V>>, row: A, column: B, value: V): void {
  const values = table.get(row);
  if (values === undefined) table.set(row, new Map([[column, value]]));
  else values.set(column, value);
}

function take<A, B, V>(table: Map<A, Map<B, V>>, row: A, column: B): void {
  const values = table.get(row);
  values?.delete(column);
  if (values?.size === 0) table.delete(row);
}
