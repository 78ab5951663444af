// Endpoints, nodes, identities and services of all clusters change at steady rates. Beside them, one service gains backends, one
// after the other, and loses them again: its way into the maps is what is timed.

import { sleep, systemClock } from '../../../runtime/clock.ts';
import { seededRandom } from '../../../runtime/random.ts';
import { type Figures, figuresOf } from '../../propagation/moments.ts';
import { CHURN_KINDS, type ChurnRates } from '../churn-rates.ts';
import { type Alarm, LinkWatch } from '../link-watch.ts';
import type { MadeChanges } from '../played-churn.ts';
import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import { remoteBackends } from '../size.ts';
import type { MeshStage } from '../stage.ts';
import { setBackends } from './set-backends.ts';

export interface ChurnOptions {
  readonly rates: ChurnRates;
  readonly seconds: number;
  readonly seed: number;
}

export interface Churn {
  readonly rates: ChurnRates;
  readonly seed: number;
  readonly seconds: number;
  /** Milliseconds from a put of a service at a door to the agent's maps, while everything else changes. */
  readonly putToMap: Figures;
  /** Those of which these are the figures. */
  readonly samples: readonly number[];
  /** The same of backends less: the second is in it for which the agent leaves rows that readers may still come to. */
  readonly goneFromMap: Figures;
  /** As made. */
  readonly changesPerSecond: number;
  /** Everybody was there and spoke all the time: who was taken for broken or silent, and when. */
  readonly falseAlarms: readonly Alarm[];
  /** Of one core. */
  readonly cpuPercent: PerProcess<number>;
}

/** A loss takes a second, which is the agent's: gains are the more. */
const GAINS_IN_A_ROW = 20;
/** Between two of them, at most; random, so that no interval of anybody's is met every time. */
const PAUSE_MS_MAX = 60;

export async function churn(
  stage: MeshStage,
  { rates, seconds, seed }: ChurnOptions,
  signal: AbortSignal,
): Promise<Churn> {
  const usual = stage.size.backends;
  const base = remoteBackends(stage.size);
  const random = seededRandom(seed);
  const watch = new LinkWatch(stage);
  await watch.look();
  const used = watchUse(stage);
  const begun = performance.now();
  const isOver = () => performance.now() - begun >= seconds * 1_000;
  await stage.play({ type: 'churn', rates, seed });
  const gains: number[] = [];
  const losses: number[] = [];
  while (!isOver()) {
    for (let more = 1; more <= GAINS_IN_A_ROW && (more === 1 || !isOver()); more += 1) {
      gains.push(await setBackends(stage, usual + more, base + more, signal));
      await watch.lookIfDue();
      await sleep(systemClock, random.next() * PAUSE_MS_MAX, signal);
    }
    losses.push(await setBackends(stage, usual, base, signal));
  }
  const wallMs = performance.now() - begun;
  const use = used();
  const made = await stage.play<MadeChanges>({ type: 'calm' });
  await watch.look();
  return {
    rates,
    seed,
    seconds: wallMs / 1_000,
    putToMap: figuresOf(gains),
    samples: gains,
    goneFromMap: figuresOf(losses),
    changesPerSecond: (CHURN_KINDS.reduce((sum, kind) => sum + made[kind], 0) * 1_000) / wallMs,
    falseAlarms: watch.alarms,
    cpuPercent: forEachProcess((process) => (100 * use[process].cpuMs) / wallMs),
  };
}
