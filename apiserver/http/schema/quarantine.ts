// The documents of `/v1/quarantine` and of a release.

import { z } from 'zod';
import { findingSchema } from './report.ts';
import { instant, list, schemaVersion } from './shapes.ts';

const quarantineEntrySchema = z.object({
  peer: z.string(),
  key: z.string().meta({ description: "The peer's own key" }),
  codes: list(z.string()),
  findings: list(z.string()).meta({ description: 'Fingerprints of the findings that withhold it' }),
  reason: z.string(),
  since: instant,
});

export type QuarantineEntry = z.infer<typeof quarantineEntrySchema>;

export const quarantineSchema = z.object({ schema_version: schemaVersion, records: list(quarantineEntrySchema) });

export const releaseSchema = z.object({
  schema_version: schemaVersion,
  cluster: z.string().meta({ description: 'Whose new state is used from here on' }),
  finding: findingSchema.meta({ description: 'What was decided' }),
  recorded: z.boolean().meta({ description: 'The decision is stored, and survives this process' }),
});

export type ReleaseDocument = z.infer<typeof releaseSchema>;
