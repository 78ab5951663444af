// Services as the mesh sees them: what the local cluster says (LocalService), what one remote cluster contributes
// (RemoteService), and the merge of both that agents program (MeshService). All values are immutable.

import type { List } from './list.ts';
import type { ClusterId, ClusterName, IpAddress, ServiceKey } from './names.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';
export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP'];

/** Port of a service's frontend or of a backend. `name` is '' for the one unnamed port; ports of clusters match by name. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: Protocol;
  /** 1 to 65535. */
  readonly port: number;
}

/** `service.cilium.io/affinity`. */
export type Affinity = 'none' | 'local' | 'remote';

/** `sessionAffinityConfig.clientIP.timeoutSeconds`, as Kubernetes bounds it. */
export const CLIENT_IP_TIMEOUT_SECONDS = { min: 1, max: 86_400, default: 10_800 } as const;

/** Active takes new connections; terminating only keeps the ones it has. */
export type BackendState = 'active' | 'terminating';

/** One address that answers for a service, in one cluster. */
export interface Backend {
  readonly address: IpAddress;
  readonly cluster: ClusterName;
  readonly clusterId: ClusterId;
  readonly state: BackendState;
  /** Sorted by name; the port that each port name has at this address. */
  readonly ports: readonly NamedPort[];
}

/** What the local cluster's own objects say of one Service. */
export interface LocalService {
  readonly key: ServiceKey;
  /** Cluster IPs; empty for a headless service. */
  readonly frontends: readonly IpAddress[];
  /** Sorted by name. */
  readonly ports: readonly NamedPort[];
  readonly global: boolean;
  readonly shared: boolean;
  readonly affinity: Affinity;
  /** As in MeshService. */
  readonly clientIPTimeoutSeconds?: number;
  /** As in MeshService. */
  readonly createdSeconds?: number;
  /** Sorted by address. */
  readonly backends: List<Backend>;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
}

/** What one remote cluster contributes to the global service of that name, after admission. */
export interface RemoteService {
  readonly key: ServiceKey;
  readonly cluster: ClusterName;
  readonly clusterId: ClusterId;
  readonly shared: boolean;
  /** False while the peer is stale: its backends are used only when nothing else is left. */
  readonly fresh: boolean;
  readonly backends: List<Backend>;
}

/** What an agent programs for one service: its frontends, and the backends selected for them. */
export interface MeshService {
  readonly key: ServiceKey;
  readonly frontends: readonly IpAddress[];
  readonly ports: readonly NamedPort[];
  /** `sessionAffinity: ClientIP`: for how long after its last connection a client stays with its backend. Absent: `None`. */
  readonly clientIPTimeoutSeconds?: number;
  /**
   * When the own cluster's Service was made, in whole seconds since the epoch: the older one comes first where not all have room. Absent
   * where nobody knows, which counts as later than every time. What peers say of their exports is not in it: a peer's claim,
   * or its going away, must not take anybody's room.
   */
  readonly createdSeconds?: number;
  /** Sorted by cluster name, then address; an address appears once per cluster. */
  readonly backends: List<Backend>;
}
