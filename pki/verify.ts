// Whether a client's certificate is vouched for by one trust store: the store that is bound to the cluster whose name the
// certificate carries. TLS has already checked the chain against every store together, which only says that somebody vouches;
// this says who. Pure, apart from OpenSSL's arithmetic; the time is a parameter.

import { X509Certificate } from 'node:crypto';
import { type CertificateRole, parseRoleUri } from '../mesh/model/certificate-names.ts';
import { err, ok, type Result } from '../mesh/model/result.ts';
import { certificatesOf } from '../runtime/tls/pem.ts';

export interface ClientVerification {
  /** DER of the certificate that the client showed and proved to hold the key of. */
  readonly leaf: Uint8Array;
  /** PEM texts of the CA certificates of one store. */
  readonly store: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface VerifiedClient {
  readonly certificate: X509Certificate;
  /** Which certificate of the store vouches, `sha256` of it in hex. */
  readonly issuerFingerprint256: string;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** The error says what was presented and what was expected. */
export function verifyClient({ leaf, store, now }: ClientVerification): Result<VerifiedClient, string> {
  const parsed = readCertificate(leaf);
  if (!parsed.ok) return parsed;
  const certificate = parsed.value;
  const anchors = readStore(store);
  if (!anchors.ok) return anchors;

  if (certificate.ca) return err(`${named(certificate)} is a CA certificate, which identifies no client`);
  if (certificate.keyUsage !== undefined && !certificate.keyUsage.includes(CLIENT_AUTH)) {
    return err(`${named(certificate)} is not for client authentication`);
  }
  const outside = validityProblem(certificate, now);
  if (outside !== undefined) return err(outside);

  const sameName = anchors.value.filter((anchor) => anchor.subject === certificate.issuer);
  if (sameName.length === 0) {
    const expected = anchors.value.map((anchor) => oneLine(anchor.subject)).join(', ');
    return err(`${named(certificate)} was issued by "${oneLine(certificate.issuer)}", expected "${expected}"`);
  }
  // Two certificates of one name are the normal state during a rotation: one that verifies is enough.
  const signers = sameName.filter((anchor) => anchor.ca && certificate.verify(anchor.publicKey));
  if (signers.length === 0) {
    return err(
      `${named(certificate)} names "${oneLine(certificate.issuer)}" as issuer, but its signature is not by that key`,
    );
  }
  const valid = signers.find((anchor) => validityProblem(anchor, now) === undefined);
  if (valid === undefined) return err(signers.map((anchor) => validityProblem(anchor, now)).join('; '));
  return ok({ certificate, issuerFingerprint256: valid.fingerprint256.replaceAll(':', '').toLowerCase() });
}

/** The role that a certificate claims: the one URI of a mesh that it carries. */
export function claimedRole(leaf: Uint8Array): Result<CertificateRole, string> {
  const parsed = readCertificate(leaf);
  if (!parsed.ok) return parsed;
  const uris = urisOf(parsed.value);
  const [uri] = uris;
  if (uri === undefined) return err(`${named(parsed.value)} carries no URI that names a role`);
  if (uris.length > 1) return err(`${named(parsed.value)} carries ${uris.length} URIs, so that its role is ambiguous`);
  const role = parseRoleUri(uri);
  return role.ok ? role : err(`${uri}: ${role.error}`);
}

/** Node prints alternative names as `URI:…, DNS:…`, and quotes as JSON what holds a separator, which no URI of ours does. */
export function urisOf(certificate: X509Certificate): readonly string[] {
  const names = certificate.subjectAltName?.match(/[A-Za-z ]+:("(\\.|[^"\\])*"|[^,]*)/g) ?? [];
  return names
    .map((name) => name.trim())
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
}

function readCertificate(der: Uint8Array): Result<X509Certificate, string> {
  try {
    return ok(new X509Certificate(Buffer.from(der)));
  } catch {
    return err('the certificate presented cannot be read');
  }
}

function readStore(store: readonly string[]): Result<readonly X509Certificate[], string> {
  try {
    return ok(store.flatMap(certificatesOf));
  } catch (error) {
    return err(`the trust store ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

function validityProblem(certificate: X509Certificate, now: number): string | undefined {
  if (now < Date.parse(certificate.validFrom))
    return `${named(certificate)} is valid only from ${certificate.validFrom}`;
  if (now > Date.parse(certificate.validTo)) return `${named(certificate)} expired on ${certificate.validTo}`;
  return undefined;
}

const named = (certificate: X509Certificate): string => `certificate "${oneLine(certificate.subject)}"`;
const oneLine = (name: string): string => name.split('\n').join(', ');
