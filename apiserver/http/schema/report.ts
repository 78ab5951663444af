// The report of `/v1/conflicts` as a schema: what the published OpenAPI document is made of, and what a reader of another version
// checks an answer with. The types are those of mesh/conflict, which has no validator; that both say the same is checked by the
// compiler below and by a test on real reports.

import { z } from 'zod';
import { CATEGORIES, type Finding, SEVERITIES } from '../../../mesh/conflict/finding.ts';
import type { Report } from '../../../mesh/conflict/report.ts';
import { count, instant, json, list, schemaVersion } from './shapes.ts';

export const severitySchema = z.enum(SEVERITIES);
export const categorySchema = z.enum(CATEGORIES);

const thing = {
  kind: z.string().meta({ description: 'What kind of thing: pod-cidr, service, identity, node …' }),
  key: z.string().meta({ description: 'Where it is written' }),
  value: z.string().meta({ description: 'What it says' }),
};
const party = z.object({ cluster: z.string(), ...thing });
const parties = z.object({ clusters: list(z.string()), ...thing });

const effect = z
  .object({
    withheld: z.object({
      clusters: list(z.string()).meta({ description: 'Peers that are held back whole' }),
      endpoints: count,
      backends: count,
      nodes: count,
      identities: count,
      ports: count,
      specs: count.meta({ description: 'What clusters say of how they export services' }),
      examples: list(z.string()).meta({ description: 'A few of the keys, the first in key order' }),
    }),
    services: list(z.string()).meta({ description: 'namespace/name of services that lose backends or ports' }),
    services_total: count,
  })
  .meta({ description: 'What this cluster withholds because of the finding' });

export const findingSchema = z.object({
  code: z.string().meta({ description: 'Stable, see docs/findings.md', examples: ['CM-CIDR-001'] }),
  severity: severitySchema,
  category: categorySchema,
  title: z.string(),
  subject: party.meta({ description: 'The loser; where there is none, the first by name' }),
  other: z.union([party, parties]).nullable(),
  evidence: z.record(z.string(), json),
  winner: z.string().nullable(),
  effect,
  since: instant,
  last_seen: instant,
  remediation: z.string(),
  docs: z.string().meta({ description: 'Anchor in docs/findings.md' }),
  fingerprint: z.string().meta({ description: 'Stable name of the finding', examples: ['c06d1d557157a29a'] }),
}) satisfies z.ZodType<Finding>;

const check = z
  .object({
    code: z.string(),
    title: z.string(),
    category: categorySchema,
    status: z.enum(['passed', 'failed', 'skipped', 'unknown']),
    reason: z.string(),
  })
  .meta({ description: 'One row of the catalogue, and whether it was looked at' });

const peer = z.object({
  name: z.string(),
  plain: z.boolean().meta({ description: 'A plain Cilium cluster: it has no card' }),
  freshness: z.enum(['fresh', 'ageing', 'stale', 'expired']).nullable(),
  age_ms: z.number().nullable().meta({ description: 'Since its last heartbeat; null when none was seen' }),
  synced: z.boolean().nullable(),
  records: count,
  admitted: count,
  quarantined: count,
});

export const reportSchema = z.object({
  schema_version: schemaVersion,
  generated_at: instant,
  cluster: z.string().nullable(),
  revision: count.nullable(),
  verdict: z.enum(['ok', 'degraded', 'blocked', 'unknown']),
  summary: z.object({
    by_severity: z.object({ blocking: count, error: count, warning: count, info: count }),
    by_category: z.record(z.string(), count),
  }),
  findings: list(findingSchema),
  omitted: list(z.object({ code: z.string(), cluster: z.string(), count })).meta({
    description: 'Findings that were counted and are not listed',
  }),
  checks: list(check),
  peers: list(peer),
}) satisfies z.ZodType<Report>;
