// The documents of `/v1/status` and `/v1/services` as schemas; their types follow from these (apiserver/status.ts). A field that
// may be unknown is absent then.

import { z } from 'zod';
import { climbSchema } from './ladder.ts';
import { count, list, schemaVersion } from './shapes.ts';

const port = z.object({ name: z.string(), protocol: z.string(), port: z.number().int() });

export const sourceProblemSchema = z.object({
  file: z.string(),
  line: z.number().int(),
  code: z.string(),
  reason: z.string(),
  column: z.number().int().optional(),
  severity: z.enum(['error', 'warning']).optional(),
  object: z.string().optional().meta({ description: '`Service test/echo`' }),
  field: z.string().optional().meta({ description: '`spec.ports[0].port`; empty for a file or a whole object' }),
  hint: z.string().optional(),
});

const peerSchema = z.object({
  name: z.string(),
  phase: z.enum(['connecting', 'verifying', 'listing', 'live', 'reconnecting', 'failed']),
  endpoints: list(z.string()),
  plain: z.boolean().meta({ description: 'A plain Cilium cluster: it has no card' }),
  freshness: z.enum(['fresh', 'ageing', 'stale', 'expired']),
  heartbeatAgeMs: z.number().optional(),
  synced: z.boolean().meta({ description: 'Everything that the peer has was received once' }),
  unsynced: list(z.string()).meta({ description: 'Canaries that have not been seen' }),
  storeId: z.string().optional(),
  revision: count.optional(),
  records: count,
  disconnects: count,
  failures: count,
  lastError: z.string().optional(),
  admitted: count,
  quarantined: count,
  reflected: count.optional().meta({
    description:
      "Everything up to this revision of the peer was judged and is in the own etcd; absent on a replica that does not write. `revision` is what came through the peer's door",
  }),
  ladder: climbSchema
    .optional()
    .meta({ description: 'The last look at the way to it, made when its link fails or somebody asks' }),
  lag_ms: z.number().nonnegative().optional().meta({
    description: 'How long the oldest change that came through the door and is not in the own etcd has been waiting',
  }),
});

export const agentSchema = z.object({
  node: z.string(),
  connected: z.boolean(),
  revision: count.optional().meta({ description: "The revision that the node's kernel holds" }),
  lag: count.optional().meta({ description: 'Revisions behind the current snapshot' }),
  lag_ms: z.number().nonnegative().optional().meta({
    description: 'How long the oldest change that the node has not programmed has been waiting; 0 when it is level',
  }),
  services: count,
  backends: count,
  refused: list(z.object({ service: z.string(), code: z.string(), reason: z.string() })),
  datapath: z.string(),
  last_seen_ms: z.number(),
});

export const statusSchema = z.object({
  schema_version: schemaVersion,
  cluster: z.object({ name: z.string(), id: z.number().int() }),
  software: z.string(),
  leader: z.boolean().meta({ description: 'This replica writes' }),
  store: z.object({
    id: z.string().optional(),
    revision: count.optional(),
    phase: z.string(),
    stale_ms: z.number().optional().meta({ description: 'For how long its etcd has been silent' }),
  }),
  source: z.object({ objects: count, problems: list(sourceProblemSchema) }),
  snapshot: z.object({
    history: z
      .string()
      .optional()
      .meta({ description: "The store's id and its epoch; absent while it is being filled" }),
    revision: count.optional().meta({ description: 'Where its content last changed' }),
    reached: count.optional().meta({ description: 'Everything up to this revision of the own etcd is in it' }),
    services: count,
  }),
  peers: list(peerSchema),
  agents: list(agentSchema),
  health: z.record(
    z.string(),
    z.object({ state: z.enum(['ok', 'degraded', 'starting']), reason: z.string(), since: z.number() }),
  ),
});

export const serviceSchema = z.object({
  service: z.string().meta({ description: 'namespace/name' }),
  frontends: list(z.string()),
  ports: list(port),
  affinity: z.string(),
  shared: z.boolean(),
  backends_by_cluster: z.record(z.string(), count),
  backends: list(z.object({ address: z.string(), cluster: z.string(), state: z.string(), ports: list(port) })),
});

export const servicesSchema = z.object({
  schema_version: schemaVersion,
  revision: count.optional(),
  services: list(serviceSchema),
});
