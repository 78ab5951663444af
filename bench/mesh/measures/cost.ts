// What one change costs each process, when nobody looks on: CPU beyond what an idle mesh uses, and what the agent reads.

import { sleep, systemClock } from '../../../runtime/clock.ts';
import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import type { MeshStage } from '../stage.ts';

export interface Cost {
  /** For each change; what an idle mesh uses is not in it. */
  readonly cpuMs: PerProcess<number>;
  /** The same, heartbeats and files included. */
  readonly agentReadBytes: number;
}

/** Keeps the programs from being asked anything. */
export type Quietly = <T>(work: () => Promise<T>) => Promise<T>;

/** So that no change is gathered with the next, unless something takes longer than this. */
const PAUSE_MS = 300;
const IDLE_MS = 3_000;
/** What was asked before is answered by then. */
const SETTLE_MS = 1_000;

export async function costOf(
  stage: MeshStage,
  changes: readonly (() => unknown)[],
  signal: AbortSignal,
): Promise<Cost> {
  await sleep(systemClock, SETTLE_MS, signal);
  const idle = watchUse(stage);
  const idleBegun = performance.now();
  await sleep(systemClock, IDLE_MS, signal);
  const idleMs = performance.now() - idleBegun;
  const idleUse = idle();

  const used = watchUse(stage);
  const begun = performance.now();
  for (const change of changes) {
    await change();
    await sleep(systemClock, PAUSE_MS, signal);
  }
  // What is done later, such as rows that are left for a second, is part of it.
  await sleep(systemClock, IDLE_MS, signal);
  const use = used();
  const share = (performance.now() - begun) / idleMs;
  return {
    cpuMs: forEachProcess(
      (process) => Math.max(0, use[process].cpuMs - share * idleUse[process].cpuMs) / changes.length,
    ),
    agentReadBytes: use.agent.readBytes / changes.length,
  };
}
