// What is said of a climb: to the HTTP API, and in status. Fields are only added.

import type { ClusterName } from '../../../mesh/model/names.ts';
import type { EndpointLadder } from './ladder.ts';
import type { RungFailure, RungName } from './rung.ts';

export interface ClimbDocument {
  /** When it was looked, RFC 3339 UTC. */
  readonly at: string;
  readonly endpoints: readonly EndpointDocument[];
}

export interface LadderDocument extends ClimbDocument {
  readonly schema_version: 1;
  readonly cluster: string;
  readonly peer: string;
}

export interface EndpointDocument {
  readonly endpoint: string;
  readonly rungs: readonly RungDocument[];
}

export interface RungDocument {
  readonly rung: RungName;
  readonly state: 'passed' | 'failed' | 'skipped' | 'unknown';
  /** Null where the rung was skipped. */
  readonly ms: number | null;
  readonly seen: string;
  readonly failure: RungFailure | null;
}

export const climbDocument = (endpoints: readonly EndpointLadder[], now: number): ClimbDocument => ({
  at: new Date(now).toISOString(),
  endpoints: endpoints.map(({ endpoint, rungs }) => ({
    endpoint,
    rungs: rungs.map(({ rung, state, ms = null, seen, failure = null }) => ({ rung, state, ms, seen, failure })),
  })),
});

export const ladderDocument = (cluster: ClusterName, peer: ClusterName, climb: ClimbDocument): LadderDocument => ({
  schema_version: 1,
  cluster,
  peer,
  ...climb,
});
