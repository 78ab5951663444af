// What a report comes down to for a script. Only what the filter left is looked at.

import type { Report } from '../mesh/conflict/report.ts';

export type DiagnoseExit = 0 | 1 | 2 | 3;

export function exitCodeOf({ summary, checks }: Report, strict: boolean): DiagnoseExit {
  const { blocking, error, warning } = summary.by_severity;
  if (blocking + error > 0) return 1;
  if (strict && warning > 0) return 2;
  return checks.some(({ status }) => status === 'passed' || status === 'failed') ? 0 : 3;
}
