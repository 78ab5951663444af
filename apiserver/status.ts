// What a mesh API server says of itself at `/v1/status` and `/v1/services`: the wire shapes, read by the CLI, the lab and
// whoever watches a mesh. Fields are only added.

import type { HealthEntry } from '../runtime/health.ts';
import type { PeerLinkState } from './peers/port.ts';

export interface StatusDocument {
  readonly schema_version: 1;
  readonly cluster: { readonly name: string; readonly id: number };
  readonly software: string;
  readonly leader: boolean;
  readonly store: {
    readonly id: string | undefined;
    readonly revision: number | undefined;
    readonly phase: string;
    readonly stale_ms: number | undefined;
  };
  readonly source: { readonly objects: number; readonly problems: readonly SourceProblemDocument[] };
  readonly snapshot: {
    /** The store's id and its epoch; absent while the store is being filled. */
    readonly history: string | undefined;
    readonly revision: number | undefined;
    readonly services: number;
  };
  readonly peers: readonly PeerDocument[];
  readonly agents: readonly AgentDocument[];
  readonly health: Readonly<Record<string, HealthEntry>>;
}

export interface SourceProblemDocument {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly reason: string;
}

export interface PeerDocument extends PeerLinkState {
  readonly admitted: number;
  readonly quarantined: number;
}

export interface AgentDocument {
  readonly node: string;
  readonly connected: boolean;
  /** The revision that the node's kernel holds. */
  readonly revision: number | undefined;
  /** Revisions behind the current snapshot; 0 when the node is up to date. */
  readonly lag: number | undefined;
  readonly services: number;
  readonly backends: number;
  readonly refused: readonly { readonly service: string; readonly code: string; readonly reason: string }[];
  readonly datapath: string;
  readonly last_seen_ms: number;
}

export interface ServicesDocument {
  readonly schema_version: 1;
  readonly revision: number | undefined;
  readonly services: readonly ServiceDocument[];
}

export interface ServiceDocument {
  readonly service: string;
  readonly frontends: readonly string[];
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  readonly affinity: string;
  readonly shared: boolean;
  /** Selected for this cluster's nodes, by cluster. */
  readonly backends_by_cluster: Readonly<Record<string, number>>;
  readonly backends: readonly {
    readonly address: string;
    readonly cluster: string;
    readonly state: string;
    readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  }[];
}
