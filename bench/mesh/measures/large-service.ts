// One backend more or less, of a service that has thousands in one cluster: the cost has to follow the change. How long it takes and what
// it costs are two rounds, since looks at the agent cost more than what is looked for.

import { sleep, systemClock } from '../../../runtime/clock.ts';
import { type Figures, figuresOf } from '../../propagation/moments.ts';
import { remoteBackends } from '../size.ts';
import type { MeshStage } from '../stage.ts';
import { type Cost, costOf, type Quietly } from './cost.ts';
import { setBackends } from './set-backends.ts';

export interface LargeService extends Cost {
  readonly backends: number;
  readonly putToMap: Figures;
  /** Those of which these are the figures. */
  readonly samples: readonly number[];
  readonly goneFromMap: Figures;
  /** Of the service's record, as Cilium's schema has it: what a peer that does not read pieces is sent for any change. */
  readonly recordBytes: number;
  /** Rows for each change, of as many losses as gains. */
  readonly mapWrites: number;
}

/** After a pass that brought thousands of backends the view lets others come for up to half a second, which is not of a single change. */
const REST_MS = 1_000;
const ROUNDS = 3;
const GAINS_IN_A_ROW = 5;
/** After so many gains as many losses, so that it stays about as large as it is. */
const GAINS_BEFORE_LOSSES = 20;

export async function largeService(
  stage: MeshStage,
  backends: number,
  rounds: number,
  quietly: Quietly,
  signal: AbortSignal,
): Promise<LargeService> {
  const usual = stage.size.backends;
  const base = remoteBackends(stage.size) - usual;
  const recordBytes = await stage.play<number>({ type: 'service', backends });
  await setBackends(stage, backends, base + backends, signal);
  await sleep(systemClock, REST_MS, signal);
  const gains: number[] = [];
  const losses: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let more = backends + 1; more <= backends + GAINS_IN_A_ROW; more += 1) {
      gains.push(await setBackends(stage, more, base + more, signal));
    }
    losses.push(await setBackends(stage, backends, base + backends, signal));
  }
  const change = (at: number) => {
    const turn = (at + 1) % (2 * GAINS_BEFORE_LOSSES);
    const more = turn <= GAINS_BEFORE_LOSSES ? turn : 2 * GAINS_BEFORE_LOSSES - turn;
    return stage.play<number>({ type: 'service', backends: backends + more });
  };
  const rows = (await stage.agent()).reconcile;
  const cost = await quietly(() => costOf(stage, { backends, rounds, change }, signal));
  const { rows_written, rows_removed } = (await stage.agent()).reconcile;
  await setBackends(stage, usual, base + usual, signal);
  return {
    ...cost,
    backends,
    putToMap: figuresOf(gains),
    samples: gains,
    goneFromMap: figuresOf(losses),
    recordBytes,
    mapWrites: (rows_written - rows.rows_written + (rows_removed - rows.rows_removed)) / cost.changes,
  };
}
