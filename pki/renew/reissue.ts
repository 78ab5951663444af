// A new leaf in the place of an old one: a fresh key, and exactly the names that the old one carries. Nothing is given out that
// was not checked the way a peer will check it. Touches no file.

import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import type { StoredAuthority } from '../authority-files.ts';
import { type IssuedCertificate, issue } from '../issue.ts';
import { type LeafPlace, renewalOf } from '../leaf-files.ts';
import { namesOf } from '../profiles.ts';
import { verifyChain } from '../trust/verify-chain.ts';

export interface Reissue {
  readonly place: LeafPlace;
  readonly old: X509Certificate;
  readonly stored: StoredAuthority;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** @default as long as the old one */
  readonly lifeMs?: number | undefined;
}

/** The error is a reason, without any word of a key. */
export async function reissue(request: Reissue): Promise<Result<IssuedCertificate, string>> {
  const { place, old, stored, now, lifeMs = renewalOf(old).lifeMs } = request;
  const { profile, node } = place;
  const { authority } = stored;
  const subject = { profile, cluster: authority.cluster, ...(node === undefined ? {} : { node }) };
  const always = namesOf(subject);
  const carried = alternativeNames(old);
  let issued: IssuedCertificate;
  try {
    issued = await issue({
      ...subject,
      authority,
      dnsNames: valuesOf(carried, 'DNS:').filter((name) => !always.dnsNames.includes(name)),
      ips: valuesOf(carried, 'IP Address:'),
      now,
      ttlMs: lifeMs,
    });
  } catch (error) {
    return err(reasonOf(error));
  }
  const problem = pairProblem(issued, old, stored, now);
  return problem === undefined ? ok(issued) : err(problem);
}

/** Why a pair must not be published. */
function pairProblem(
  { certificate, key }: IssuedCertificate,
  old: X509Certificate,
  { bundle }: StoredAuthority,
  now: number,
): string | undefined {
  const chain = certificatesOf(certificate);
  const [leaf] = chain;
  if (leaf === undefined || !leaf.checkPrivateKey(createPrivateKey(key))) return 'certificate and key do not fit';
  const verdict = verifyChain({ chain, store: [bundle], purpose: 'any', now });
  if (!verdict.usable) return verdict.problems[0]?.reason ?? 'the chain does not verify';
  // A certificate that somebody made otherwise may carry more than its place says; those who rely on that are not to be cut off.
  if (leaf.subject !== old.subject) return `it would be for "${oneLine(leaf.subject)}", not "${oneLine(old.subject)}"`;
  const names = alternativeNames(leaf);
  const lost = alternativeNames(old).find((name) => !names.includes(name));
  return lost === undefined ? undefined : `it would lose the name ${lost}`;
}

/** As Node prints them, `URI:…` and `DNS:…`; one that holds a separator is quoted, and no name of ours does. */
const alternativeNames = ({ subjectAltName }: X509Certificate): readonly string[] =>
  subjectAltName === undefined ? [] : subjectAltName.split(', ');

const valuesOf = (names: readonly string[], kind: string): readonly string[] =>
  names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));

const oneLine = (name: string): string => name.split('\n').join(', ');
