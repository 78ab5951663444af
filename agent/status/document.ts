// What an agent says of itself at `/v1/status`: the wire shape, and how it is made. Fields are only added.

import type { Clock } from '../../runtime/clock.ts';
import type { Health, HealthEntry } from '../../runtime/health.ts';
import type { AddressReport } from '../addresses/programmer.ts';
import type { Refusal } from '../desired/frontend.ts';
import { forEachMap, type MapName, type ServiceMaps } from '../maps/port.ts';
import type { Programmer } from '../reconcile/programmer.ts';
import { NO_SOCKETS_REPORT, type SocketsReport } from '../sockets/closer.ts';
import type { UpstreamState } from '../upstream/port.ts';
import type { StartDocument } from './start-times.ts';

export interface AgentStatusDocument {
  readonly schema_version: 1;
  readonly node: string;
  readonly cluster: string;
  readonly software: string;
  /** `memory` forwards no packet. */
  readonly datapath: 'ebpf' | 'memory';
  readonly upstream: {
    readonly connected: boolean;
    readonly server: string | undefined;
    /** Since no API server has been heard; absent while connected. */
    readonly stale_ms: number | undefined;
    readonly last_error: string | undefined;
  };
  /** What the API server wants programmed. */
  readonly snapshot: {
    /** The etcd and its epoch that `revision` counts in; revisions of two histories cannot be compared. */
    readonly history: string | undefined;
    readonly revision: number | undefined;
    readonly services: number;
  };
  /** What is programmed. */
  readonly programmed: {
    readonly history: string | undefined;
    readonly revision: number | undefined;
    readonly services: number;
    readonly frontends: number;
    readonly backends: number;
    readonly last_reconcile_micros: number | undefined;
  };
  /** How long after the start of the process each stage was reached first. */
  readonly start: StartDocument;
  /** What has changed and is not programmed yet: services to be compared, frontends and backends whose rows may differ. */
  readonly waiting: Readonly<Record<'services' | 'frontends' | 'backends', number>>;
  readonly refused: readonly Refusal[];
  readonly maps: Readonly<Record<MapName, { readonly entries: number | undefined; readonly size: number }>>;
  readonly ids: Readonly<Record<'services' | 'backends', { readonly in_use: number; readonly resting: number }>>;
  readonly reconcile: {
    readonly rows_written: number;
    readonly rows_removed: number;
    readonly failures: number;
    readonly dumps: number;
    /** Rows that somebody else had changed, and that were put right. */
    readonly drift: number;
  };
  /** Sockets of withdrawn backends. */
  readonly sockets: {
    readonly destroyed: Readonly<Record<'tcp' | 'udp', number>>;
    readonly failed: number;
    readonly namespaces: number;
    /** Of those, the ones whose sockets could not be looked at. */
    readonly namespaces_unreachable: number;
    /** Processes whose namespace could not be found out. */
    readonly hidden_processes: number;
    readonly sweeps: number;
    readonly last_sweep_micros: number | undefined;
    readonly last_error: string | undefined;
  };
  /** Of the ipcache: whose the addresses of peers' pods are. */
  readonly addresses: AddressReport;
  readonly health: Readonly<Record<string, HealthEntry>>;
}

export interface StatusDeps {
  readonly addresses: AddressReport;
  readonly node: string;
  readonly cluster: string;
  readonly software: string;
  readonly maps: ServiceMaps;
  readonly programmer: Programmer;
  readonly upstream: { readonly state: UpstreamState };
  readonly health: Health;
  readonly clock: Clock;
  readonly start: { readonly document: StartDocument };
  /** Undefined where none are closed. */
  readonly sockets: SocketsReport | undefined;
}

export function agentStatus(deps: StatusDeps): AgentStatusDocument {
  const { programmer, maps, upstream, clock } = deps;
  const { staleSince, connected, server, lastError } = upstream.state;
  const { snapshot, programmed, reconciler } = programmer;
  const { counters, ids, image } = reconciler;
  const use = (map: MapName) => ({ entries: image?.rows(map), size: maps.info(map).maxEntries });
  return {
    schema_version: 1,
    node: deps.node,
    cluster: deps.cluster,
    software: deps.software,
    datapath: maps.kind,
    upstream: {
      connected,
      server,
      stale_ms: staleSince === undefined ? undefined : Math.round(clock.monotonic() - staleSince),
      last_error: lastError,
    },
    snapshot: {
      history: snapshot?.position.storeId,
      revision: snapshot?.position.revision,
      services: snapshot?.services.size ?? 0,
    },
    programmed: {
      history: programmed?.position.storeId,
      revision: programmed?.position.revision,
      services: programmed?.services ?? 0,
      frontends: programmer.desired.counts.reverseNat + programmer.desired.counts.reverseNat6,
      backends: programmed?.backends ?? 0,
      last_reconcile_micros: programmed?.reconcileMicros,
    },
    start: deps.start.document,
    waiting: { services: programmer.waiting, ...reconciler.waiting },
    refused: programmer.refusals(),
    maps: forEachMap(use),
    ids: {
      services: { in_use: ids.services.inUse, resting: ids.services.resting },
      backends: { in_use: ids.backends.inUse, resting: ids.backends.resting },
    },
    reconcile: {
      rows_written: counters.written,
      rows_removed: counters.removed,
      failures: counters.failures,
      dumps: counters.dumps,
      drift: counters.drift,
    },
    sockets: describeSockets(deps.sockets ?? NO_SOCKETS_REPORT),
    addresses: deps.addresses,
    health: Object.fromEntries(deps.health.entries),
  };
}

const describeSockets = (report: SocketsReport): AgentStatusDocument['sockets'] => ({
  destroyed: { tcp: report.destroyed.TCP, udp: report.destroyed.UDP },
  failed: report.failed,
  namespaces: report.namespaces,
  namespaces_unreachable: report.unreachable,
  hidden_processes: report.hiddenProcesses,
  sweeps: report.sweeps,
  last_sweep_micros: report.lastSweepMicros,
  last_error: report.lastError,
});
