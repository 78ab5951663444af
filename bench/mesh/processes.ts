// The processes that a run measures, and what they have used over a time.

import type { MeshStage, Process } from './stage.ts';
import { type Usage, usedSince } from './usage.ts';

export const PROCESSES: readonly Process[] = ['apiserver', 'agent', 'etcd', 'player'];

export type PerProcess<T> = Readonly<Record<Process, T>>;

export function forEachProcess<T>(of: (process: Process) => T): PerProcess<T> {
  return Object.fromEntries(PROCESSES.map((process) => [process, of(process)])) as PerProcess<T>;
}

/** From now on; each call says what was used until then. */
export function watchUse(stage: MeshStage): () => PerProcess<Usage> {
  const before = forEachProcess(stage.usage);
  return () => forEachProcess((process) => usedSince(before[process], stage.usage(process)));
}
