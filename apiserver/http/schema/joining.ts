// The documents of joining as schemas. The types are those of apiserver/join and apiserver/peers; that both say the same is checked
// by the compiler.

import { z } from 'zod';
import type { InvitationsDocument, WithdrawalDocument } from '../../join/invitations-document.ts';
import type { IssuedInvitation } from '../../join/inviter.ts';
import type { JoinDocument } from '../../join/joiner.ts';
import type { RevocationDocument } from '../../join/revocation.ts';
import type { PeersDocument } from '../../peers/peers-document.ts';
import { findingSchema } from './report.ts';
import { count, instant, list, schemaVersion } from './shapes.ts';

export const invitationSchema = z.object({
  id: z.string().meta({ description: 'By which it is listed and withdrawn; no secret' }),
  token: z.string().meta({ description: 'To be handed to the other administrator; good for one join' }),
  words: z.string().meta({ description: 'To be compared by voice' }),
  peer: z.string(),
  expires_at: instant,
  endpoints: list(z.string()),
}) satisfies z.ZodType<IssuedInvitation>;

const listedInvitation = z.object({
  id: z.string(),
  peer: z.string(),
  state: z.enum(['open', 'expired', 'joining', 'used', 'withdrawn']),
  expires_at: instant,
  since: instant,
  joiner: z
    .object({ name: z.string(), uid: z.string(), spki_pins: list(z.string()) })
    .nullable()
    .meta({ description: 'Who used it, or was last to try' }),
});

export const invitationsSchema = z.object({
  schema_version: schemaVersion,
  cluster: z.string(),
  invitations: list(listedInvitation),
}) satisfies z.ZodType<InvitationsDocument>;

export const withdrawalSchema = z.object({
  changed: z.boolean().meta({ description: 'False where it was withdrawn before' }),
  invitation: listedInvitation,
}) satisfies z.ZodType<WithdrawalDocument>;

export const joinDocumentSchema = z.object({
  schema_version: schemaVersion,
  state: z.enum(['planned', 'joined']),
  cluster: z.string(),
  peer: z.object({
    name: z.string(),
    id: z.number().int(),
    uid: z.string(),
    pod_cidrs: list(z.string()),
    service_cidrs: list(z.string()),
    node_cidrs: list(z.string()),
    software: z.string(),
    endpoints: list(z.string()),
    spki_pins: list(z.string()),
  }),
  words: z.string(),
  expires_at: instant,
  steps: list(z.string()),
  blocked: z.boolean(),
  findings: z.object({ here: list(findingSchema), there: list(findingSchema) }),
}) satisfies z.ZodType<JoinDocument>;

const peerEntry = z.object({
  name: z.string(),
  plain: z.boolean(),
  outbound: z.object({
    phase: z.string(),
    endpoints: list(z.string()),
    freshness: z.string(),
    synced: z.boolean(),
    age_ms: z.number().nullable(),
    last_error: z.string().nullable(),
  }),
  inbound: z.object({ connected: z.boolean(), calls: count, watches: count }),
  trust: z.object({
    files: list(z.string()),
    authorities: list(z.object({ subject: z.string(), spki_pin: z.string(), valid_to: instant })),
    problem: z.string().nullable(),
  }),
});

export const peersSchema = z.object({
  schema_version: schemaVersion,
  cluster: z.string(),
  peers: list(peerEntry),
  revoked: list(z.string()),
}) satisfies z.ZodType<PeersDocument>;

export const revocationSchema = z.object({
  peer: z.string(),
  state: z.enum(['planned', 'revoked']),
  changed: z.boolean().meta({ description: 'False where it was revoked before' }),
  kept: list(z.string()).meta({ description: 'Files that remember it; deleting the document takes the decision back' }),
}) satisfies z.ZodType<RevocationDocument>;

export const removedSchema = z.object({ peer: z.string(), removed: list(z.string()) });
