// What one change costs each process, when nobody looks on: CPU beyond what an idle mesh uses, and what the agent reads.

import { sleep, systemClock } from '../../../runtime/clock.ts';
import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import type { MeshStage, Process } from '../stage.ts';
import type { Usage } from '../usage.ts';

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
/** Idle times and changes in turn: what an idle mesh uses comes in bursts, and what it is at one moment it is not a quarter of a minute later. */
const ROUNDS = 5;
const IDLE_MS = 2_000;
/** V8 gives back memory some ten seconds after a load, in collections of the whole heap: they are of that load, and not of the changes. */
const REST_MS = 15_000;
/** What is done later, such as rows that are left for a second, is done by then. */
const SETTLE_MS = 1_500;

export async function costOf(
  stage: MeshStage,
  changes: readonly (() => unknown)[],
  signal: AbortSignal,
): Promise<Cost> {
  const idle = new Used(stage);
  const busy = new Used(stage);
  const inRound = Math.ceil(changes.length / ROUNDS);
  await sleep(systemClock, REST_MS, signal);
  for (let at = 0; at < changes.length; at += inRound) {
    await idle.during(() => sleep(systemClock, IDLE_MS, signal));
    await busy.during(async () => {
      for (const change of changes.slice(at, at + inRound)) {
        await change();
        await sleep(systemClock, PAUSE_MS, signal);
      }
      await sleep(systemClock, SETTLE_MS, signal);
    });
  }
  const share = busy.ms / idle.ms;
  return {
    cpuMs: forEachProcess((process) => Math.max(0, busy.cpuMs(process) - share * idle.cpuMs(process)) / changes.length),
    agentReadBytes: busy.agentReadBytes / changes.length,
  };
}

/** What was used in all the times together that it was asked to look at. */
class Used {
  readonly #stage: MeshStage;
  readonly #found: PerProcess<Usage>[] = [];
  #ms = 0;

  constructor(stage: MeshStage) {
    this.#stage = stage;
  }

  async during(work: () => Promise<void>): Promise<void> {
    const begun = performance.now();
    const use = watchUse(this.#stage);
    await work();
    this.#found.push(use());
    this.#ms += performance.now() - begun;
  }

  get ms(): number {
    return this.#ms;
  }

  get agentReadBytes(): number {
    return this.#found.reduce((sum, { agent }) => sum + agent.readBytes, 0);
  }

  cpuMs(process: Process): number {
    return this.#found.reduce((sum, use) => sum + use[process].cpuMs, 0);
  }
}
