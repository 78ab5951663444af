// What `clustermesh wait` can wait for, each as a question to one observation of an API server: what is still missing, in words; an
// empty list means that it is reached. Pure: it neither asks nor waits. A condition remembers where it has come to within one
// history of the etcd, and begins again in another.

import type { AgentDocument, ServiceDocument, ServicesDocument, StatusDocument } from '../../apiserver/status.ts';
import { counted } from '../../mesh/model/counted.ts';
import { age } from '../table.ts';

export interface Observation {
  /** Asked before the status, so that what agents are said to hold is compared with something older. */
  readonly services: ServicesDocument | undefined;
  readonly status: StatusDocument;
}

export interface Condition {
  /** `revision 812`. */
  readonly text: string;
  readonly needsServices: boolean;
  missing(seen: Observation): readonly string[];
}

/** Everything up to this revision of the cluster's own etcd is in the maps of every agent. */
export const atRevision = (revision: number): Condition => ({
  text: `revision ${revision}`,
  needsServices: false,
  missing: ({ status }) => beforeRevision(status, revision),
});

/** The service has that many backends, and every agent has programmed the snapshot in which it has. */
export function serviceReady(service: string, backends: number): Condition {
  let since: { readonly history: string | undefined; readonly revision: number } | undefined;
  return {
    text: `${counted(backends, 'backend')} of ${service}`,
    needsServices: true,
    missing({ services, status }) {
      const found = services?.services.find((document) => document.service === service);
      const history = status.snapshot.history;
      if (found === undefined || services?.revision === undefined || usable(found) < backends) {
        since = undefined;
        return [found === undefined ? `no global service ${service}` : `${usable(found)} of ${backends} backends`];
      }
      // The first revision at which it was so counts: in a busy cluster the newest is always a step ahead.
      if (since === undefined || since.history !== history) since = { history, revision: services.revision };
      return [...beforeRevision(status, since.revision), ...refusals(status.agents, service)];
    },
  };
}

/** All that the peers and the own etcd held when the condition was first looked at is in the maps of every agent. */
export function converged(): Condition {
  let begun: { readonly history: string | undefined; readonly peers: ReadonlyMap<string, number> } | undefined;
  let own: number | undefined;
  return {
    text: 'the mesh to converge',
    needsServices: false,
    missing({ status }) {
      const history = status.snapshot.history;
      if (begun === undefined || begun.history !== history) {
        begun = { history, peers: new Map(status.peers.map(({ name, revision }) => [name, revision ?? 0])) };
        own = undefined;
      }
      const target = begun.peers;
      const behind = status.peers.flatMap((peer) => peerMissing(peer, target.get(peer.name)) ?? []);
      const unwell = Object.entries(status.health)
        .filter(([, { state }]) => state !== 'ok')
        .map(([part, { state, reason }]) => `${part} is ${state}: ${reason}`);
      if (behind.length > 0 || unwell.length > 0) return [...unwell, ...behind];
      own ??= status.store.revision;
      return own === undefined ? ['the own etcd has not been read'] : beforeRevision(status, own);
    },
  };
}

type Peer = StatusDocument['peers'][number];

function peerMissing(peer: Peer, revision: number | undefined): string | undefined {
  const { name, phase, synced, unsynced, freshness, reflected } = peer;
  if (phase !== 'live') return `peer ${name} is ${phase}`;
  if (!synced) return `peer ${name}: ${unsynced.length} parts of its state to go`;
  if (freshness !== 'fresh') return `peer ${name} is ${freshness}`;
  // A replica that does not write does not know what is written; the writer says it.
  if (reflected !== undefined && revision !== undefined && reflected < revision) {
    return `peer ${name}: taken over up to ${reflected} of ${revision}`;
  }
  return undefined;
}

function beforeRevision({ snapshot, agents }: StatusDocument, revision: number): readonly string[] {
  const { reached } = snapshot;
  if (snapshot.revision === undefined || reached === undefined) return ['no snapshot yet'];
  if (reached < revision) return [`snapshot at ${reached} of ${revision}`];
  // A change that leaves the services as they are makes no snapshot: agents are not told of it.
  const programmed = Math.min(revision, snapshot.revision);
  return agents.flatMap((agent) => agentMissing(agent, programmed) ?? []);
}

function agentMissing(agent: AgentDocument, revision: number): string | undefined {
  if (!agent.connected) return `node ${agent.node} is gone for ${age(agent.last_seen_ms)}`;
  // Revisions can be compared where a lag can be told.
  if (agent.revision === undefined || agent.lag === undefined) return `node ${agent.node} has programmed nothing yet`;
  return agent.revision < revision ? `node ${agent.node} at ${agent.revision} of ${revision}` : undefined;
}

const refusals = (agents: readonly AgentDocument[], service: string): readonly string[] =>
  agents.flatMap(({ node, refused }) =>
    refused
      .filter((refusal) => refusal.service === service)
      .map(({ code, reason }) => `node ${node} refuses it: [${code}] ${reason}`),
  );

const usable = ({ backends }: ServiceDocument): number => backends.filter(({ state }) => state === 'active').length;

/** An API server that has just started knows none of its agents: this many must have come first. */
export const withAgents = (condition: Condition, count: number): Condition => ({
  ...condition,
  missing(seen) {
    const connected = seen.status.agents.filter((agent) => agent.connected).length;
    const few = connected < count ? [`${connected} of ${count} agents connected`] : [];
    return [...few, ...condition.missing(seen)];
  },
});
