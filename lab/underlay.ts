// What carries the packets of a mesh of the lab, as its clusters see it: places for processes and addresses that reach them.
// Two kinds exist: namespaces that are routed to each other (routed-underlay.ts), and the host's loopback where nothing is
// forwarded (loopback-underlay.ts).

import type { Place } from './place.ts';
import type { ClusterPlan, NodePlan } from './topology.ts';

export interface ServerPorts {
  readonly door: number;
  readonly rpc: number;
  readonly join: number;
  readonly http: number;
}

/** Where a cluster's etcd and API servers run. */
export interface ControlPlace {
  readonly place: Place;
  /** At which the cluster's agents and its peers reach the API servers. */
  readonly address: string;
  /** What the API servers bind. */
  readonly listenAddress: string;
  readonly etcdPort: number;
  /** One for each API server. */
  readonly servers: readonly ServerPorts[];
}

export interface NodePlace {
  readonly plan: NodePlan;
  readonly place: Place;
  /** What the node's agent attaches to and pins in; absent where no packet is forwarded. */
  readonly kernel: { readonly cgroup: string; readonly pinDir: string } | undefined;
}

export interface ClusterPlaces {
  readonly control: ControlPlace;
  readonly nodes: readonly NodePlace[];
}

export interface Underlay {
  /** Whether a packet sent to a pod's address arrives there. */
  readonly forwards: boolean;
  open(): Promise<void>;
  addCluster(plan: ClusterPlan): Promise<ClusterPlaces>;
  /** Makes a node answer for a pod's address. */
  addPodAddress(node: NodePlace, address: string): Promise<void>;
  removePodAddress(node: NodePlace, address: string): Promise<void>;
}
