// What peers see of a service: the head and a record for each EndpointSlice, and both together as Cilium's ClusterService. Pure.
// A service that is not shared has none of them, and a slice without a backend to publish has no record.

import type { IpAddress } from '../../../mesh/model/names.ts';
import type { LocalService, NamedPort } from '../../../mesh/model/service.ts';
import { comparePorts } from '../../../mesh/snapshot/order.ts';
import type { ClusterServiceRecord, PortValue } from '../../../mesh/wire/cluster-service.ts';
import type { ServiceHeadRecord } from '../../../mesh/wire/service-head.ts';
import { composeService } from '../../../mesh/wire/service-pieces.ts';
import type { ServiceSliceRecord } from '../../../mesh/wire/service-slice.ts';
import type { EndpointSliceObject } from '../../sources/objects.ts';
import { BackendStates } from '../backend-states.ts';
import type { ClusterSettings } from '../settings.ts';
import { stateOf } from './service.ts';

type Cluster = Pick<ClusterSettings, 'name' | 'id'>;

export function serviceHead(service: LocalService, cluster: Cluster): ServiceHeadRecord | undefined {
  if (!service.shared) return undefined;
  const [namespace = '', name = ''] = service.key.split('/');
  const ports = portsByName(service.ports);
  return {
    cluster: cluster.name,
    namespace,
    name,
    frontends: Object.fromEntries(service.frontends.map((address) => [address, ports])),
    backends: {},
    labels: service.labels,
    selector: service.selector,
    includeExternal: true,
    shared: true,
    clusterID: cluster.id,
  };
}

/** Of a slice that belongs to a service; `states`: of all backends of that. */
export function serviceSlice(
  { service, name: slice, endpoints, ports }: EndpointSliceObject,
  cluster: Cluster,
  states: Pick<BackendStates, 'isPublished'>,
): ServiceSliceRecord | undefined {
  const [namespace = '', name = ''] = service?.split('/') ?? [];
  const own = portsByName(ports);
  const backends: [IpAddress, typeof own][] = [];
  const hostnames: [IpAddress, string][] = [];
  const zones: [IpAddress, unknown][] = [];
  for (const endpoint of endpoints) {
    if (stateOf(endpoint) === undefined) continue;
    const { addresses, hostname, zone, zoneHints } = endpoint;
    for (const address of addresses) {
      if (!states.isPublished(address)) continue;
      backends.push([address, own]);
      if (hostname !== undefined) hostnames.push([address, hostname]);
      if (zone !== undefined) zones.push([address, zoneOf(zone, zoneHints)]);
    }
  }
  if (backends.length === 0) return undefined;
  return {
    ...{ cluster: cluster.name, namespace, name, slice, clusterID: cluster.id },
    backends: Object.fromEntries(backends),
    ...(hostnames.length === 0 ? {} : { hostnames: Object.fromEntries(hostnames) }),
    ...(zones.length === 0 ? {} : { zones: Object.fromEntries(zones) }),
  };
}

/** The whole service, made anew of all its slices. */
export function clusterService(
  service: LocalService,
  cluster: Cluster,
  slices: readonly EndpointSliceObject[],
): ClusterServiceRecord | undefined {
  const head = serviceHead(service, cluster);
  const states = BackendStates.of(slices);
  return (
    head &&
    composeService(
      head,
      slices.flatMap((slice) => serviceSlice(slice, cluster, states) ?? []),
    )
  );
}

function portsByName(ports: readonly NamedPort[]): Readonly<Record<string, PortValue>> {
  const sorted = [...ports].sort(comparePorts);
  return Object.fromEntries(sorted.map(({ name, protocol, port }) => [name, { Protocol: protocol, Port: port }]));
}

const zoneOf = (zone: string, hints: readonly string[]): unknown =>
  hints.length === 0 ? { zone } : { zone, forZones: hints.map((name) => ({ name })) };
