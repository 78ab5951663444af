// What a check says, and how checks are written down: as rows that look at the observed value and nothing else.

import type { Attempt, PreflightObserved } from './observed.ts';

export interface PreflightCheck {
  /** `capabilities`; `helper:set_retval`, where several are of a kind. */
  readonly id: string;
  readonly title: string;
  /** Unknown is neither: it could not be found out, or does not matter here; the reason says which. */
  readonly status: 'passed' | 'failed' | 'unknown';
  readonly reason?: string;
  /** What to do, where it did not pass. */
  readonly remedy?: string;
  /** The datapath works without: only what the title says does not. */
  readonly optional?: true;
}

export type Verdict = Pick<PreflightCheck, 'status' | 'reason' | 'remedy'>;

export interface CheckRow extends Pick<PreflightCheck, 'id' | 'title' | 'optional'> {
  readonly judge: (observed: PreflightObserved) => Verdict;
}

export const PASSED: Verdict = { status: 'passed' };
export const passed = (reason: string): Verdict => ({ status: 'passed', reason });
export const failed = (reason: string, remedy: string): Verdict => ({ status: 'failed', reason, remedy });
export const unknown = (reason: string, remedy?: string): Verdict => ({
  status: 'unknown',
  reason,
  ...(remedy === undefined ? {} : { remedy }),
});

export function judgeAttempt(attempt: Attempt, remedy: string): Verdict {
  return attempt.ok ? PASSED : failed(attempt.reason, attempt.hint ?? remedy);
}

/** What is left of the rows: each with its verdict. */
export function judgeRows(rows: readonly CheckRow[], observed: PreflightObserved): readonly PreflightCheck[] {
  return rows.map(({ judge, ...row }) => ({ ...row, ...judge(observed) }));
}
