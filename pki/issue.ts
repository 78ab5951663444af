// Issues one leaf by profile: fresh key, names, usages, and an end that is never later than the authority's own.

import { OperationalError } from '../runtime/errors.ts';
import { type Authority, CLOCK_SKEW_MS, generateKeys, openAuthority, privatePem, randomSerial } from './authority.ts';
import { namesOf, type Profile, type Usage } from './profiles.ts';
import { signingKey } from './signing.ts';
import { pemFile, x509 } from './x509.ts';

export interface IssueRequest {
  readonly authority: Authority;
  readonly profile: Profile;
  /** The node of an agent's certificate. */
  readonly node?: string;
  /** Beside the names that the profile always carries. */
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly ttlMs: number;
}

export interface IssuedCertificate {
  /** PEM: the leaf, then what leads to the root without the root itself. */
  readonly certificate: string;
  /** PKCS#8 PEM. Never logged, never in an error. */
  readonly key: string;
}

export async function issue(request: IssueRequest): Promise<IssuedCertificate> {
  const { authority, profile, now, ttlMs } = request;
  const issuer = openAuthority(authority);
  const issuerEnd = Date.parse(issuer.certificate.validTo);
  if (issuerEnd <= now) throw expired(authority, issuer.certificate.validTo);
  const names = namesOf({
    profile,
    cluster: authority.cluster,
    ...(request.node === undefined ? {} : { node: request.node }),
  });
  const keys = await generateKeys();
  const signer = await signingKey(issuer.key);
  const issuerCertificate = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [names.commonName] }, { O: [`${authority.cluster}.clustermesh`] }],
    // The issuer's name exactly as its certificate encodes it: a name that is parsed and written again may differ in bytes.
    issuer: issuerCertificate.subjectName,
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(Math.min(now + ttlMs, issuerEnd)),
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: signer.signature,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([extendedUsage(names.usage)]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await authorityKeyIdentifier(issuerCertificate),
      ...subjectAlternativeNames(request, names),
    ],
  });
  return {
    certificate: pemFile(certificate.toString('pem')) + (authority.intermediates ?? ''),
    key: await privatePem(keys.privateKey),
  };
}

const expired = ({ cluster }: Authority, end: string): OperationalError =>
  new OperationalError({
    code: 'PKI_AUTHORITY',
    operation: 'sign certificate',
    subject: cluster,
    reason: `the authority of ${cluster} has expired on ${end}`,
    hint:
      'check the clock; replace it phase by phase with trust rotate-ca --force, restart etcd in between, ' +
      'and have peers take the new ca/ca.pem by hand, or join anew',
  });

/** The identifier that the issuer gives itself: there are several ways to compute one, and OpenSSL compares. */
async function authorityKeyIdentifier(issuer: x509.X509Certificate): Promise<x509.AuthorityKeyIdentifierExtension> {
  const own = issuer.getExtension(x509.SubjectKeyIdentifierExtension);
  return own === null
    ? x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)
    : new x509.AuthorityKeyIdentifierExtension(own.keyId);
}

const extendedUsage = (usage: Usage) =>
  usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;

function subjectAlternativeNames(
  request: IssueRequest,
  names: { readonly dnsNames: readonly string[]; readonly uri: string | undefined },
) {
  const all = [
    ...(names.uri === undefined ? [] : [{ type: 'url' as const, value: names.uri }]),
    ...[...names.dnsNames, ...(request.dnsNames ?? [])].map((value) => ({ type: 'dns' as const, value })),
    ...(request.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  return all.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(all)];
}
