// A Service and its EndpointSlices as what is published of them: the LocalService for this cluster's own view, and Cilium's
// ClusterService for the peers. Pure; whether there is anything to publish is decided here too.

import { type IpAddress, serviceKey } from '../../../mesh/model/names.ts';
import type { Backend, BackendState, LocalService, NamedPort } from '../../../mesh/model/service.ts';
import { clientIPTimeoutOf, createdOf } from '../../../mesh/snapshot/equality.ts';
import { compareBackends, comparePorts } from '../../../mesh/snapshot/order.ts';
import type { ClusterServiceRecord, PortValue } from '../../../mesh/wire/cluster-service.ts';
import { UINT32_MAX } from '../../../mesh/wire/record.ts';
import { serviceIntent } from '../../sources/annotations.ts';
import type { EndpointSliceObject, ServiceObject, SliceEndpoint } from '../../sources/objects.ts';
import type { ClusterSettings } from '../settings.ts';

type Cluster = Pick<ClusterSettings, 'name' | 'id'>;

/** Absent when the service is not global; its namespace is known to take part. */
export function localService(
  service: ServiceObject,
  cluster: Cluster,
  slices: readonly EndpointSliceObject[],
): LocalService | undefined {
  const intent = serviceIntent(service.annotations);
  if (!intent.global || service.external) return undefined;
  return {
    key: serviceKey(service.namespace, service.name),
    frontends: service.clusterIPs,
    ports: service.ports,
    global: true,
    shared: intent.shared,
    affinity: intent.affinity,
    ...clientIPTimeoutOf(service),
    ...createdOf({ createdSeconds: wholeSeconds(service.createdAt) }),
    backends: backendsOf(cluster, slices),
    labels: service.labels,
    selector: service.selector,
  };
}

/** As a message of 32 bits carries it; a time that does not fit is no time that a service was made at. */
const wholeSeconds = (epochMs = 0): number => (epochMs > UINT32_MAX * 1_000 ? 0 : Math.floor(epochMs / 1_000));

/** What peers see of it; absent when it is not shared. */
export function clusterService(
  service: LocalService,
  cluster: Cluster,
  slices: readonly EndpointSliceObject[],
): ClusterServiceRecord | undefined {
  if (!service.shared) return undefined;
  const [namespace = '', name = ''] = service.key.split('/');
  const ports = portsByName(service.ports);
  const backends = backendsForPeers(service);
  return {
    cluster: cluster.name,
    namespace,
    name,
    frontends: Object.fromEntries(service.frontends.map((address) => [address, ports])),
    backends: Object.fromEntries(backends.map((backend) => [backend.address, portsByName(backend.ports)])),
    ...topology(slices, new Set(backends.map(({ address }) => address))),
    labels: service.labels,
    selector: service.selector,
    includeExternal: true,
    shared: true,
    clusterID: cluster.id,
  };
}

/**
 * A ClusterService says nothing of states, and its readers take every backend for a live one. So a terminating backend is left
 * out, and gets no new connections from peers, for as long as another one is active (KEP-1669, as seen from the peers).
 */
function backendsForPeers({ backends }: LocalService): readonly Backend[] {
  const active = backends.filter(({ state }) => state === 'active');
  return active.length > 0 ? active : backends;
}

/**
 * One per address, sorted. Several slices may name an address (one for each set of ports, or both sides of a move): its ports
 * are put together, and one active mention makes it active.
 */
function backendsOf(cluster: Cluster, slices: readonly EndpointSliceObject[]): readonly Backend[] {
  const found = new Map<IpAddress, { state: BackendState; ports: Map<string, NamedPort> }>();
  for (const { endpoints, ports } of slices) {
    for (const endpoint of endpoints) {
      const state = stateOf(endpoint);
      if (state === undefined) continue;
      for (const address of endpoint.addresses) {
        const backend = found.get(address) ?? { state, ports: new Map() };
        if (state === 'active') backend.state = 'active';
        for (const port of ports) backend.ports.set(`${port.name}/${port.protocol}`, port);
        found.set(address, backend);
      }
    }
  }
  const backends = [...found].map(
    ([address, { state, ports }]): Backend => ({
      address,
      cluster: cluster.name,
      clusterId: cluster.id,
      state,
      ports: [...ports.values()].sort(comparePorts),
    }),
  );
  return backends.sort(compareBackends);
}

/** Absent: it answers nobody. One that only serves on, while it terminates, keeps its connections and gets no new ones. */
function stateOf({ ready, serving, terminating }: SliceEndpoint): BackendState | undefined {
  if (!ready && !serving) return undefined;
  return terminating ? 'terminating' : 'active';
}

function portsByName(ports: readonly NamedPort[]): Readonly<Record<string, PortValue>> {
  return Object.fromEntries(ports.map(({ name, protocol, port }) => [name, { Protocol: protocol, Port: port }]));
}

/** Host names and zones of the published backends, left out where there are none. */
function topology(
  slices: readonly EndpointSliceObject[],
  published: ReadonlySet<IpAddress>,
): Pick<ClusterServiceRecord, 'hostnames' | 'zones'> {
  const hostnames: [string, string][] = [];
  const zones: [string, unknown][] = [];
  for (const endpoint of slices.flatMap(({ endpoints }) => endpoints)) {
    for (const address of endpoint.addresses) {
      if (!published.has(address)) continue;
      if (endpoint.hostname !== undefined) hostnames.push([address, endpoint.hostname]);
      if (endpoint.zone !== undefined) zones.push([address, zoneOf(endpoint.zone, endpoint.zoneHints)]);
    }
  }
  return {
    ...(hostnames.length === 0 ? {} : { hostnames: byAddress(hostnames) }),
    ...(zones.length === 0 ? {} : { zones: byAddress(zones) }),
  };
}

const zoneOf = (zone: string, hints: readonly string[]): unknown =>
  hints.length === 0 ? { zone } : { zone, forZones: hints.map((name) => ({ name })) };

const byAddress = <T>(entries: readonly [string, T][]): Readonly<Record<string, T>> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
