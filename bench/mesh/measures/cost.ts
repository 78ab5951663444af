// What one change costs each process, when nobody looks on: CPU, and what the agent reads, beyond what an idle mesh uses, which is told as
// well. An idle mesh of 250 clusters uses more than its changes do (heartbeats, the probe of event loops), so that both are looked at in
// turn, in windows that each have one heartbeat of every cluster: two idle, four changing, two idle, and so on, so that a mesh that
// comes to use more or less all along does so for both. Told is the mean of the differences between windows of the same turn, and how far
// it may be from what more windows would find. What comes now and then whatever changes falls into few windows and is not in it
// (estimate.ts): the comparison of all maps, once a minute, and collections of the whole heap.

import { WHOLE_MS_PER_BACKEND } from '../../../apiserver/whole-pace.ts';
import { sleep, systemClock } from '../../../runtime/clock.ts';
import { type Estimate, estimate } from '../estimate.ts';
import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import type { MeshStage } from '../stage.ts';
import type { Usage } from '../usage.ts';

export interface Cost {
  /** Milliseconds for each change; what an idle mesh uses is not in it. Below zero where that varies more than the changes cost. */
  readonly cpuMs: PerProcess<Estimate>;
  /** Likewise. */
  readonly agentReadBytes: number;
  /** In percent of one core, of the idle mesh. */
  readonly idleCpuPercent: PerProcess<number>;
  readonly changes: number;
}

/** Keeps the programs from being asked anything. */
export type Quietly = <T>(work: () => Promise<T>) => Promise<T>;

/** So that no change is gathered with the next, unless something takes longer than this. */
const PAUSE_MS = 300;
const CHANGES_IN_WINDOW = 10;
/** As long as from one heartbeat of a played cluster to its next. */
const WINDOW_MS = PAUSE_MS * CHANGES_IN_WINDOW;
/** Windows of a kind that follow each other, since what is written later has to be waited for between the kinds. */
const IN_A_ROW = 2;
/** From the last change until the mesh is idle: rows that are left for a second are gone. */
const SETTLE_MS = 2_000;

export interface Changes {
  /** Of the service that changes: the whole value of a large one is written until so many milliseconds after its last change. */
  readonly backends: number;
  /** Each of four windows with changes and four without. */
  readonly rounds: number;
  /** Is told how many came before it. */
  readonly change: (at: number) => unknown;
}

/** When it returns, the mesh is idle. */
export async function costOf(
  stage: MeshStage,
  { backends, rounds, change }: Changes,
  signal: AbortSignal,
): Promise<Cost> {
  const settle = () => sleep(systemClock, SETTLE_MS + backends * WHOLE_MS_PER_BACKEND, signal);
  let changes = 0;
  const idle = () => usedIn(stage, () => sleep(systemClock, WINDOW_MS, signal));
  const changing = () =>
    usedIn(stage, async () => {
      for (let more = 0; more < CHANGES_IN_WINDOW; more += 1) {
        const next = sleep(systemClock, PAUSE_MS, signal);
        await Promise.all([change(changes), next]);
        changes += 1;
      }
    });
  const inARow = async (take: () => Promise<Window>): Promise<readonly Window[]> => {
    const windows: Window[] = [];
    for (let at = 0; at < IN_A_ROW; at += 1) windows.push(await take());
    return windows;
  };
  const windows: Pair[] = [];
  await settle();
  for (let round = 0; round < rounds; round += 1) {
    const before = await inARow(idle);
    const [first, second] = [await inARow(changing), await inARow(changing)];
    await settle();
    windows.push(...pairs(before, first), ...pairs(await inARow(idle), second));
  }
  const beyondIdle = (used: (use: PerProcess<Usage>) => number): Estimate =>
    estimate(
      windows.map((pair) => (used(pair.changing.use) - rate(used, pair.idle) * pair.changing.ms) / CHANGES_IN_WINDOW),
    );
  const cpu = (process: keyof PerProcess<unknown>) => (use: PerProcess<Usage>) => use[process].cpuMs;
  return {
    cpuMs: forEachProcess((process) => beyondIdle(cpu(process))),
    agentReadBytes: beyondIdle((use) => use.agent.readBytes).mean,
    idleCpuPercent: forEachProcess(
      (process) => estimate(windows.map((pair) => 100 * rate(cpu(process), pair.idle))).mean,
    ),
    changes,
  };
}

interface Window {
  readonly ms: number;
  readonly use: PerProcess<Usage>;
}

/** Close to each other, in either order. */
interface Pair {
  readonly idle: Window;
  readonly changing: Window;
}

const pairs = (idle: readonly Window[], changing: readonly Window[]): readonly Pair[] =>
  idle.flatMap((window, at) => (changing[at] === undefined ? [] : [{ idle: window, changing: changing[at] }]));

const rate = (used: (use: PerProcess<Usage>) => number, { use, ms }: Window): number => used(use) / ms;

async function usedIn(stage: MeshStage, work: () => Promise<void>): Promise<Window> {
  const begun = performance.now();
  const use = watchUse(stage);
  await work();
  return { use: use(), ms: performance.now() - begun };
}
