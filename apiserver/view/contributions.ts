// What remote clusters contribute to services, found both ways: by service, which is how it is merged, and by cluster, whose
// standing concerns all that it contributes to.

import type { ClusterId, ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { RemoteService } from '../../mesh/model/service.ts';
import { compareText } from '../../mesh/snapshot/order.ts';
import type { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { Contributed, type Form } from './contributed.ts';

export class Contributions {
  readonly #ports: PortLists;
  readonly #byService = new Map<ServiceKey, Map<ClusterName, Contributed>>();
  readonly #byCluster = new Map<ClusterName, Map<ServiceKey, Contributed>>();
  /** In the order of the merge, so that it has nothing to sort; until a cluster begins or ceases to contribute. */
  readonly #inOrder = new Map<ServiceKey, readonly (readonly [ClusterName, Contributed])[]>();
  /** Of services, the one cluster whose part may be another since that was asked last; undefined of several. */
  readonly #changed = new Map<ServiceKey, ClusterName | undefined>();
  /** Clusters of which everything is there in pieces. */
  readonly #inPieces = new Set<ClusterName>();

  constructor(ports: PortLists) {
    this.#ports = ports;
  }

  form(cluster: ClusterName): Form {
    return this.#inPieces.has(cluster) ? 'pieces' : 'whole';
  }

  setForm(cluster: ClusterName, form: Form): void {
    if (form === 'pieces') this.#inPieces.add(cluster);
    else this.#inPieces.delete(cluster);
  }

  get(cluster: ClusterName, key: ServiceKey): Contributed | undefined {
    return this.#byCluster.get(cluster)?.get(key);
  }

  /** Lets `change` write what the cluster has of the service; what is empty afterwards is forgotten. */
  change(cluster: ClusterName, key: ServiceKey, change: (contributed: Contributed) => void): void {
    const contributed = this.get(cluster, key) ?? new Contributed(this.#ports);
    change(contributed);
    this.#note(cluster, key);
    if (contributed.isEmpty) {
      this.#inOrder.delete(key);
      take(this.#byService, key, cluster);
      take(this.#byCluster, cluster, key);
    } else if (this.get(cluster, key) === undefined) {
      this.#inOrder.delete(key);
      put(this.#byService, key, cluster, contributed);
      put(this.#byCluster, cluster, key, contributed);
    }
  }

  to(key: ServiceKey, isFresh: (cluster: ClusterName) => boolean): readonly RemoteService[] {
    let contributed = this.#inOrder.get(key);
    if (contributed === undefined) {
      contributed = [...(this.#byService.get(key) ?? [])].sort(([a], [b]) => compareText(a, b));
      if (contributed.length > 0) this.#inOrder.set(key, contributed);
    }
    const remotes: RemoteService[] = [];
    for (const [cluster, own] of contributed) {
      const remote = own.remote(this.form(cluster), isFresh(cluster));
      if (remote !== undefined) remotes.push(remote);
    }
    return remotes;
  }

  /** The one cluster whose part of the service is another since this was last asked; undefined where it is not one. */
  takeChanged(key: ServiceKey): ClusterName | undefined {
    const cluster = this.#changed.get(key);
    this.#changed.delete(key);
    return cluster;
  }

  /** All that the cluster has may count otherwise than before. Gives the services that it has records of. */
  touch(cluster: ClusterName): Iterable<ServiceKey> {
    const keys = [...(this.#byCluster.get(cluster)?.keys() ?? [])];
    for (const key of keys) this.#note(cluster, key);
    return keys;
  }

  #note(cluster: ClusterName, key: ServiceKey): void {
    const isOther = this.#changed.has(key) && this.#changed.get(key) !== cluster;
    this.#changed.set(key, isOther ? undefined : cluster);
  }

  /** Of each cluster that contributes to anything, as one of its records has it. */
  *clusterIds(): Iterable<[ClusterName, ClusterId]> {
    for (const [cluster, services] of this.#byCluster) {
      for (const { clusterId } of services.values()) {
        if (clusterId === undefined) continue;
        yield [cluster, clusterId];
        break;
      }
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
