// Services for tests, with a default for everything that a test does not speak of. Not part of the agent.

import type { ClusterId, ClusterName, IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { Backend, BackendState, MeshService, NamedPort, Protocol } from '../../mesh/model/service.ts';
import { clientIPTimeoutOf, createdOf } from '../../mesh/snapshot/equality.ts';
import { compareBackends } from '../../mesh/snapshot/order.ts';

export interface SampleService {
  readonly key?: string;
  readonly frontends?: readonly string[];
  readonly ports?: readonly NamedPort[];
  readonly backends?: readonly (Backend | string)[];
  readonly clientIPTimeoutSeconds?: number;
  readonly createdSeconds?: number;
}

export const port = (number: number, name = '', protocol: Protocol = 'TCP'): NamedPort => ({
  name,
  protocol,
  port: number,
});

/** `10.1.0.1` and `fd00:1::1` are active backends of cluster 1, `10.2.0.1` and `fd00:2::1` of cluster 2. */
export function backend(
  address: string,
  options: { readonly state?: BackendState; readonly ports?: readonly NamedPort[] } = {},
): Backend {
  const clusterId = Number(address.split(/[.:]/)[1] || 1);
  return {
    address: address as IpAddress,
    cluster: (clusterId === 1 ? 'west' : `peer-${clusterId}`) as ClusterName,
    clusterId: clusterId as ClusterId,
    state: options.state ?? 'active',
    ports: options.ports ?? [port(8080)],
  };
}

export function service(options: SampleService = {}): MeshService {
  const backends = (options.backends ?? ['10.1.0.1']).map((given) =>
    typeof given === 'string' ? backend(given) : given,
  );
  return {
    key: (options.key ?? 'shop/cart') as ServiceKey,
    frontends: (options.frontends ?? ['172.20.0.10']) as IpAddress[],
    ports: options.ports ?? [port(80)],
    ...clientIPTimeoutOf(options),
    ...createdOf(options),
    backends: backends.sort(compareBackends),
  };
}
