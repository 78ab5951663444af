// The services that bench/program measures with: one frontend each, and as many backends as asked for, no two alike. Port lists are
// shared, as between the services that a stream brings.

import { inPieces } from '../../mesh/model/list.ts';
import type { ClusterId, ClusterName, IpAddress, Revision, ServiceKey } from '../../mesh/model/names.ts';
import type { Backend, MeshService, NamedPort } from '../../mesh/model/service.ts';
import { compareBackends } from '../../mesh/snapshot/order.ts';
import { ServiceMap } from '../../mesh/snapshot/service-map.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { encodeSnapshot } from '../../mesh/wire/mesh-writer.ts';

export const BACKENDS_EACH = 4;

const PORTS: readonly NamedPort[] = [{ name: '', protocol: 'TCP', port: 80 }];
const BACKEND_PORTS: readonly NamedPort[] = [{ name: '', protocol: 'TCP', port: 8080 }];
const WEST = 'west' as ClusterName;
const WEST_ID = 1 as ClusterId;

const quad = (first: number, index: number): IpAddress =>
  `${first}.${16 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}` as IpAddress;

export const backendAt = (index: number): Backend => ({
  address: quad(10, index),
  cluster: WEST,
  clusterId: WEST_ID,
  state: 'active',
  ports: BACKEND_PORTS,
});

export const serviceOf = (index: number, first: number, backends: number): MeshService => ({
  key: `shop/s${index}` as ServiceKey,
  frontends: [quad(172, index)],
  ports: PORTS,
  backends: inPieces(Array.from({ length: backends }, (_, at) => backendAt(first + at)).sort(compareBackends)),
});

export const servicesOf = (count: number): readonly MeshService[] =>
  Array.from({ length: count }, (_, index) => serviceOf(index, index * BACKENDS_EACH, BACKENDS_EACH));

export const snapshotOf = (services: readonly MeshService[]): MeshSnapshot => ({
  position: { storeId: '00000000000000aa', revision: 1 as Revision },
  cluster: WEST,
  clusters: new Map([[WEST, WEST_ID]]),
  services: ServiceMap.of(services),
});

/** What an API server sends to an agent that has nothing yet. */
export const messagesOf = (services: readonly MeshService[]): readonly Uint8Array[] => [
  ...encodeSnapshot(snapshotOf(services)),
];
