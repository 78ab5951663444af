// The authority of one cluster as a value, PEM in and PEM out: a self-signed P-256 root that is made here, or a root or
// intermediate that the operator brings. Where it is kept is authority-files.ts.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import type { ClusterName } from '../mesh/model/names.ts';
import { KEY_ALGORITHM, pemFile, SIGNING_ALGORITHM, x509 } from './x509.ts';

export interface Authority {
  readonly cluster: ClusterName;
  /** PEM of the one certificate whose key signs. */
  readonly certificate: string;
  /** PKCS#8 PEM. Never logged, never in an error. */
  readonly key: string;
  /** PEM: what a leaf shows behind itself, from `certificate` up to the root without it. Empty, or absent, for a root. */
  readonly intermediates?: string;
}

export interface AuthorityRequest {
  readonly cluster: ClusterName;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly days: number;
  /** PKCS#8 PEM of a key to keep; a new one when absent. The pin of an authority is that of its key. */
  readonly key?: string;
  /** It takes the place of another: its name says which key it is, since two of one name confuse readers (CM-TRUST-007). */
  readonly successor?: boolean;
}

export const DAY_MS = 86_400_000;
/** How far the clocks of two clusters may be apart before a fresh certificate looks like one from the future. */
export const CLOCK_SKEW_MS = 5 * 60_000;

export async function createAuthority({ cluster, now, days, key, successor }: AuthorityRequest): Promise<Authority> {
  const keys = key === undefined ? await generateKeys() : await keyPairOf(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [
      { CN: [`${cluster} clustermesh CA${successor === true ? ` ${await keyMark(keys.publicKey)}` : ''}`] },
      { O: [`${cluster}.clustermesh`] },
    ],
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(now + days * DAY_MS),
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      // No intermediates: what this root signs is a leaf.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cluster, certificate: pemFile(certificate.toString('pem')), key: await privatePem(keys.privateKey) };
}

/** The authority's certificate and key as objects; throws when they do not belong together. */
export function openAuthority(authority: Authority): {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
} {
  const certificate = new X509Certificate(authority.certificate);
  const key = createPrivateKey(authority.key);
  if (!certificate.ca) throw new Error(`the certificate of ${authority.cluster}'s authority is not a CA certificate`);
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`the certificate of ${authority.cluster}'s authority does not belong to its key`);
  }
  return { certificate, key };
}

export const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);

export async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/** With the longest name of a cluster, the common name is still within X.520's 64 characters. */
async function keyMark(key: webcrypto.CryptoKey): Promise<string> {
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', key));
  return createHash('sha256').update(spki).digest('hex').slice(0, 8);
}

async function keyPairOf(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(pem);
  const privateDer = key.export({ format: 'der', type: 'pkcs8' });
  const publicDer = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateDer, KEY_ALGORITHM, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', publicDer, KEY_ALGORITHM, true, ['verify']),
  };
}

/** 126 random bits in 16 octets (RFC 5280: positive, at most 20 octets; the CA/Browser Forum wants 64 bits of chance). */
export function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
