// How long this process has taken to be of use, stage by stage: what an operator looks at when an agent is slow to come back. Each
// stage counts the first time only. Times are from the start of the process where the clock is the process's own.

import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';

/** In the order in which they commonly come; the snapshot may be there before the rows. */
export const STAGES = [
  /** Configuration and modules are loaded. */
  'modules',
  /** An API server has answered. */
  'connected',
  /** The programs are in the kernel, and the maps open. */
  'programs',
  /** Every row of the maps was read. */
  'rows',
  /** What is to be programmed is known. */
  'snapshot',
  /** The maps hold it. */
  'ready',
] as const;
export type Stage = (typeof STAGES)[number];

/** Milliseconds, of the stages that were reached. */
export type StartDocument = { readonly [S in Stage as `${S}_ms`]?: number };

export class StartTimes {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #reached = new Map<Stage, number>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  reached(stage: Stage): void {
    if (this.#reached.has(stage)) return;
    this.#reached.set(stage, this.#clock.monotonic());
    if (stage === 'ready') this.#log.info('the maps hold what is desired', this.#times('Ms'));
  }

  get document(): StartDocument {
    return this.#times('_ms');
  }

  #times<Unit extends string>(unit: Unit): { readonly [S in Stage as `${S}${Unit}`]?: number } {
    const reached = STAGES.flatMap((stage) => {
      const at = this.#reached.get(stage);
      return at === undefined ? [] : [[`${stage}${unit}`, Math.round(at)]];
    });
    return Object.fromEntries(reached);
  }
}
