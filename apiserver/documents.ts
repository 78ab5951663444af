// Makes the status and services documents from what the parts hold at the moment of asking.

import type { ServiceKey } from '../mesh/model/names.ts';
import type { LocalService, MeshService } from '../mesh/model/service.ts';
import type { MeshSnapshot, Position } from '../mesh/snapshot/snapshot.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import type { PeerProgress } from './convergence/reflection.ts';
import type { ClimbDocument } from './peers/ladder/document.ts';
import type { PeerLinkState } from './peers/port.ts';
import type { AgentStatus } from './rpc/agent-registry.ts';
import type {
  AgentDocument,
  ServiceDocument,
  ServicesDocument,
  SourceProblemDocument,
  StatusDocument,
} from './status.ts';
import type { MirrorState } from './store/port.ts';

export interface StatusParts {
  readonly cluster: { readonly name: string; readonly id: number };
  readonly software: string;
  readonly leader: boolean;
  readonly mirror: MirrorState;
  readonly clock: Clock;
  readonly objects: number;
  readonly problems: readonly SourceProblemDocument[];
  readonly snapshot: MeshSnapshot | undefined;
  /** Everything up to here is in the snapshot. */
  readonly reached: Position | undefined;
  readonly peers: readonly PeerLinkState[];
  readonly outcome: (peer: PeerLinkState) => { readonly admitted: number; readonly quarantined: number };
  /** Absent on a replica that does not write. */
  readonly progress: (peer: PeerLinkState) => PeerProgress | undefined;
  /** The last look at the way to it; absent where nobody had to look. */
  readonly ladder: (peer: PeerLinkState) => ClimbDocument | undefined;
  readonly agents: readonly AgentStatus[];
  readonly health: Health;
}

export function statusDocument(parts: StatusParts): StatusDocument {
  const { mirror, clock, snapshot } = parts;
  return {
    schema_version: 1,
    cluster: parts.cluster,
    software: parts.software,
    leader: parts.leader,
    store: {
      id: mirror.position?.storeId,
      revision: mirror.position?.revision,
      phase: mirror.phase,
      stale_ms: mirror.staleSince === undefined ? undefined : Math.round(clock.monotonic() - mirror.staleSince),
    },
    source: { objects: parts.objects, problems: parts.problems },
    snapshot: {
      history: snapshot?.position.storeId,
      revision: snapshot?.position.revision,
      reached: parts.reached?.revision,
      services: snapshot?.services.size ?? 0,
    },
    peers: parts.peers.map((peer) => ({
      ...peer,
      ...parts.outcome(peer),
      ...progressOf(parts.progress(peer)),
      ladder: parts.ladder(peer),
    })),
    agents: parts.agents.map(agentDocument),
    health: Object.fromEntries(parts.health.entries),
  };
}

const progressOf = (progress: PeerProgress | undefined) =>
  progress === undefined ? {} : { reflected: progress.reflected, lag_ms: Math.round(progress.lagMs) };

function agentDocument(agent: AgentStatus): AgentDocument {
  return {
    node: agent.node,
    connected: agent.connected,
    revision: agent.position?.revision,
    lag: agent.lagRevisions,
    lag_ms: agent.lagMs === undefined ? undefined : Math.round(agent.lagMs),
    services: agent.services,
    backends: agent.backends,
    refused: agent.refused,
    datapath: agent.datapath,
    last_seen_ms: Math.round(agent.lastSeenMs),
  };
}

/** `local` is what the own cluster says of the service; the snapshot has what was selected for its nodes. */
export function servicesDocument(
  snapshot: MeshSnapshot | undefined,
  local: (key: ServiceKey) => LocalService | undefined,
): ServicesDocument {
  const services = [...(snapshot?.services.values() ?? [])].map((service) =>
    serviceDocument(service, local(service.key)),
  );
  services.sort((a, b) => (a.service < b.service ? -1 : 1));
  return { schema_version: 1, revision: snapshot?.position.revision, services };
}

function serviceDocument(service: MeshService, local: LocalService | undefined): ServiceDocument {
  const byCluster: Record<string, number> = {};
  for (const { cluster } of service.backends) byCluster[cluster] = (byCluster[cluster] ?? 0) + 1;
  return {
    service: service.key,
    frontends: service.frontends,
    ports: service.ports,
    affinity: local?.affinity ?? 'none',
    shared: local?.shared ?? false,
    backends_by_cluster: byCluster,
    backends: Array.from(service.backends, ({ address, cluster, state, ports }) => ({
      address,
      cluster,
      state,
      ports,
    })),
  };
}
