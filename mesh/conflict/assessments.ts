// Several assessments as one, for a report that takes one beside its own. Each check is made by one of them.

import type { Assessment } from './evaluate.ts';

export const together = (...assessments: readonly Assessment[]): Assessment => ({
  findings: assessments.flatMap(({ findings }) => findings),
  omitted: assessments.flatMap(({ omitted }) => omitted),
  checks: assessments.flatMap(({ checks }) => checks),
});
