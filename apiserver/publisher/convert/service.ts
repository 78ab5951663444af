// A Service and its EndpointSlices as the LocalService of this cluster's own view; whether a service takes part at all is decided
// here. What peers see of it is peer-service.ts. Pure.

import { type IpAddress, serviceKey } from '../../../mesh/model/names.ts';
import type { Backend, BackendState, LocalService, NamedPort } from '../../../mesh/model/service.ts';
import { clientIPTimeoutOf, createdOf } from '../../../mesh/snapshot/equality.ts';
import { compareBackends, comparePorts } from '../../../mesh/snapshot/order.ts';
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
  const head = localHead(service);
  return head && { ...head, backends: backendsOf(cluster, slices) };
}

/** The same without its backends. */
export function localHead(service: ServiceObject): LocalService | undefined {
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
    backends: [],
    labels: service.labels,
    selector: service.selector,
  };
}

/** As a message of 32 bits carries it; a time that does not fit is no time that a service was made at. */
const wholeSeconds = (epochMs = 0): number => (epochMs > UINT32_MAX * 1_000 ? 0 : Math.floor(epochMs / 1_000));

/**
 * One per address, sorted. Several slices may name an address (one for each set of ports, or both sides of a move): its ports
 * are put together, and one active mention makes it active. Of a port that they see differently the first slice counts.
 */
export function backendsOf(cluster: Cluster, slices: readonly EndpointSliceObject[]): readonly Backend[] {
  const found = new Map<IpAddress, { readonly state: BackendState; readonly ports: readonly NamedPort[] }>();
  for (const slice of slices) {
    for (const [address, state] of statesOf(slice)) {
      const known = found.get(address);
      found.set(address, {
        state: known?.state === 'active' ? 'active' : state,
        ports: known === undefined ? slice.ports : unitePorts(known.ports, slice.ports),
      });
    }
  }
  const backends = [...found].map(
    ([address, { state, ports }]): Backend => ({
      address,
      cluster: cluster.name,
      clusterId: cluster.id,
      state,
      ports: [...ports].sort(comparePorts),
    }),
  );
  return backends.sort(compareBackends);
}

const unitePorts = (first: readonly NamedPort[], second: readonly NamedPort[]): readonly NamedPort[] => [
  ...first,
  ...second.filter(({ name }) => !first.some((port) => port.name === name)),
];

/** Of each address that answers somebody. One active mention makes it active. */
export function statesOf({ endpoints }: Pick<EndpointSliceObject, 'endpoints'>): ReadonlyMap<IpAddress, BackendState> {
  const states = new Map<IpAddress, BackendState>();
  for (const endpoint of endpoints) {
    const state = stateOf(endpoint);
    if (state === undefined) continue;
    for (const address of endpoint.addresses) if (states.get(address) !== 'active') states.set(address, state);
  }
  return states;
}

/** Absent: it answers nobody. One that only serves on, while it terminates, keeps its connections and gets no new ones. */
export function stateOf({ ready, serving, terminating }: SliceEndpoint): BackendState | undefined {
  if (!ready && !serving) return undefined;
  return terminating ? 'terminating' : 'active';
}
