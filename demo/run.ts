// Runs the steps one after the other. A step that fails does not keep the next ones from being shown, unless nothing stands on
// which they could be: the first two put up what all others play on.

import { OperationalError } from '../runtime/errors.ts';
import type { Screen } from './screen.ts';
import type { Stage } from './stage.ts';
import type { Step, StepOutcome, StepReport } from './step.ts';

export interface RunOutcome {
  readonly reports: readonly StepReport[];
  /** Every step was run. */
  readonly complete: boolean;
}

export async function runSteps(steps: readonly Step[], stage: Stage, screen: Screen): Promise<RunOutcome> {
  const reports: StepReport[] = [];
  for (const step of steps) {
    if (stage.signal.aborted) return { reports, complete: false };
    screen.stepBegins(step.title);
    const begun = stage.clock.monotonic();
    const outcome = await attempt(step, stage);
    if (outcome === 'interrupted') return { reports, complete: false };
    const report: StepReport = {
      ...outcome,
      name: step.name,
      title: step.title,
      ok: outcome.problems.length === 0,
      durationMs: stage.clock.monotonic() - begun,
    };
    reports.push(report);
    screen.stepEnds(report);
    if (!report.ok && !stage.watched) return { reports, complete: false };
  }
  return { reports, complete: true };
}

/** What is expected to go wrong in a mesh is the step's problem; a bug of the demo itself is nobody's and ends it. */
async function attempt(step: Step, stage: Stage): Promise<StepOutcome | 'interrupted'> {
  try {
    return await step.run(stage);
  } catch (error) {
    if (stage.signal.aborted) return 'interrupted';
    if (!(error instanceof OperationalError)) throw error;
    return { problems: [error.message], figures: {}, lines: [] };
  }
}
