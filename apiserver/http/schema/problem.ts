// RFC 9457 problem details: how an operation or a question is refused. Findings that are the reason stand in an extension member.

import { z } from 'zod';
import type { Problem } from '../../../runtime/http.ts';
import { findingSchema } from './report.ts';
import { list } from './shapes.ts';

export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  findings: list(findingSchema).optional().meta({ description: 'Why it was refused' }),
}) satisfies z.ZodType<Problem>;
