// The report of a folder: the same judgement that an API server makes of what it receives.

import { reportOf } from '../../mesh/conflict/evaluate.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import { readMesh } from './read-mesh.ts';

export async function offlineReport(folder: string, now: number): Promise<Report> {
  const { evaluation } = await readMesh(folder, now);
  return reportOf(evaluation, { now });
}
