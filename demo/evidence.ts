// How the demo sees who serves the service for clients on west: by what answers real requests, or, where no packet is
// forwarded, by what a node has programmed. Times are milliseconds since the epoch.

import type { Answer } from '../lab/client-result.ts';

export type Matches = (backend: Answer) => boolean;

/** What was seen from some moment on. */
export interface Sample {
  /** Zero where no packet is forwarded. */
  readonly requests: number;
  readonly failed: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Requests by the cluster that answered; programmed backends by cluster where no packet is forwarded. */
  readonly byCluster: Readonly<Record<string, number>>;
}

export interface Evidence {
  readonly kind: 'requests' | 'programmed';
  /** What `byCluster` counts. */
  readonly unit: 'requests' | 'programmed backends';
  now(): number;
  /** How long after `since` a backend that matches served first; undefined when it did not in time. */
  untilServed(matches: Matches, since: number): Promise<number | undefined>;
  /** How long after `since` only backends that match served, from then on; undefined when others did not stop in time. */
  untilOnly(matches: Matches, since: number): Promise<number | undefined>;
  /** Whether a backend that matches has served since then. */
  hasServed(matches: Matches, since: number): Promise<boolean>;
  /** Waits until enough was seen since then to say who serves. */
  sample(since: number): Promise<Sample>;
  /** What was seen since then so far. */
  seen(since: number): Promise<Sample>;
  stop(): Promise<void>;
}

/** Whatever is slower than this is not convergence but a fault. */
export const SERVED_WITHIN_MS = 20_000;
