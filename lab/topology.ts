// What a mesh of the lab is to look like, and every address in it: pure, so that a whole mesh can be printed before anything is
// made. A cluster has one control place (etcd and API server) and nodes; each node has a slice of the cluster's pods.

import { addressFromBytes } from '../mesh/model/address.ts';
import { type ClusterName, type IpAddress, parseClusterName } from '../mesh/model/names.ts';
import { containsAddress, type Prefix, parsePrefix } from '../mesh/model/prefix.ts';

export interface ClusterSpec {
  readonly name: string;
  readonly id: number;
  /** IPv4. The first node gets a /24 out of the first range, the second out of the second; without one, out of the first. */
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly nodeCIDR: string;
  /** Names, unique in the mesh. */
  readonly nodes: readonly string[];
  readonly tuning?: ClusterTuning;
}

/** What tests make differ from the usual. */
export interface ClusterTuning {
  /** API servers. @default 1 */
  readonly replicas?: number;
  /** How long a peer may be silent. @default the API server's own */
  readonly freshness?: { readonly ageingMs: number; readonly staleMs: number; readonly expiredMs: number };
  /** What its API servers do without. @default nothing */
  readonly withhold?: readonly string[];
  /** What its agents do without. @default nothing */
  readonly agentsWithhold?: readonly string[];
  /** Further arguments of the cluster's etcd. */
  readonly etcdArgs?: readonly string[];
}

export interface ClusterPlan {
  readonly spec: ClusterSpec;
  readonly name: ClusterName;
  readonly controlAddress: IpAddress;
  readonly nodes: readonly NodePlan[];
}

export interface NodePlan {
  readonly name: string;
  readonly address: IpAddress;
  /** All its pods' addresses; routed to it. */
  readonly podCIDR: string;
}

/** The control place is the tenth address of the nodes' range, nodes follow. */
const CONTROL_OFFSET = 10;
/** The first /24 of the pods' range stays free, so that no pod has an address that looks like a network's. */
const FIRST_POD_NETWORK = 1;
/** The first addresses of a range are often taken in real clusters (the API server's service is the first). */
const FIRST_SERVICE_OFFSET = 10;
const FIRST_POD_OFFSET = 10;

export function planCluster(spec: ClusterSpec): ClusterPlan {
  const name = parseClusterName(spec.name);
  if (!name.ok) throw new TypeError(`cluster name ${spec.name}: ${name.error}`);
  return {
    spec,
    name: name.value,
    controlAddress: addressIn(spec.nodeCIDR, CONTROL_OFFSET),
    nodes: spec.nodes.map((node, index) => ({
      name: node,
      address: addressIn(spec.nodeCIDR, CONTROL_OFFSET + 1 + index),
      podCIDR: `${offset(prefixOf(spec.podCIDRs[index] ?? spec.podCIDRs[0] ?? ''), (FIRST_POD_NETWORK + index) * 256)}/24`,
    })),
  };
}

/** The numbers of its API servers. */
export const replicasOf = ({ spec }: ClusterPlan): readonly number[] => [...Array(spec.tuning?.replicas ?? 1).keys()];

/** The `index`-th cluster IP that this lab hands out. */
export const serviceAddress = ({ spec }: ClusterPlan, index: number): IpAddress =>
  addressIn(spec.serviceCIDRs[0] ?? '', FIRST_SERVICE_OFFSET + index);

/** The `index`-th pod address on a node. */
export const podAddress = (node: NodePlan, index: number): IpAddress =>
  addressIn(node.podCIDR, FIRST_POD_OFFSET + index);

const addressIn = (cidr: string, steps: number): IpAddress => offset(prefixOf(cidr), steps);

function prefixOf(cidr: string): Prefix {
  const parsed = parsePrefix(cidr);
  if (!parsed.ok) throw new TypeError(`CIDR ${cidr}: ${parsed.error}`);
  if (parsed.value.prefix.family !== 4) throw new TypeError(`CIDR ${cidr}: the lab's networks are IPv4`);
  return parsed.value.prefix;
}

function offset(prefix: Prefix, steps: number): IpAddress {
  const base = Buffer.from(prefix.bytes).readUInt32BE();
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((base + steps) >>> 0);
  const address = addressFromBytes(bytes);
  if (!containsAddress(prefix, address)) throw new RangeError(`${prefix.text} has no address number ${steps}`);
  return address;
}
