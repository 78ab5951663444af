// The pin of a certificate's public key: `sha256/` and the base64 of the SHA-256 of its SubjectPublicKeyInfo (RFC 7469). It
// stays the same when a certificate is issued anew for the same key.

import { createHash, type X509Certificate } from 'node:crypto';
import { certificatesOf } from '../runtime/tls/pem.ts';

export function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

/** The pins of all certificates in PEM texts, each once, in order. */
export const spkiPins = (pems: readonly string[]): readonly string[] => [
  ...new Set(pems.flatMap((pem) => certificatesOf(pem)).map(spkiPin)),
];
