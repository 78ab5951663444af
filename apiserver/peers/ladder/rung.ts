// The connectivity ladder: what must hold, one thing upon the other, before the state of a peer arrives here. A rung says what was
// seen there and how long it took; one that failed says why and what to do, and those above it are skipped, because nothing can
// be said of them.

export const RUNGS = ['name', 'tcp', 'tls', 'authorization', 'etcd', 'card', 'sync'] as const;
export type RungName = (typeof RUNGS)[number];

export interface RungFailure {
  /** `LADDER_…`, or the code of the finding that says the same (docs/findings.md). */
  readonly code: string;
  readonly reason: string;
  /** What to do, one imperative sentence. */
  readonly remedy: string;
}

export type RungResult =
  | { readonly state: 'passed' | 'unknown'; readonly seen: string }
  | { readonly state: 'failed'; readonly seen: string; readonly failure: RungFailure };

export interface Rung {
  readonly rung: RungName;
  readonly state: 'passed' | 'failed' | 'skipped' | 'unknown';
  /** Absent where the rung was skipped. */
  readonly ms?: number;
  /** What was seen; of a skipped rung, why. */
  readonly seen: string;
  readonly failure?: RungFailure;
}

export const passed = (seen: string): RungResult => ({ state: 'passed', seen });
export const unknown = (seen: string): RungResult => ({ state: 'unknown', seen });
export const failed = (seen: string, failure: RungFailure): RungResult => ({ state: 'failed', seen, failure });
