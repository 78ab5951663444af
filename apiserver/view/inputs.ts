// What the view merges, by the own etcd's keys: the local services, what each peer contributes, and how fresh each peer is. It
// says which services a changed key touches, and gives a service's merge. A value that cannot be read leaves the previous one.

import { Parts } from '../../mesh/merge/parts.ts';
import { mergeService } from '../../mesh/merge/service.ts';
import {
  type ClusterId,
  type ClusterName,
  parseClusterName,
  parseServiceKey,
  type ServiceKey,
} from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { Backend, LocalService, MeshService, RemoteService } from '../../mesh/model/service.ts';
import { compareText } from '../../mesh/snapshot/order.ts';
import { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { LOCAL_SERVICES_PREFIX } from '../../mesh/wire/local-service.ts';
import { PEERS_PREFIX } from '../../mesh/wire/peer-record.ts';
import { CACHE_ROOT } from '../../mesh/wire/state-keys.ts';
import { Contributions } from './contributions.ts';
import {
  type OwnCluster,
  type PeerStanding,
  type Reuse,
  readContribution,
  readLocalService,
  readPeer,
} from './records.ts';

const CACHE_PREFIX = `${CACHE_ROOT}services/v1/`;
/** The prefixes of the own etcd that the view needs a mirror of. */
export const VIEW_PREFIXES: readonly string[] = [LOCAL_SERVICES_PREFIX, CACHE_PREFIX, PEERS_PREFIX];

type Touched = Iterable<ServiceKey>;

export class ViewInputs {
  readonly #own: OwnCluster;
  readonly #portLists = new PortLists();
  readonly #locals = new Map<ServiceKey, LocalService>();
  readonly #contributions = new Contributions();
  readonly #parts = new Parts();
  readonly #peers = new Map<ClusterName, PeerStanding>();

  constructor(own: OwnCluster) {
    this.#own = own;
  }

  /** Takes a value, or its absence; gives the services to look at again. Keys that the view does not read touch none. */
  apply(key: string, value: Uint8Array | undefined): Result<Touched, string> {
    if (key.startsWith(LOCAL_SERVICES_PREFIX)) return this.#applyLocal(key.slice(LOCAL_SERVICES_PREFIX.length), value);
    if (key.startsWith(CACHE_PREFIX)) return this.#applyContribution(key.slice(CACHE_PREFIX.length), value);
    if (key.startsWith(PEERS_PREFIX)) return this.#applyPeer(key.slice(PEERS_PREFIX.length), value);
    return ok([]);
  }

  merge(key: ServiceKey): MeshService | undefined {
    const local = this.#locals.get(key);
    if (local === undefined) return undefined;
    const remotes: RemoteService[] = [];
    for (const [cluster, contribution] of this.#contributions.to(key)) {
      remotes.push({ ...contribution, fresh: this.#isFresh(cluster) });
    }
    return mergeService({ cluster: this.#own.name, local, remotes }, this.#parts);
  }

  /**
   * The own cluster, whoever contributes (a cache may be filled by a program that keeps no peer records), and the peers. An id
   * belongs to one cluster: the first in this order, then by name.
   */
  clusters(): ReadonlyMap<ClusterName, ClusterId> {
    const claims = [...this.#contributions.clusterIds()];
    claims.sort(([a], [b]) => compareText(a, b));
    const peers = [...this.#peers].sort(([a], [b]) => compareText(a, b));
    for (const [name, { id }] of peers) if (id !== undefined) claims.push([name, id]);
    const clusters = new Map([[this.#own.name, this.#own.id]]);
    const taken = new Set([this.#own.id]);
    for (const [name, id] of claims) {
      if (clusters.has(name) || taken.has(id)) continue;
      clusters.set(name, id);
      taken.add(id);
    }
    return clusters;
  }

  #applyLocal(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const key = parseServiceKey(suffix);
    if (!key.ok) return key;
    if (value === undefined) this.#locals.delete(key.value);
    else {
      const local = readLocalService(value, this.#own, this.#reuse(this.#locals.get(key.value)));
      if (!local.ok) return local;
      if (local.value.key !== key.value) return err(`holds the service ${local.value.key}`);
      this.#locals.set(key.value, local.value);
    }
    return ok([key.value]);
  }

  #applyContribution(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const slash = suffix.indexOf('/');
    const cluster = parseClusterName(suffix.slice(0, slash));
    if (!cluster.ok) return err(`cluster name ${cluster.error}`);
    const key = parseServiceKey(suffix.slice(slash + 1));
    if (!key.ok) return key;
    if (value === undefined) {
      this.#contributions.delete(cluster.value, key.value);
      return ok([key.value]);
    }
    const contribution = readContribution(value, this.#reuse(this.#contributions.get(cluster.value, key.value)));
    if (!contribution.ok) return contribution;
    if (contribution.value.cluster !== cluster.value || contribution.value.key !== key.value) {
      return err(`holds the service ${contribution.value.key} of ${contribution.value.cluster}`);
    }
    this.#contributions.set(contribution.value);
    return ok([key.value]);
  }

  #applyPeer(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const cluster = parseClusterName(suffix);
    if (!cluster.ok) return err(`cluster name ${cluster.error}`);
    const wasFresh = this.#isFresh(cluster.value);
    if (value === undefined) this.#peers.delete(cluster.value);
    else {
      const standing = readPeer(value);
      if (!standing.ok) return standing;
      this.#peers.set(cluster.value, standing.value);
    }
    return ok(wasFresh === this.#isFresh(cluster.value) ? [] : this.#contributions.of(cluster.value));
  }

  /** Without a record nothing speaks against a peer: what it contributes has been admitted. */
  #isFresh(cluster: ClusterName): boolean {
    return this.#peers.get(cluster)?.fresh ?? true;
  }

  #reuse(previous: { readonly backends: readonly Backend[] } | undefined): Reuse {
    return { backends: previous?.backends ?? [], ports: this.#portLists };
  }
}
