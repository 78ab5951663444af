// A leaf on disk: whom it is for, and whether it still serves.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../mesh/model/result.ts';
import { reasonOf } from '../runtime/errors.ts';
import { certificatesOf } from '../runtime/tls/pem.ts';
import { CLOCK_SKEW_MS } from './authority.ts';
import type { Pair } from './files.ts';
import { readIfPresent } from './files.ts';
import type { Profile } from './profiles.ts';

/** Whom a leaf is for, by the place where it stands. */
export interface LeafPlace {
  readonly paths: Pair;
  readonly profile: Profile;
  /** Of an agent's. */
  readonly node?: string;
}

/** The share of its life after which a leaf is issued anew, though it still serves. */
const RENEW_AT = 2 / 3;

/** The certificate of a pair; the error says why the pair serves nobody. */
export async function readLeaf({ cert, key }: Pair): Promise<Result<X509Certificate, string>> {
  const [text, keyText] = await Promise.all([readIfPresent(cert), readIfPresent(key)]);
  return leafIn(text, keyText);
}

export function leafIn(text: string | undefined, keyText: string | undefined): Result<X509Certificate, string> {
  if (text === undefined || keyText === undefined) return err('missing');
  try {
    const [leaf] = certificatesOf(text);
    if (leaf === undefined) return err('damaged');
    if (!leaf.checkPrivateKey(createPrivateKey(keyText))) return err('certificate and key do not belong together');
    return ok(leaf);
  } catch (error) {
    // The text of OpenSSL about a key may quote it.
    return err(`damaged${error instanceof Error && 'opensslErrorStack' in error ? '' : `: ${reasonOf(error)}`}`);
  }
}

/** Why a leaf does not chain to the authority as it signs now; `undefined` when it does. */
export function issuerProblem(leaf: X509Certificate, authority: string): string | undefined {
  const issuer = new X509Certificate(authority);
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey) ? undefined : 'issued by another authority';
}

/** Milliseconds since the epoch at which a certificate is due, and its life; the skew it was issued with is not life. */
export function renewalOf(leaf: X509Certificate): { readonly dueAt: number; readonly lifeMs: number } {
  const from = Date.parse(leaf.validFrom) + CLOCK_SKEW_MS;
  const lifeMs = Math.max(0, Date.parse(leaf.validTo) - from);
  return { dueAt: from + lifeMs * RENEW_AT, lifeMs };
}
