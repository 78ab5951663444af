// One backend more or less, of a service that has thousands in one cluster: the cost has to follow the change. How long it takes and what
// it costs are two rounds, since looks at the agent cost more than what is looked for.

import { sleep, systemClock } from '../../../runtime/clock.ts';
import { type Figures, figuresOf } from '../../propagation/moments.ts';
import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import { remoteBackends } from '../size.ts';
import type { MeshStage } from '../stage.ts';
import { setBackends } from './set-backends.ts';

export interface LargeService {
  readonly backends: number;
  readonly putToMap: Figures;
  /** Those of which these are the figures. */
  readonly samples: readonly number[];
  readonly goneFromMap: Figures;
  /** Of the service's record, as Cilium's schema has it: what a peer is sent for any change. */
  readonly recordBytes: number;
  /** For each change, as many losses as gains: rows, and what the agent has read, heartbeats and files included. */
  readonly mapWrites: number;
  readonly agentReadBytes: number;
  /** The same; what an idle mesh uses is not in it. */
  readonly cpuMs: PerProcess<number>;
}

const ROUNDS = 3;
const GAINS_IN_A_ROW = 5;
const COST_GAINS = 20;
/** So that no change is gathered with the next, unless something takes longer than this. */
const COST_PAUSE_MS = 300;
const IDLE_MS = 3_000;
/** What was asked before is answered by then. */
const SETTLE_MS = 1_000;

/** `quietly`: nobody asks the programs anything meanwhile. */
export async function largeService(
  stage: MeshStage,
  backends: number,
  quietly: <T>(work: () => Promise<T>) => Promise<T>,
  signal: AbortSignal,
): Promise<LargeService> {
  const usual = stage.size.backends;
  const base = remoteBackends(stage.size) - usual;
  const recordBytes = await stage.play<number>({ type: 'service', backends });
  await setBackends(stage, backends, base + backends, signal);
  const gains: number[] = [];
  const losses: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let more = backends + 1; more <= backends + GAINS_IN_A_ROW; more += 1) {
      gains.push(await setBackends(stage, more, base + more, signal));
    }
    losses.push(await setBackends(stage, backends, base + backends, signal));
  }
  const cost = await quietly(() => costOfChanges(stage, backends, signal));
  await setBackends(stage, usual, base + usual, signal);
  return {
    backends,
    putToMap: figuresOf(gains),
    samples: gains,
    goneFromMap: figuresOf(losses),
    recordBytes,
    ...cost,
  };
}

async function costOfChanges(
  stage: MeshStage,
  backends: number,
  signal: AbortSignal,
): Promise<Pick<LargeService, 'mapWrites' | 'agentReadBytes' | 'cpuMs'>> {
  await sleep(systemClock, SETTLE_MS, signal);
  const idle = watchUse(stage);
  const idleBegun = performance.now();
  await sleep(systemClock, IDLE_MS, signal);
  const idleMs = performance.now() - idleBegun;
  const idleUse = idle();

  const rows = (await stage.agent()).reconcile;
  const used = watchUse(stage);
  const begun = performance.now();
  const change = async (more: number) => {
    await stage.play<number>({ type: 'service', backends: backends + more });
    await sleep(systemClock, COST_PAUSE_MS, signal);
  };
  for (let more = 1; more <= COST_GAINS; more += 1) await change(more);
  for (let more = COST_GAINS - 1; more >= 0; more -= 1) await change(more);
  // The last loss is in the maps once the agent's grace for it is over.
  await sleep(systemClock, IDLE_MS, signal);
  const use = used();
  const share = (performance.now() - begun) / idleMs;
  const { rows_written, rows_removed } = (await stage.agent()).reconcile;
  const changes = 2 * COST_GAINS;
  const each = (during: number, before: number): number => Math.max(0, during - share * before) / changes;
  return {
    mapWrites: (rows_written - rows.rows_written + (rows_removed - rows.rows_removed)) / changes,
    agentReadBytes: use.agent.readBytes / changes,
    cpuMs: forEachProcess((process) => each(use[process].cpuMs, idleUse[process].cpuMs)),
  };
}
