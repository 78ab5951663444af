// The way from the certificate of an authority up to its root, among certificates at hand. A root is self-signed: only such
// a one is an anchor for the TLS of Node and OpenSSL, so an intermediate alone in a trust store vouches for nobody.

import type { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../mesh/model/result.ts';

export const oneLine = (name: string): string => name.split('\n').join(', ');

const signedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

const isSelfSigned = (certificate: X509Certificate): boolean => signedBy(certificate, certificate);

/** From `start` to a root, both included. The error names the issuer that is missing. */
export function pathToRoot(
  start: X509Certificate,
  among: readonly X509Certificate[],
): Result<readonly X509Certificate[], string> {
  let missing: string | undefined;
  const walk = (path: readonly X509Certificate[], at: X509Certificate): readonly X509Certificate[] | undefined => {
    if (isSelfSigned(at)) return path;
    const issuers = among.filter((one) => !path.includes(one) && signedBy(at, one));
    if (issuers.length === 0) missing ??= oneLine(at.issuer);
    for (const issuer of issuers) {
      const found = walk([...path, issuer], issuer);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const path = walk([start], start);
  return path === undefined ? err(missing ?? oneLine(start.issuer)) : ok(path);
}
