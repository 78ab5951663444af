// What the view merges, by the own etcd's keys: the local services, what each peer contributes, and how fresh each peer is. It
// says which services a changed key touches, and gives a service's step to its merge. A value that cannot be read leaves the previous one.

import { Parts } from '../../mesh/merge/parts.ts';
import { mergeService } from '../../mesh/merge/service.ts';
import { stepRemote } from '../../mesh/merge/step.ts';
import {
  type ClusterId,
  type ClusterName,
  parseClusterName,
  parseServiceKey,
  type ServiceKey,
} from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { Backend, LocalService, MeshService } from '../../mesh/model/service.ts';
import { type ServiceStep, stepService } from '../../mesh/snapshot/composition.ts';
import { sameClusters } from '../../mesh/snapshot/equality.ts';
import { compareText } from '../../mesh/snapshot/order.ts';
import { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { LOCAL_SERVICES_PREFIX } from '../../mesh/wire/local-service.ts';
import { LOCAL_HEADS_PREFIX, LOCAL_SLICES_PREFIX, localPiecesCanary } from '../../mesh/wire/local-slice.ts';
import { PEERS_PREFIX } from '../../mesh/wire/peer-record.ts';
import { parseSliceName } from '../../mesh/wire/service-slice.ts';
import { KEY_LAYOUTS } from '../../mesh/wire/state-keys.ts';
import { parseSyncedKey, SYNCED_ROOT } from '../../mesh/wire/synced.ts';
import type { Reuse } from './backends.ts';
import { Contributions } from './contributions.ts';
import { LocalServices } from './local-services.ts';
import {
  type Contribution,
  type OwnCluster,
  type PeerStanding,
  readContribution,
  readHead,
  readPeer,
  readSlice,
} from './records.ts';

const WHOLE_PREFIX = KEY_LAYOUTS.services.cachePrefix;
const HEADS_PREFIX = KEY_LAYOUTS.heads.cachePrefix;
const SLICES_PREFIX = KEY_LAYOUTS.slices.cachePrefix;
/** Below the name of a cluster, the canary that says that its services are here in pieces, all of them. */
const IN_PIECES = HEADS_PREFIX.slice(0, -1);

/** The prefixes of the own etcd that the view needs a mirror of. */
export const VIEW_PREFIXES: readonly string[] = [
  LOCAL_SERVICES_PREFIX,
  LOCAL_HEADS_PREFIX,
  LOCAL_SLICES_PREFIX,
  WHOLE_PREFIX,
  HEADS_PREFIX,
  SLICES_PREFIX,
  SYNCED_ROOT,
  PEERS_PREFIX,
];

/** What a service was last merged from and came to. */
interface Merged {
  readonly local: LocalService;
  readonly service: MeshService;
}

type Touched = Iterable<ServiceKey>;
type Apply = (suffix: string, value: Uint8Array | undefined) => Result<Touched, string>;

export class ViewInputs {
  readonly #own: OwnCluster;
  readonly #portLists = new PortLists();
  readonly #locals: LocalServices;
  readonly #contributions = new Contributions(this.#portLists);
  readonly #parts = new Parts();
  readonly #merged = new Map<ServiceKey, Merged>();
  readonly #peers = new Map<ClusterName, PeerStanding>();
  #clusters: ReadonlyMap<ClusterName, ClusterId> = new Map();
  /** A record came that may say otherwise: in a large mesh nearly every batch has none. */
  #claimsChanged = true;

  constructor(own: OwnCluster) {
    this.#own = own;
    this.#locals = new LocalServices(own, this.#portLists);
  }

  /** Takes a value, or its absence; gives the services to look at again. Keys that the view does not read touch none. */
  apply(key: string, value: Uint8Array | undefined): Result<Touched, string> {
    for (const [prefix, apply] of this.#appliers)
      if (key.startsWith(prefix)) return apply(key.slice(prefix.length), value);
    return ok([]);
  }

  readonly #appliers: readonly (readonly [prefix: string, apply: Apply])[] = [
    [LOCAL_SERVICES_PREFIX, (suffix, value) => this.#locals.applyWhole(suffix, value)],
    [LOCAL_HEADS_PREFIX, (suffix, value) => this.#locals.applyHead(suffix, value)],
    [LOCAL_SLICES_PREFIX, (suffix, value) => this.#locals.applySlice(suffix, value)],
    [WHOLE_PREFIX, (suffix, value) => this.#applyWhole(suffix, value)],
    [HEADS_PREFIX, (suffix, value) => this.#applyHead(suffix, value)],
    [SLICES_PREFIX, (suffix, value) => this.#applySlice(suffix, value)],
    [SYNCED_ROOT, (suffix, value) => this.#applyCanary(SYNCED_ROOT + suffix, value)],
    [PEERS_PREFIX, (suffix, value) => this.#applyPeer(suffix, value)],
  ];

  /** The step of a service from what it was; absent when there is none to program now. */
  step(key: ServiceKey, before: MeshService | undefined): ServiceStep | undefined {
    const changed = this.#contributions.takeChanged(key);
    const local = this.#locals.get(key);
    const step = local && (this.#stepRemote(key, before, local, changed) ?? this.#merge(key, before, local));
    if (local === undefined || step === undefined) this.#merged.delete(key);
    else this.#merged.set(key, { local, service: step.service });
    return step;
  }

  #merge(key: ServiceKey, before: MeshService | undefined, local: LocalService): ServiceStep | undefined {
    const remotes = this.#contributions.to(key, (cluster) => this.#isFresh(cluster));
    const merged = mergeService({ cluster: this.#own.name, local, remotes }, this.#parts);
    return merged && stepService(before, merged, this.#parts.compositions);
  }

  /** The step where nothing but `changed` says something else since the merge that made `before`; undefined where that is not known. */
  #stepRemote(
    key: ServiceKey,
    before: MeshService | undefined,
    local: LocalService,
    changed: ClusterName | undefined,
  ): ServiceStep | undefined {
    if (changed === undefined || changed === this.#own.name) return undefined;
    const last = this.#merged.get(key);
    // It may have been found unsound, and not been taken.
    if (last === undefined || last.service !== before || last.local !== local) return undefined;
    const contributed = this.#contributions.get(changed, key);
    const was = contributed?.merged;
    const is = contributed?.remote(this.#contributions.form(changed), this.#isFresh(changed));
    return was && is && stepRemote(before, { local, was, is }, this.#parts);
  }

  /**
   * The own cluster, whoever contributes (a cache may be filled by a program that keeps no peer records), and the peers. An id
   * belongs to one cluster: the first in this order, then by name. The same object for as long as it says the same.
   */
  clusters(): ReadonlyMap<ClusterName, ClusterId> {
    if (this.#claimsChanged) {
      const claimed = this.#claimedIds();
      if (!sameClusters(this.#clusters, claimed)) this.#clusters = claimed;
      this.#claimsChanged = false;
    }
    return this.#clusters;
  }

  #claimedIds(): ReadonlyMap<ClusterName, ClusterId> {
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

  /** A record of the cluster says an id, where `before` was said: most say what is known. */
  #claims(cluster: ClusterName, before: ClusterId | undefined, id: ClusterId | undefined): void {
    const isKnown = id !== undefined && this.#clusters.get(cluster) === id && (before ?? id) === id;
    if (!isKnown) this.#claimsChanged = true;
  }

  #applyWhole(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const place = placeOf(suffix, parseServiceKey);
    if (!place.ok) return place;
    const { cluster, of: key } = place.value;
    const known = this.#contributions.get(cluster, key);
    if (value === undefined) {
      this.#claims(cluster, known?.clusterId, undefined);
      this.#contributions.change(cluster, key, (one) => one.setWhole(undefined));
    } else if (known?.hides(this.#contributions.form(cluster)) === true) {
      known.setUnread(value);
      return ok([]);
    } else {
      const whole = readContribution(value, this.#reuse(known?.backends));
      if (!whole.ok) return whole;
      const misplaced = elsewhere(whole.value, cluster, key);
      if (misplaced !== undefined) return err(misplaced);
      this.#claims(cluster, known?.clusterId, whole.value.clusterId);
      this.#contributions.change(cluster, key, (one) => one.setWhole(whole.value));
    }
    return ok([key]);
  }

  #applyHead(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const place = placeOf(suffix, parseServiceKey);
    if (!place.ok) return place;
    const { cluster, of: key } = place.value;
    const head = value === undefined ? ok(undefined) : readHead(value);
    if (!head.ok) return head;
    const misplaced = head.value && elsewhere(head.value, cluster, key);
    if (misplaced !== undefined) return err(misplaced);
    this.#claims(cluster, this.#contributions.get(cluster, key)?.clusterId, head.value?.clusterId);
    this.#contributions.change(cluster, key, (one) => one.setHead(head.value));
    return ok([key]);
  }

  #applySlice(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const place = placeOf(suffix, parseSliceName);
    if (!place.ok) return place;
    const { cluster, of: named } = place.value;
    const known = this.#contributions.get(cluster, named.service)?.slice(named.slice);
    const slice = value === undefined ? ok(undefined) : readSlice(value, this.#reuse(known));
    if (!slice.ok) return slice;
    const misplaced = slice.value && elsewhere(slice.value, cluster, named.service);
    if (misplaced !== undefined) return err(misplaced);
    if (slice.value !== undefined && slice.value.slice !== named.slice)
      return err(`holds the slice ${slice.value.slice}`);
    this.#contributions.change(cluster, named.service, (one) => one.setSlice(named.slice, slice.value?.backends));
    return ok([named.service]);
  }

  /** Whether the services of a cluster are here in pieces, and all of them, decides which of their records count. */
  #applyCanary(key: string, value: Uint8Array | undefined): Result<Touched, string> {
    if (key === localPiecesCanary(this.#own.name)) return ok(this.#locals.setInPieces(value !== undefined));
    const canary = parseSyncedKey(key);
    if (canary?.prefix !== IN_PIECES) return ok([]);
    const cluster = parseClusterName(canary.cluster);
    if (!cluster.ok) return err(`cluster name ${cluster.error}`);
    this.#contributions.setForm(cluster.value, value === undefined ? 'whole' : 'pieces');
    return ok(this.#contributions.touch(cluster.value));
  }

  #applyPeer(suffix: string, value: Uint8Array | undefined): Result<Touched, string> {
    const cluster = parseClusterName(suffix);
    if (!cluster.ok) return err(`cluster name ${cluster.error}`);
    const before = this.#peers.get(cluster.value);
    const wasFresh = this.#isFresh(cluster.value);
    if (value === undefined) this.#peers.delete(cluster.value);
    else {
      const standing = readPeer(value);
      if (!standing.ok) return standing;
      this.#peers.set(cluster.value, standing.value);
    }
    if (before?.id !== this.#peers.get(cluster.value)?.id) this.#claimsChanged = true;
    return ok(wasFresh === this.#isFresh(cluster.value) ? [] : this.#contributions.touch(cluster.value));
  }

  /** Without a record nothing speaks against a peer: what it contributes has been admitted. */
  #isFresh(cluster: ClusterName): boolean {
    return this.#peers.get(cluster)?.fresh ?? true;
  }

  #reuse(backends: readonly Backend[] = []): Reuse {
    return { backends, ports: this.#portLists };
  }
}

/** Of a key behind its prefix: the cluster, and what is named there of it. */
function placeOf<T>(
  suffix: string,
  parse: (text: string) => Result<T, string>,
): Result<{ readonly cluster: ClusterName; readonly of: T }, string> {
  const slash = suffix.indexOf('/');
  const cluster = parseClusterName(suffix.slice(0, slash));
  if (!cluster.ok) return err(`cluster name ${cluster.error}`);
  const of = parse(suffix.slice(slash + 1));
  return of.ok ? ok({ cluster: cluster.value, of: of.value }) : of;
}

const elsewhere = (held: Pick<Contribution, 'cluster' | 'key'>, cluster: ClusterName, key: ServiceKey) =>
  held.cluster === cluster && held.key === key ? undefined : `holds the service ${held.key} of ${held.cluster}`;
