// The document of the exchange of authorities as a schema. The types are those of apiserver/bundles; that both say the same is
// checked by the compiler.

import { z } from 'zod';
import type { TrustDocument } from '../../bundles/trust-document.ts';
import { count, list, schemaVersion } from './shapes.ts';

const announced = { sequence: count, pins: list(z.string()) };

export const trustSchema = z.object({
  schema_version: schemaVersion,
  cluster: z.string(),
  bundle: z
    .object({ ...announced, refresh_hint_seconds: count })
    .nullable()
    .meta({ description: 'The authorities that this cluster announces; null before the first time' }),
  certificates: list(z.object({ part: z.string(), fingerprint: z.string() })).meta({
    description: 'What this server shows, by the connection: SHA-256 of each certificate',
  }),
  peers: list(
    z.object({
      name: z.string(),
      announced: z.object(announced).nullable().meta({ description: 'What the peer announces' }),
      taken: count.nullable().meta({ description: "The sequence of the peer's bundle that is in use here" }),
      acknowledged: count
        .nullable()
        .meta({ description: "The sequence of this cluster's bundle that is in use there" }),
      current: z.boolean().meta({ description: 'What is announced here is in use there' }),
      shown: z.string().nullable().meta({ description: 'What this server has shown there, on the connection in use' }),
      refusal: z.string().nullable().meta({ description: 'Why what the peer announces is not in use here' }),
    }),
  ),
  agents: list(
    z.object({
      node: z.string(),
      certificate: z
        .string()
        .nullable()
        .meta({ description: 'SHA-256 of what the agent shows; null where it does not say' }),
      authorities: list(z.string()).nullable().meta({ description: 'SHA-256 of each authority that it accepts' }),
    }),
  ).meta({ description: 'The agents that are connected to this server' }),
}) satisfies z.ZodType<TrustDocument>;
