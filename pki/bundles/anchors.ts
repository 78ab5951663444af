// The certificates of a bundle: from the text of an authority's file to the anchors that are announced, and from announced
// anchors to certificates that may be trusted. Pure, apart from OpenSSL's arithmetic.

import type { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { oneLine, pathToRoot } from '../certification-path.ts';

export const pemOf = (certificate: X509Certificate): string => `${certificate.toString().trimEnd()}\n`;

/** One PEM text each, in the order of the file, each certificate once. Throws where the text holds none. */
export const anchorsIn = (text: string): readonly string[] => [...new Set(certificatesOf(text).map(pemOf))];

/**
 * Only authorities, each with its way to a root among them: a leaf would be trusted as whoever it names, and an intermediate
 * without its root vouches for nobody.
 */
export function readAnchors(anchors: readonly string[], now: number): Result<readonly X509Certificate[], string> {
  let certificates: readonly X509Certificate[];
  try {
    certificates = certificatesOf(anchors.join(''));
  } catch (error) {
    return err(`it ${reasonOf(error)}`);
  }
  const leaf = certificates.find(({ ca }) => !ca);
  if (leaf !== undefined) return err(`"${oneLine(leaf.subject)}" is not the certificate of an authority`);
  for (const certificate of certificates) {
    const path = pathToRoot(certificate, certificates);
    if (!path.ok) return err(`"${oneLine(certificate.subject)}" comes without its root "${path.error}"`);
  }
  const valid = certificates.some(
    ({ validFrom, validTo }) => Date.parse(validFrom) <= now && now < Date.parse(validTo),
  );
  return valid ? ok(certificates) : err('none of its authorities is valid now');
}

/** The same certificates, in whatever order. */
export function sameAnchors(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((anchor) => right.has(anchor));
}
