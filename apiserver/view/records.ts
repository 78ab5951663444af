// The stored records as the view needs them. The codecs of mesh/wire read the bytes; here their values become what the merge
// takes: only admitted, well-formed parts.

import { parseAddress } from '../../mesh/model/address.ts';
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
import { type Backend, type LocalService, type NamedPort, PROTOCOLS } from '../../mesh/model/service.ts';
import { sameBackend, shareBackends } from '../../mesh/snapshot/equality.ts';
import { compareBackends, comparePorts, isAscending } from '../../mesh/snapshot/order.ts';
import type { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { clusterServiceKind, type PortValue } from '../../mesh/wire/cluster-service.ts';
import { decodeLocalService } from '../../mesh/wire/local-service.ts';
import { decodePeerRecord } from '../../mesh/wire/peer-record.ts';

/** The wider of the two layouts; which one a mesh has is decided where peers are admitted. */
const CLUSTER_ID_MAX = 511;

/** What one remote cluster contributes to a service; how fresh it is, is said elsewhere. */
export interface Contribution {
  readonly key: ServiceKey;
  readonly cluster: ClusterName;
  readonly clusterId: ClusterId;
  readonly shared: boolean;
  readonly backends: readonly Backend[];
}

/** The cluster that the view belongs to. */
export interface OwnCluster {
  readonly name: ClusterName;
  readonly id: ClusterId;
}

/** What was read of the same record before: a backend that is as it was is taken over, and not read again. */
export interface Reuse {
  readonly backends: readonly Backend[];
  readonly ports: PortLists;
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

/** Fresh is who is heard of. Of an expired peer the backends are last, as of a stale one: admission withdraws, not the view. */
export function readPeer(bytes: Uint8Array): Result<PeerStanding, string> {
  const record = decodePeerRecord(bytes);
  if (!record.ok) return record;
  const { freshness, id } = record.value;
  const parsed = id === undefined ? undefined : parseClusterId(id, CLUSTER_ID_MAX);
  if (parsed !== undefined && !parsed.ok) return err(`id ${parsed.error}`);
  return ok({ id: parsed?.value, fresh: freshness === 'fresh' || freshness === 'ageing' });
}

/** A record of the cache. It carries no conditions: every backend in it is active. */
export function readContribution(bytes: Uint8Array, reuse: Reuse): Result<Contribution, string> {
  const record = clusterServiceKind.decode(bytes);
  if (!record.ok) return record;
  const { namespace, name, shared, clusterID } = record.value;
  const cluster = parseClusterName(record.value.cluster);
  if (!cluster.ok) return err(`cluster ${cluster.error}`);
  const clusterId = parseClusterId(clusterID, CLUSTER_ID_MAX);
  if (!clusterId.ok) return err(`clusterID ${clusterId.error}`);
  const origin = { cluster: cluster.value, clusterId: clusterId.value, state: 'active' } as const;
  const known = finder(reuse.backends);
  const backends: Backend[] = [];
  for (const [text, named] of Object.entries(record.value.backends)) {
    const before = known(text);
    if (before !== undefined && before.clusterId === origin.clusterId && hasPorts(before, named)) {
      backends.push(before);
      continue;
    }
    const address = parseAddress(text);
    if (!address.ok) return err(`backend ${text}: ${address.error}`);
    backends.push({ address: address.value, ...origin, ports: reuse.ports.intern(portsOf(named)) });
  }
  return ok({ key: serviceKey(namespace, name), ...origin, shared, backends: inOrder(reuse.backends, backends) });
}

/** Finds previous backends by address, asked in ascending order: records are written sorted, and then this is one walk. */
function finder(previous: readonly Backend[]): (address: string) => Backend | undefined {
  let at = 0;
  return (address) => {
    let before = previous[at];
    while (before !== undefined && before.address < address) {
      at += 1;
      before = previous[at];
    }
    return before?.address === address ? before : undefined;
  };
}

function inOrder(previous: readonly Backend[], backends: Backend[]): readonly Backend[] {
  return shareBackends(previous, isAscending(backends, compareBackends) ? backends : backends.sort(compareBackends));
}

function hasPorts({ ports }: Backend, named: Readonly<Record<string, PortValue>>): boolean {
  return (
    Object.keys(named).length === ports.length &&
    ports.every(({ name, protocol, port }) => named[name]?.Port === port && named[name]?.Protocol === protocol)
  );
}

/** A port that cannot be programmed (0, an unknown protocol) is none. */
function portsOf(named: Readonly<Record<string, PortValue>>): readonly NamedPort[] {
  const ports: NamedPort[] = [];
  for (const [name, { Protocol, Port: port }] of Object.entries(named)) {
    const protocol = PROTOCOLS.find((one) => one === Protocol);
    if (protocol !== undefined && port > 0) ports.push({ name, protocol, port });
  }
  return byName(ports);
}

const byName = (ports: readonly NamedPort[]): readonly NamedPort[] =>
  ports.length > 1 ? [...ports].sort(comparePorts) : ports;

/** Of a text that its codec has accepted: what an agent would read from it, so that both order it alike. */
function canonicalAddress(text: IpAddress): IpAddress {
  const address = parseAddress(text);
  return address.ok ? address.value : text;
}
