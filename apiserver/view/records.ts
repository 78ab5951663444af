// The stored records as the view needs them. The codecs of mesh/wire read the bytes; here their values become what the merge
// takes: only admitted, well-formed parts.

import { parseAddress } from '../../mesh/model/address.ts';
import type { List } from '../../mesh/model/list.ts';
import {
  type ClusterId,
  type ClusterName,
  type IpAddress,
  parseClusterId,
  parseClusterName,
  type ServiceKey,
  serviceKey,
} from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { Backend, BackendState, LocalService } from '../../mesh/model/service.ts';
import { sameBackend } from '../../mesh/snapshot/equality.ts';
import { type ClusterServiceRecord, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { decodeLocalService } from '../../mesh/wire/local-service.ts';
import { decodeLocalSlice } from '../../mesh/wire/local-slice.ts';
import { decodePeerRecord } from '../../mesh/wire/peer-record.ts';
import { readPlainSlice } from '../../mesh/wire/plain-slice.ts';
import { serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { type ServiceSliceRecord, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import {
  type BackendEntry,
  backendEntries,
  byName,
  finder,
  inOrder,
  type Origin,
  type Reuse,
  readBackends,
} from './backends.ts';

/** The wider of the two layouts; which one a mesh has is decided where peers are admitted. */
const CLUSTER_ID_MAX = 511;

/** A service of a remote cluster without its backends. */
export interface Head extends Origin {
  readonly key: ServiceKey;
  readonly shared: boolean;
}

/** What one remote cluster contributes to a service; how fresh it is, is said elsewhere. */
export interface Contribution extends Head {
  readonly backends: List<Backend>;
}

/** A part of that. */
export interface Slice {
  readonly key: ServiceKey;
  readonly cluster: ClusterName;
  readonly slice: string;
  readonly backends: readonly Backend[];
}

/** The cluster that the view belongs to. */
export interface OwnCluster {
  readonly name: ClusterName;
  readonly id: ClusterId;
}

export interface PeerStanding {
  readonly id: ClusterId | undefined;
  readonly fresh: boolean;
}

/** A record of the own publisher: every backend in it must be the own cluster's. */
export function readLocalService(bytes: Uint8Array, own: OwnCluster, reuse: Reuse): Result<LocalService, string> {
  const record = decodeLocalService(bytes);
  if (!record.ok) return record;
  const { frontends, ports } = record.value;
  const known = finder(reuse.backends);
  const backends: Backend[] = [];
  for (const backend of record.value.backends) {
    const { address, cluster, clusterId } = backend;
    if (cluster !== own.name || clusterId !== own.id) return err(`backend ${address} is of cluster ${cluster}`);
    const before = known(address);
    if (before !== undefined && sameBackend(before, backend)) backends.push(before);
    else
      backends.push({
        ...backend,
        address: canonicalAddress(address),
        ports: reuse.ports.intern(byName(backend.ports)),
      });
  }
  return ok({
    ...record.value,
    frontends: frontends.map(canonicalAddress),
    ports: byName(ports),
    backends: inOrder(reuse.backends, backends),
  });
}

/** One slice of a service of the own cluster. */
export function readLocalSlice(bytes: Uint8Array, own: OwnCluster, reuse: Reuse): Result<Slice, string> {
  const record = decodeLocalSlice(bytes);
  if (!record.ok) return record;
  const { key, slice, cluster, clusterId, active, terminating } = record.value;
  if (cluster !== own.name || clusterId !== own.id) return err(`slice ${slice} is of cluster ${cluster}`);
  const ports = reuse.ports.intern(byName(record.value.ports));
  const states = new Map<IpAddress, BackendState>();
  for (const address of terminating) states.set(address, 'terminating');
  for (const address of active) states.set(address, 'active');
  const backends = [...states].map(
    ([address, state]): Backend => ({ address, cluster: own.name, clusterId: own.id, state, ports }),
  );
  return ok({ key, slice, cluster: own.name, backends: inOrder(reuse.backends, backends) });
}

/** Fresh is who is heard of. Of an expired peer the backends are last, as of a stale one: admission withdraws, not the view. */
export function readPeer(bytes: Uint8Array): Result<PeerStanding, string> {
  const record = decodePeerRecord(bytes);
  if (!record.ok) return record;
  const { freshness, id } = record.value;
  const parsed = id === undefined ? undefined : parseClusterId(id, CLUSTER_ID_MAX);
  if (parsed !== undefined && !parsed.ok) return err(`id ${parsed.error}`);
  return ok({ id: parsed?.value, fresh: freshness === 'fresh' || freshness === 'ageing' });
}

/** A record of the cache: a whole service of a peer. */
export function readContribution(bytes: Uint8Array, reuse: Reuse): Result<Contribution, string> {
  const record = clusterServiceKind.decode(bytes);
  if (!record.ok) return record;
  const head = headOf(record.value);
  if (!head.ok) return head;
  const backends = readBackends(backendEntries(record.value.backends), head.value, reuse);
  return backends.ok ? ok({ ...head.value, backends: backends.value }) : backends;
}

/** The head of a service that a peer has in pieces. */
export function readHead(bytes: Uint8Array): Result<Head, string> {
  const record = serviceHeadKind.decode(bytes);
  return record.ok ? headOf(record.value) : record;
}

/** One slice of such a service. */
export function readSlice(bytes: Uint8Array, reuse: Reuse): Result<Slice, string> {
  const plain = readPlainSlice(bytes);
  if (plain !== undefined) return sliceOf(plain, plain.backends, reuse);
  const record = serviceSliceKind.decode(bytes);
  return record.ok ? sliceOf(record.value, backendEntries(record.value.backends), reuse) : record;
}

function sliceOf(
  record: Pick<ServiceSliceRecord, 'cluster' | 'clusterID' | 'namespace' | 'name' | 'slice'>,
  entries: readonly BackendEntry[],
  reuse: Reuse,
): Result<Slice, string> {
  const { namespace, name, slice } = record;
  const origin = originOf(record);
  if (!origin.ok) return origin;
  const backends = readBackends(entries, origin.value, reuse);
  if (!backends.ok) return backends;
  return ok({ key: serviceKey(namespace, name), slice, cluster: origin.value.cluster, backends: backends.value });
}

function headOf(record: ClusterServiceRecord): Result<Head, string> {
  const origin = originOf(record);
  if (!origin.ok) return origin;
  return ok({ key: serviceKey(record.namespace, record.name), ...origin.value, shared: record.shared });
}

function originOf(record: Pick<ClusterServiceRecord, 'cluster' | 'clusterID'>): Result<Origin, string> {
  const cluster = parseClusterName(record.cluster);
  if (!cluster.ok) return err(`cluster ${cluster.error}`);
  const clusterId = parseClusterId(record.clusterID, CLUSTER_ID_MAX);
  if (!clusterId.ok) return err(`clusterID ${clusterId.error}`);
  return ok({ cluster: cluster.value, clusterId: clusterId.value });
}

/** Of a text that its codec has accepted: what an agent would read from it, so that both order it alike. */
function canonicalAddress(text: IpAddress): IpAddress {
  const address = parseAddress(text);
  return address.ok ? address.value : text;
}
