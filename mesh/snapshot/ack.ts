// What an agent reports after a reconcile: what the kernel of its node holds, and what it could not be given.

import type { ServiceKey } from '../model/names.ts';
import type { Position } from './snapshot.ts';

/** One thing that could not be programmed, and why. */
export interface RefusedService {
  readonly service: ServiceKey;
  /** Code of the finding: CM-KERN-001 … */
  readonly code: string;
  readonly reason: string;
}

/** Sent after each reconcile, also a failed one. */
export interface AckReport {
  /** The newest snapshot that is programmed whole, but for `refused`. */
  readonly position: Position;
  /** Services programmed. */
  readonly services: number;
  /** Distinct backends programmed. */
  readonly backends: number;
  /** Everything that was refused; the wire carries the first ones and the total. */
  readonly refused: readonly RefusedService[];
  /** How long the reconcile took. */
  readonly reconcileMicros: number;
  readonly datapath: 'ebpf' | 'memory';
}
