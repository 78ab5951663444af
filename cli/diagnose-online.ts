// Asks an API server for its report, and checks that the answer is one: a program of another version is told apart from a mesh
// without findings.

import { z } from 'zod';
import { reportSchema } from '../apiserver/http/schema/report.ts';
import type { Report, ReportFilter } from '../mesh/conflict/report.ts';
import { OperationalError } from '../runtime/errors.ts';
import { getJson } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';

export async function fetchReport(place: ApiPlace, filter: ReportFilter): Promise<Report> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
  const answer = reportSchema.safeParse(await getJson(place, `/v1/conflicts${query.size === 0 ? '' : `?${query}`}`));
  if (answer.success) return answer.data;
  const [first] = answer.error.issues;
  throw new OperationalError({
    code: 'API_UNEXPECTED',
    operation: 'read report',
    subject: place.server,
    reason: first === undefined ? z.prettifyError(answer.error) : `${first.path.join('.')}: ${first.message}`,
    hint: 'use the command of the version that the server has',
    cause: answer.error,
  });
}
