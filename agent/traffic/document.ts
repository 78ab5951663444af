// Traffic as it is shown: events and counters with names instead of numbers, from what the agent knows when they are read. Pure.
// Fields are only added.

import type { ClusterId, ClusterName, IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import { type FrontendName, frontendName, placeName } from '../desired/names.ts';
import type { TrafficEvent } from './event.ts';
import type { MissedEvents, RefusalCause, ServiceCounts } from './port.ts';

/** What gives traffic its names. */
export interface TrafficNames {
  readonly node: string;
  readonly clusters: ReadonlyMap<ClusterName, ClusterId>;
  serviceOf(frontend: FrontendName): ServiceKey | undefined;
  /** Of a peer's pod, as the ipcache has it. */
  peerOf(
    address: IpAddress,
  ): { readonly identity: number; readonly node: string | null; readonly pod: string | null } | undefined;
  /** By service id, the frontends that are in the maps; undefined while that is not known. */
  frontends(): ReadonlyMap<number, FrontendName> | undefined;
}

export interface TrafficEventDocument {
  readonly time: string;
  /** Where the client is. */
  readonly node: string;
  readonly client: {
    readonly command: string;
    readonly pid: number;
    readonly cgroup_id: string;
    readonly socket_cookie: string;
  };
  readonly protocol: 'TCP' | 'UDP';
  readonly family: 4 | 6;
  /** `namespace/name`; null where the agent knows no service with this frontend (any more). */
  readonly service: string | null;
  /** `172.20.0.10:80` */
  readonly frontend: string;
  /** Absent where the call was refused. */
  readonly backend?: {
    readonly address: string;
    readonly cluster: string;
    /** Of a peer's pod, where the ipcache has it; node and pod where they are known. */
    readonly identity?: number;
    readonly node?: string;
    readonly pod?: string;
  };
  readonly refused?: RefusalCause;
}

/** Events that were not told while somebody observed. */
export interface MissedDocument extends MissedEvents {
  /** Another version's, or damaged. */
  readonly unreadable: number;
}

export interface RecentTrafficDocument {
  readonly schema_version: 1;
  /** Whether events are told now; else there are none of what happens now. */
  readonly listening: boolean;
  readonly events: readonly TrafficEventDocument[];
  readonly missed: MissedDocument;
}

export interface TrafficCountersDocument {
  readonly schema_version: 1;
  readonly node: string;
  readonly services: readonly ServiceCountersDocument[];
}

export interface ServiceCountersDocument extends ServiceCounts {
  readonly frontend: string;
  readonly service: string | null;
}

export interface TrafficFilter {
  readonly service?: string;
  readonly cluster?: string;
  readonly refused: boolean;
}

/** `wallMs`: when it was, in milliseconds since the Unix epoch. */
export function describeEvent(event: TrafficEvent, names: TrafficNames, wallMs: number): TrafficEventDocument {
  const { client, protocol, service, outcome } = event;
  const name = frontendName({ address: service.address, port: service.port, protocol });
  return {
    time: new Date(wallMs).toISOString(),
    node: names.node,
    client: {
      command: client.command,
      pid: client.pid,
      cgroup_id: String(client.cgroupId),
      socket_cookie: String(client.socketCookie),
    },
    protocol,
    family: service.address.includes(':') ? 6 : 4,
    service: names.serviceOf(name) ?? null,
    frontend: placeName(service),
    ...('refused' in outcome ? { refused: outcome.refused } : { backend: describeBackend(outcome.backend, names) }),
  };
}

function describeBackend(
  backend: { readonly address: IpAddress; readonly port: number; readonly clusterId: number },
  names: TrafficNames,
): NonNullable<TrafficEventDocument['backend']> {
  const peer = names.peerOf(backend.address);
  return {
    address: placeName(backend),
    cluster: clusterOf(names, backend.clusterId),
    ...(peer === undefined ? {} : { identity: peer.identity }),
    ...(peer?.node ? { node: peer.node } : {}),
    ...(peer?.pod ? { pod: peer.pod } : {}),
  };
}

/** Services by the order of their frontends' names; ids that no frontend has any more are left out. */
export function describeCounts(
  counts: ReadonlyMap<number, ServiceCounts>,
  names: TrafficNames,
): TrafficCountersDocument {
  const frontends = names.frontends() ?? new Map<number, FrontendName>();
  const services = [...counts].flatMap(([id, { translated, refused }]): ServiceCountersDocument[] => {
    const frontend = frontends.get(id);
    if (frontend === undefined) return [];
    return [{ frontend, service: names.serviceOf(frontend) ?? null, translated, refused }];
  });
  services.sort((a, b) => (a.frontend < b.frontend ? -1 : 1));
  return { schema_version: 1, node: names.node, services };
}

/** A refused call reached no cluster: with a cluster asked for, it does not fit. */
export const fitsFilter = (event: TrafficEventDocument, { service, cluster, refused }: TrafficFilter): boolean =>
  (service === undefined || event.service === service) &&
  (cluster === undefined || event.backend?.cluster === cluster) &&
  (!refused || event.refused !== undefined);

function clusterOf({ clusters }: TrafficNames, id: number): string {
  for (const [name, clusterId] of clusters) if (clusterId === id) return name;
  return `#${id}`;
}
