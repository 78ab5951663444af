// The HTTP API of joining, for this cluster's own administrators: invitations, join, leave, and the list of peers. What changes something is
// answered on loopback and unix sockets only.

import { z } from 'zod';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import type { HttpAnswer, Route } from '../../runtime/http.ts';
import type { PeersDocument } from '../peers/peers-document.ts';
import type { InvitationsDocument, WithdrawalDocument } from './invitations-document.ts';
import type { IssuedInvitation } from './inviter.ts';
import type { JoinDocument } from './joiner.ts';
import { isRefusal, problemOf } from './refusal.ts';
import type { RevocationDocument } from './revocation.ts';

export interface JoinRouteDeps {
  readonly invite: (peer: ClusterName, ttlMs: number) => Promise<IssuedInvitation>;
  readonly invitations: () => Promise<InvitationsDocument>;
  readonly withdraw: (id: string, force: boolean) => Promise<WithdrawalDocument>;
  readonly plan: (token: string) => Promise<JoinDocument>;
  readonly join: (token: string) => Promise<JoinDocument>;
  /** Resolves with what was removed. */
  readonly leave: (peer: ClusterName) => Promise<readonly string[]>;
  readonly revoke: (peer: ClusterName, dryRun: boolean) => Promise<RevocationDocument>;
  readonly peers: () => PeersDocument;
}

/** Long enough to be read out; a person who needs longer asks for it. */
const TTL_SECONDS_DEFAULT = 15 * 60;
const TTL_SECONDS_MIN = 10;
/** What lies around for longer than a day is found by somebody. */
const TTL_SECONDS_MAX = 24 * 60 * 60;

const name = z.string().transform((text, context): ClusterName => {
  const parsed = parseClusterName(text);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.error });
  return z.NEVER;
});
export const inviteSchema = z.strictObject({
  peer: name,
  ttl_seconds: z.number().int().min(TTL_SECONDS_MIN).max(TTL_SECONDS_MAX).default(TTL_SECONDS_DEFAULT),
});
export const joinSchema = z.strictObject({ token: z.string().max(4096), dry_run: z.boolean().default(false) });

export const withdrawSchema = z.strictObject({ force: z.boolean().default(false) });

export const revokeSchema = z.strictObject({ dry_run: z.boolean().default(false) });

export function joinRoutes(deps: JoinRouteDeps): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/invitations',
      local: true,
      handle: ({ body }) =>
        withBody(inviteSchema, body, ({ peer, ttl_seconds }) => deps.invite(peer, ttl_seconds * 1000)),
    },
    // Who is expected to join is nobody else's business: `local` although it only reads.
    { method: 'GET', path: '/v1/invitations', local: true, handle: () => answered(() => deps.invitations()) },
    {
      method: 'POST',
      path: '/v1/invitations/{id}/withdrawal',
      local: true,
      handle: ({ params, body }) =>
        withBody(withdrawSchema.extend({ id: z.string() }), { ...Object(body), id: params.id }, ({ id, force }) =>
          deps.withdraw(id, force),
        ),
    },
    {
      method: 'POST',
      path: '/v1/joins',
      local: true,
      handle: ({ body }) =>
        withBody(joinSchema, body, ({ token, dry_run }) => (dry_run ? deps.plan(token) : deps.join(token))),
    },
    {
      method: 'DELETE',
      path: '/v1/peers/{name}',
      local: true,
      handle: ({ params }) => withBody(name, params.name, async (peer) => ({ peer, removed: await deps.leave(peer) })),
    },
    {
      method: 'POST',
      path: '/v1/peers/{name}/revocation',
      local: true,
      handle: ({ params, body }) =>
        withBody(revokeSchema.extend({ peer: name }), { ...Object(body), peer: params.name }, ({ peer, dry_run }) =>
          deps.revoke(peer, dry_run),
        ),
    },
    { method: 'GET', path: '/v1/peers', handle: () => ({ json: deps.peers() }) },
  ];
}

async function withBody<T>(
  schema: z.ZodType<T>,
  body: unknown,
  handle: (body: T) => Promise<unknown>,
): Promise<HttpAnswer> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const detail = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; ');
    return { problem: { status: 400, type: 'about:blank', title: 'Bad request', detail } };
  }
  return answered(() => handle(parsed.data));
}

async function answered(make: () => Promise<unknown>): Promise<HttpAnswer> {
  try {
    return { json: await make() };
  } catch (error) {
    if (isRefusal(error)) return { problem: problemOf(error) };
    throw error;
  }
}
