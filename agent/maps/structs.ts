// STABLE: where every field of the service maps' rows stands, byte for byte as in Cilium's load-balancer maps, so that its tools
// can read ours. The C side is bpf/include/; a test compares the offsets here with the types in the compiled object. The rows
// themselves are written and read in layout.ts.

import type { Family } from '../../mesh/model/address.ts';

/** A struct in bpf/include/: its size, and the offset of every field by the field's name in C. */
export interface Layout<Field extends string = string> {
  readonly struct: string;
  readonly size: number;
  readonly offsets: Readonly<Record<Field, number>>;
}

/** The same fields for both families, where the addresses in them have different lengths. */
export type FamilyLayout<Field extends string = string> = Readonly<Record<Family, Layout<Field>>>;

const layout = <Field extends string>(
  struct: string,
  size: number,
  offsets: Readonly<Record<Field, number>>,
): Layout<Field> => ({ struct, size, offsets });

export const SERVICE_KEY = {
  4: layout('service4_key', 12, { address: 0, port: 4, slot: 6, protocol: 8, scope: 9, pad: 10 }),
  6: layout('service6_key', 24, { address: 0, port: 16, slot: 18, protocol: 20, scope: 21, pad: 22 }),
} as const;
export const SERVICE_VALUE = layout('service', 12, {
  backend_id: 0,
  count: 4,
  rev_nat_id: 6,
  flags: 8,
  flags2: 9,
  qcount: 10,
});
export const BACKEND_KEY = layout('backend_key', 4, { backend_id: 0 });
export const BACKEND_VALUE = {
  4: layout('backend4', 12, { address: 0, port: 4, protocol: 6, state: 7, cluster_id: 8, zone: 10, pad: 11 }),
  6: layout('backend6', 24, { address: 0, port: 16, protocol: 18, state: 19, cluster_id: 20, zone: 22, pad: 23 }),
} as const;
export const REVERSE_NAT_KEY = layout('reverse_nat_key', 2, { rev_nat_id: 0 });
export const REVERSE_NAT_VALUE = {
  4: layout('reverse_nat4', 6, { address: 0, port: 4 }),
  6: layout('reverse_nat6', 18, { address: 0, port: 16 }),
} as const;
/** Written by the programs alone, read by tests and tools. */
export const REVERSE_SK_KEY = {
  4: layout('reverse_sk4_key', 16, { cookie: 0, address: 8, port: 12, pad: 14 }),
  6: layout('reverse_sk6_key', 32, { cookie: 0, address: 8, port: 24, pad: 26 }),
} as const;
export const REVERSE_SK_VALUE = {
  4: layout('reverse_sk4', 8, { address: 0, port: 4, rev_nat_id: 6 }),
  6: layout('reverse_sk6', 20, { address: 0, port: 16, rev_nat_id: 18 }),
} as const;
/** Of a socket that is connected, at the place that its cookie says. */
export const CONNECTION = layout('connection', 48, {
  cookie: 0,
  service_address: 8,
  backend_address: 24,
  service_port: 40,
  backend_port: 42,
  rev_nat_id: 44,
  family: 46,
  pad: 47,
});
export const CONNECTED_SOCKET = layout('connected_socket', 56, { connection: 0, lock: 48, pad: 52 });
/** What programs tell. TRAFFIC_COUNTS is one CPU's. */
export const TRAFFIC_COUNTS = layout('traffic_counts', 32, {
  translated: 0,
  no_backends: 8,
  no_slot: 16,
  no_memory: 24,
});
export const EVENT_LEASE = layout('event_lease', 16, { until_ns: 0, sample_every: 8, per_second: 12 });
export const EVENT_BUDGET = layout('event_budget', 32, { second: 0, taken: 8, limited: 16, lost: 24 });
export const TRAFFIC_EVENT = layout('traffic_event', 88, {
  time_ns: 0,
  cookie: 8,
  cgroup_id: 16,
  pid: 24,
  cluster_id: 28,
  family: 30,
  protocol: 31,
  service_address: 32,
  backend_address: 48,
  service_port: 64,
  backend_port: 66,
  rev_nat_id: 68,
  cause: 70,
  pad: 71,
  command: 72,
});

/** Written by the programs alone, like the reverse sockets. */
export const AFFINITY_KEY = {
  4: layout('affinity4_key', 16, { client: 0, rev_nat_id: 8, client_kind: 10, pad1: 11, pad2: 12 }),
  6: layout('affinity6_key', 24, { client: 0, rev_nat_id: 16, client_kind: 18, pad1: 19, pad2: 20 }),
} as const;
export const AFFINITY_VALUE = layout('affinity', 16, { last_used: 0, backend_id: 8, slot: 12 });

/** Which identity, cluster and node an address of a peer's pod has. */
export const IPCACHE_KEY = layout('ipcache_key', 24, {
  prefix_length: 0,
  cluster_id: 4,
  pad: 6,
  family: 7,
  address: 8,
});
export const IPCACHE_VALUE = layout('ipcache', 24, {
  identity: 0,
  tunnel_endpoint: 4,
  cluster_id: 20,
  key: 22,
  flags: 23,
});

const both = (of: FamilyLayout): readonly Layout[] => [of[4], of[6]];

export const LAYOUTS: readonly Layout[] = [
  ...both(SERVICE_KEY),
  SERVICE_VALUE,
  BACKEND_KEY,
  ...both(BACKEND_VALUE),
  REVERSE_NAT_KEY,
  ...both(REVERSE_NAT_VALUE),
  ...both(REVERSE_SK_KEY),
  ...both(REVERSE_SK_VALUE),
  CONNECTION,
  CONNECTED_SOCKET,
  TRAFFIC_COUNTS,
  EVENT_LEASE,
  EVENT_BUDGET,
  TRAFFIC_EVENT,
  ...both(AFFINITY_KEY),
  AFFINITY_VALUE,
  IPCACHE_KEY,
  IPCACHE_VALUE,
];
