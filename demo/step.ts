// One step of the demo: shows one thing, with figures, and says whether it was so.

import type { Finding } from '../mesh/conflict/finding.ts';
import type { Stage } from './stage.ts';

export type Figure = number | string | Readonly<Record<string, number>>;

export interface StepOutcome {
  /** What was not as it should be; empty when the step showed what it is there to show. */
  readonly problems: readonly string[];
  /** By name in snake_case, units last. */
  readonly figures: Readonly<Record<string, Figure>>;
  /** The same for people, a line each. */
  readonly lines: readonly string[];
  readonly findings?: readonly Finding[];
}

export interface Step {
  readonly name: string;
  /** What is shown, as a sentence without its period. */
  readonly title: string;
  readonly run: (stage: Stage) => Promise<StepOutcome>;
}

/** A step as it went. */
export interface StepReport extends StepOutcome {
  readonly name: string;
  readonly title: string;
  readonly ok: boolean;
  readonly durationMs: number;
}

/** Collects what is not as it should be. */
export class Expectations {
  readonly problems: string[] = [];

  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.problems.push(otherwise);
  }
}
