// How two clusters that share a token prove it to each other without sending its secret: an HMAC over everything that was said, over both
// nonces and over both keys of the TLS connection, so that nothing can be relayed to another connection or replayed into one.
// Pure; what is kept of a secret by the inviter is the verifier, from which the token cannot be made again.

import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** What one signed request says. */
export interface Transcript {
  readonly invitation: Uint8Array;
  readonly nonceJoiner: Uint8Array;
  readonly nonceInviter: Uint8Array;
  /** SPKI pins of the keys that the two sides of the TLS connection have shown. */
  readonly inviterKey: string;
  readonly joinerKey: string;
  readonly path: string;
  readonly body: Uint8Array;
}

export const NONCE_BYTES = 32;
const VERIFIER_BYTES = 32;

export const verifierOf = (secret: Uint8Array, invitation: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, invitation, 'clustermesh join v1 verifier', VERIFIER_BYTES));

export const requestProof = (verifier: Uint8Array, transcript: Transcript): Buffer =>
  mac(verifier, [
    'joiner',
    transcript.invitation,
    transcript.nonceJoiner,
    transcript.nonceInviter,
    transcript.inviterKey,
    transcript.joinerKey,
    transcript.path,
    createHash('sha256').update(transcript.body).digest(),
  ]);

/** Binds an answer to the request that it answers. */
export const answerProof = (verifier: Uint8Array, request: Uint8Array, status: number, body: Uint8Array): Buffer =>
  mac(verifier, ['inviter', request, String(status), createHash('sha256').update(body).digest()]);

/** In constant time, also where the lengths differ. */
export function sameProof(a: Uint8Array, b: Uint8Array): boolean {
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Every part goes in with its length: no two lists of parts are one text. */
function mac(key: Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac('sha256', key).update('clustermesh join v1\0');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}
