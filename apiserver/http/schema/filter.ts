// What `/v1/conflicts` may be filtered by: the query of the URL, and the flags of `clustermesh diagnose`. What is not known is
// refused, because an answer without findings must not be owed to a typing mistake.

import { z } from 'zod';
import { CATALOGUE } from '../../../mesh/conflict/catalogue.ts';
import type { ReportFilter } from '../../../mesh/conflict/report.ts';
import { parseClusterName, parseServiceKey } from '../../../mesh/model/names.ts';
import { categorySchema, severitySchema } from './report.ts';

const peer = z
  .string()
  .refine((text) => parseClusterName(text).ok, 'is no cluster name')
  .optional();

export const quarantineFilterSchema = z.strictObject({ peer: peer.meta({ description: 'Records of this cluster' }) });

export const filterSchema = z.strictObject({
  peer: peer.meta({ description: 'Findings that name this cluster' }),
  severity: severitySchema.optional(),
  category: categorySchema.optional(),
  code: z
    .enum([...CATALOGUE.keys()])
    .optional()
    .meta({ description: 'A code of docs/findings.md' }),
  service: z
    .string()
    .refine((text) => parseServiceKey(text).ok, 'is not of the form namespace/name')
    .optional()
    .meta({ description: 'Findings that concern this service, namespace/name' }),
}) satisfies z.ZodType<ReportFilter>;
