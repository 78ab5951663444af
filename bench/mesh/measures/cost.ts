// What one change costs each process, when nobody looks on: CPU, and what the agent reads, beyond what an idle mesh uses, to which heartbeats
// and the probe of event loops belong. Told is the median of some rounds of changes. What comes now and then whatever changes is not of the change: the comparison of all maps, once a
// minute, and collections of the whole heap take a second or two of CPU, and wake the event loop thousands of times, each of which
// counts as bytes that were read.

import { sleep, systemClock } from '../../../runtime/clock.ts';
import { figuresOf } from '../../propagation/moments.ts';
import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import type { MeshStage } from '../stage.ts';
import type { Usage } from '../usage.ts';

export interface Cost {
  /** Both for each change; what an idle mesh uses is not in it. */
  readonly cpuMs: PerProcess<number>;
  readonly agentReadBytes: number;
}

/** Keeps the programs from being asked anything. */
export type Quietly = <T>(work: () => Promise<T>) => Promise<T>;

/** So that no change is gathered with the next, unless something takes longer than this. */
const PAUSE_MS = 300;
/** What takes two seconds now and then is in at most two of them. */
const ROUNDS = 5;
const IDLE_ROUND_MS = 1_500;
/** What was asked before is answered by then. */
const SETTLE_MS = 1_000;
/** What is done later, such as rows that are left for a second, is done by then: callers count it. */
const LATER_MS = 3_000;

/** `changes`: at least one for each round. They follow each other without a rest, in which what is paced would be done for few of them. */
export async function costOf(
  stage: MeshStage,
  changes: readonly (() => unknown)[],
  signal: AbortSignal,
): Promise<Cost> {
  await sleep(systemClock, SETTLE_MS, signal);
  const idle: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    idle.push(await usedIn(stage, 0, () => sleep(systemClock, IDLE_ROUND_MS, signal)));
  }
  const busy: Round[] = [];
  const inRound = Math.ceil(changes.length / ROUNDS);
  for (let at = 0; at < changes.length; at += inRound) {
    const some = changes.slice(at, at + inRound);
    const round = await usedIn(stage, some.length, async () => {
      for (const change of some) {
        await change();
        await sleep(systemClock, PAUSE_MS, signal);
      }
    });
    busy.push(round);
  }
  await sleep(systemClock, LATER_MS, signal);
  const beyondIdle = (used: (use: PerProcess<Usage>) => number) => {
    const idleShare = median(idle, ({ use, ms }) => used(use) / ms);
    return Math.max(
      0,
      median(busy, ({ use, ms, changes: count }) => (used(use) - idleShare * ms) / count),
    );
  };
  return {
    cpuMs: forEachProcess((process) => beyondIdle((use) => use[process].cpuMs)),
    agentReadBytes: beyondIdle((use) => use.agent.readBytes),
  };
}

interface Round {
  readonly changes: number;
  readonly ms: number;
  readonly use: PerProcess<Usage>;
}

async function usedIn(stage: MeshStage, changes: number, work: () => Promise<void>): Promise<Round> {
  const begun = performance.now();
  const use = watchUse(stage);
  await work();
  return { changes, use: use(), ms: performance.now() - begun };
}

const median = (rounds: readonly Round[], of: (round: Round) => number): number => figuresOf(rounds.map(of)).p50;
