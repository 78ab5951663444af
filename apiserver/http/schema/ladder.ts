// The documents of a ladder as schemas. The types are those of apiserver/peers/ladder; that both say the same is checked by the compiler.

import { z } from 'zod';
import type { ClimbDocument, LadderDocument } from '../../peers/ladder/document.ts';
import { RUNGS } from '../../peers/ladder/rung.ts';
import { instant, list, schemaVersion } from './shapes.ts';

const rungSchema = z.object({
  rung: z.enum(RUNGS),
  state: z.enum(['passed', 'failed', 'skipped', 'unknown']),
  ms: z.number().nullable().meta({ description: 'How long it took; null where it was skipped' }),
  seen: z.string().meta({ description: 'What was seen; of a skipped rung, why' }),
  failure: z
    .object({ code: z.string(), reason: z.string(), remedy: z.string() })
    .nullable()
    .meta({ description: 'Why, and what to do' }),
});

export const climbSchema = z.object({
  at: instant,
  endpoints: list(z.object({ endpoint: z.string(), rungs: list(rungSchema) })),
}) satisfies z.ZodType<ClimbDocument>;

export const ladderSchema = z.object({
  schema_version: schemaVersion,
  cluster: z.string(),
  peer: z.string(),
  ...climbSchema.shape,
}) satisfies z.ZodType<LadderDocument>;
