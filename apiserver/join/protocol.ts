// The join protocol on the wire: paths, limits, the header that proves the secret, and the shapes of the bodies. STABLE. JSON over HTTPS
// with TLS 1.3; every body is bounded before it is read, and checked before it is used.

import { z } from 'zod';
import { NONCE_BYTES } from '../../pki/join/proof.ts';
import { INVITATION_BYTES } from '../../pki/join/token.ts';
import { findingSchema } from '../http/schema/report.ts';

/**
 * authority: the inviter's CA certificates, for anybody; whoever has a token knows which keys to expect. hello: a nonce and the
 * time, for anybody. The rest wants the proof. plan says what a join would mean, and changes nothing; prepare takes the
 * invitation for one joiner; commit uses it up.
 */
export const PATHS = {
  authority: '/join/v1/authority',
  hello: '/join/v1/hello',
  plan: '/join/v1/plan',
  prepare: '/join/v1/prepare',
  commit: '/join/v1/commit',
} as const;

export type SignedPath = '/join/v1/plan' | '/join/v1/prepare' | '/join/v1/commit';

/** The cards of 511 clusters, about 1 KiB each, and room for long lists of ranges. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** A hello is one nonce. */
export const HELLO_BYTES_MAX = 1024;
/** Clocks further apart than this would make certificates of one side look not yet valid, or expired, to the other. */
export const CLOCK_DIFFERENCE_MS_MAX = 5 * 60_000;
/** How long a nonce may be used: a plan that a person reads, and nothing more. */
export const NONCE_LIFE_MS = 10 * 60_000;

export const ANSWER_PROOF_HEADER = 'clustermesh-join-proof';
const SCHEME = 'ClusterMesh-Join';

export interface Credentials {
  readonly invitation: Uint8Array;
  readonly nonceInviter: Uint8Array;
  readonly nonceJoiner: Uint8Array;
  readonly proof: Uint8Array;
}

const PROOF_BYTES = 32;
const SIZES = [INVITATION_BYTES, NONCE_BYTES, NONCE_BYTES, PROOF_BYTES] as const;

export function authorizationHeader({ invitation, nonceInviter, nonceJoiner, proof }: Credentials): string {
  const parts = [invitation, nonceInviter, nonceJoiner, proof].map((part) => Buffer.from(part).toString('base64url'));
  return `${SCHEME} ${parts.join('.')}`;
}

export function parseAuthorization(header: string | undefined): Credentials | undefined {
  const [scheme, text = '', ...rest] = (header ?? '').split(' ');
  if (scheme !== SCHEME || rest.length > 0 || text.length > 512) return undefined;
  const parts = text.split('.').map((part) => Buffer.from(part, 'base64url'));
  if (parts.length !== SIZES.length || parts.some((part, index) => part.length !== SIZES[index])) return undefined;
  const [invitation, nonceInviter, nonceJoiner, proof] = parts;
  if (!invitation || !nonceInviter || !nonceJoiner || !proof) return undefined;
  return { invitation, nonceInviter, nonceJoiner, proof };
}

const time = z.iso.datetime();
const card = z.string().max(64 * 1024);

/** What one side tells the other about itself. Cards are texts, so that what is judged is what was published. */
export const offerSchema = z.strictObject({
  card,
  /** Cards of the clusters that it is connected to already: a join must fit them as well. */
  members: z.array(card).max(511),
  /** PEM: the certificates of its authorities. */
  ca: z.string().max(64 * 1024),
  /** Its doors, `https://host:port`. */
  endpoints: z
    .array(z.url({ protocol: /^https$/ }).max(300))
    .min(1)
    .max(16),
  time,
});
export type Offer = z.infer<typeof offerSchema>;

export const helloSchema = z.strictObject({ nonce: z.string().max(64) });
export const helloAnswerSchema = z.object({ nonce: z.string().max(64), time });
export const authorityAnswerSchema = z.object({ ca: z.string().max(64 * 1024) });
const findings = z.array(findingSchema).max(10_000);
export const planAnswerSchema = z.object({ offer: offerSchema, findings });
export const committedSchema = z.object({ committed: z.literal(true) });
export const problemSchema = z.object({
  code: z.string().optional(),
  detail: z.string(),
  findings: findings.optional(),
});
