// The stored records as the view needs them. The codecs of mesh/wire read the bytes; here their values become what the merge
// takes: only admitted, well-formed parts.

import { parseAddress } from '../../mesh/model/address.ts';
import {
  type ClusterId,
  type ClusterName,
  parseClusterId,
  parseClusterName,
  type ServiceKey,
  serviceKey,
} from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { type Backend, type LocalService, type NamedPort, PROTOCOLS } from '../../mesh/model/service.ts';
import { compareText } from '../../mesh/snapshot/order.ts';
import { clusterServiceKind, type PortValue } from '../../mesh/wire/cluster-service.ts';
import { decodeObject } from '../../mesh/wire/json.ts';

/** What one remote cluster contributes to a service; how fresh it is, is said elsewhere. */
export interface Contribution {
  readonly key: ServiceKey;
  readonly cluster: ClusterName;
  readonly clusterId: ClusterId;
  readonly shared: boolean;
  readonly backends: readonly Backend[];
}

export interface PeerStanding {
  readonly id: ClusterId | undefined;
  readonly fresh: boolean;
}

export function readLocalService(bytes: Uint8Array): Result<LocalService, string> {
  const value = decodeObject(bytes, 1024 * 1024);
  if (!value.ok) return value;
  return ok(value.value as unknown as LocalService);
}

export function readPeer(bytes: Uint8Array): Result<PeerStanding, string> {
  const value = decodeObject(bytes, 1024 * 1024);
  if (!value.ok) return value;
  const { freshness, id } = value.value;
  return ok({ id: id as ClusterId, fresh: freshness === 'fresh' || freshness === 'ageing' });
}

/** A record of the cache. It carries no conditions: every backend in it is active. */
export function readContribution(bytes: Uint8Array): Result<Contribution, string> {
  const record = clusterServiceKind.decode(bytes);
  if (!record.ok) return record;
  const { namespace, name, shared, clusterID } = record.value;
  const cluster = parseClusterName(record.value.cluster);
  if (!cluster.ok) return err(`cluster ${cluster.error}`);
  const clusterId = parseClusterId(clusterID, 511);
  if (!clusterId.ok) return err(`clusterID ${clusterId.error}`);
  const backends: Backend[] = [];
  for (const [text, named] of Object.entries(record.value.backends)) {
    const address = parseAddress(text);
    if (!address.ok) return err(`backend ${text}: ${address.error}`);
    backends.push({
      address: address.value,
      cluster: cluster.value,
      clusterId: clusterId.value,
      state: 'active',
      ports: portsOf(named),
    });
  }
  return ok({
    key: serviceKey(namespace, name),
    cluster: cluster.value,
    clusterId: clusterId.value,
    shared,
    backends,
  });
}

/** Sorted by name. A port that cannot be programmed (0, an unknown protocol) is none. */
function portsOf(named: Readonly<Record<string, PortValue>>): readonly NamedPort[] {
  const ports: NamedPort[] = [];
  for (const [name, { Protocol, Port: port }] of Object.entries(named)) {
    const protocol = PROTOCOLS.find((one) => one === Protocol);
    if (protocol !== undefined && port > 0) ports.push({ name, protocol, port });
  }
  return ports.length > 1 ? ports.sort((a, b) => compareText(a.name, b.name)) : ports;
}
