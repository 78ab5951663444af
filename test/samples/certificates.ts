// Certificates for tests, good and bad: whatever is asked for is issued, also what no authority should. Keys may be given, so that
// one key stands in several certificates.

import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { x509 } from '../../pki/x509.ts';

export type KeyKind = 'p256' | 'p384' | 'rsa2048' | 'rsa1024' | 'ed25519';

export interface Keys {
  readonly kind: KeyKind;
  readonly pair: webcrypto.CryptoKeyPair;
}

export interface Issued {
  readonly certificate: x509.X509Certificate;
  readonly keys: Keys;
  readonly pem: string;
  readonly node: X509Certificate;
}

export interface Wish {
  /** The common name, or a whole name. */
  readonly name: string;
  /** Absent: signed by itself. */
  readonly issuer?: Issued | undefined;
  readonly keys?: Keys | undefined;
  readonly from?: number;
  readonly to?: number;
  /** Basic constraints; `undefined` leaves them out. */
  readonly ca?: boolean | undefined;
  readonly pathLength?: number | undefined;
  readonly keyUsage?: number | undefined;
  readonly extended?: readonly string[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly uris?: readonly string[] | undefined;
  readonly ips?: readonly string[] | undefined;
  readonly hash?: 'SHA-1' | 'SHA-256' | 'SHA-384';
  /** Leaves out identifiers, or writes these. */
  readonly subjectKeyId?: string | false;
  readonly authorityKeyId?: string | false;
  /** DER of general names; see `dnsName` and `uriName`. */
  readonly permitted?: readonly Buffer[] | undefined;
  readonly excluded?: readonly Buffer[] | undefined;
  readonly critical?: string | undefined;
}

export const NOW = Date.parse('2026-03-01T00:00:00Z');
export const DAY = 86_400_000;
export const USAGE = x509.KeyUsageFlags;
export const SERVER = '1.3.6.1.5.5.7.3.1';
export const CLIENT = '1.3.6.1.5.5.7.3.2';

const ALGORITHMS: Readonly<
  Record<KeyKind, webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams | webcrypto.Algorithm>
> = {
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384' },
  rsa2048: rsa(2048),
  rsa1024: rsa(1024),
  ed25519: { name: 'Ed25519' },
};

function rsa(modulusLength: number): webcrypto.RsaHashedKeyGenParams {
  return { name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
}

export async function keysOf(kind: KeyKind): Promise<Keys> {
  const pair = await webcrypto.subtle.generateKey(ALGORITHMS[kind], true, ['sign', 'verify']);
  return { kind, pair: pair as webcrypto.CryptoKeyPair };
}

let serial = 1;

export async function certify(wish: Wish): Promise<Issued> {
  const keys = wish.keys ?? (await keysOf('p256'));
  const signer = wish.issuer?.keys ?? keys;
  const name = wish.name.includes('=') || wish.name === '' ? wish.name : `CN=${wish.name}`;
  serial += 1;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(4, '0'),
    subject: name,
    issuer: wish.issuer?.certificate.subjectName ?? name,
    notBefore: new Date(wish.from ?? NOW - DAY),
    notAfter: new Date(wish.to ?? NOW + 365 * DAY),
    publicKey: keys.pair.publicKey,
    signingKey: await signingKey(signer, wish.hash ?? 'SHA-256'),
    signingAlgorithm: signingAlgorithm(signer, wish.hash ?? 'SHA-256'),
    extensions: await extensionsOf(wish, keys, signer),
  });
  const pem = `${certificate.toString('pem').trimEnd()}\n`;
  return { certificate, keys, pem, node: new X509Certificate(pem) };
}

export const authority = (wish: Wish): Promise<Issued> =>
  certify({ ca: true, keyUsage: USAGE.keyCertSign | USAGE.cRLSign, to: NOW + 3650 * DAY, ...wish });

/** The PKCS#8 PEM of a key. */
export async function keyPem({ pair }: Keys): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

async function extensionsOf(wish: Wish, keys: Keys, signer: Keys): Promise<x509.Extension[]> {
  const names = [
    ...(wish.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(wish.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(wish.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const { ca, pathLength, keyUsage, extended, subjectKeyId, authorityKeyId, permitted, excluded, critical } = wish;
  const extensions: (x509.Extension | false | undefined)[] = [
    ca !== undefined && new x509.BasicConstraintsExtension(ca, pathLength, true),
    keyUsage !== undefined && new x509.KeyUsagesExtension(keyUsage, true),
    extended !== undefined && new x509.ExtendedKeyUsageExtension([...extended]),
    names.length > 0 && new x509.SubjectAlternativeNameExtension(names),
    subjectKeyId !== false &&
      (subjectKeyId === undefined
        ? await x509.SubjectKeyIdentifierExtension.create(keys.pair.publicKey)
        : new x509.SubjectKeyIdentifierExtension(subjectKeyId)),
    authorityKeyId !== false &&
      (authorityKeyId === undefined
        ? await x509.AuthorityKeyIdentifierExtension.create(signer.pair.publicKey)
        : new x509.AuthorityKeyIdentifierExtension(authorityKeyId)),
    (permitted !== undefined || excluded !== undefined) &&
      new x509.Extension('2.5.29.30', true, constraintsOf(permitted, excluded)),
    critical !== undefined && new x509.Extension(critical, true, der(0x04, Buffer.from([1]))),
  ];
  return extensions.filter((extension) => extension instanceof x509.Extension);
}

function constraintsOf(permitted: readonly Buffer[] = [], excluded: readonly Buffer[] = []): Buffer {
  const subtrees = (tag: number, names: readonly Buffer[]) =>
    names.length === 0 ? Buffer.alloc(0) : der(tag, ...names.map((name) => der(0x30, name)));
  return der(0x30, subtrees(0xa0, permitted), subtrees(0xa1, excluded));
}

export const dnsName = (value: string): Buffer => der(0x82, Buffer.from(value));
export const uriName = (value: string): Buffer => der(0x86, Buffer.from(value));

/** Short values only. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length > 127) throw new RangeError('too long for a short length');
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}

function signingAlgorithm({ kind }: Keys, hash: string): webcrypto.EcdsaParams | webcrypto.Algorithm {
  if (kind === 'ed25519') return { name: 'Ed25519' };
  return { name: kind.startsWith('rsa') ? 'RSASSA-PKCS1-v1_5' : 'ECDSA', hash } as webcrypto.EcdsaParams;
}

/** WebCrypto ties a hash to an RSA key when it is imported. */
async function signingKey({ kind, pair }: Keys, hash: string): Promise<webcrypto.CryptoKey> {
  if (!kind.startsWith('rsa') || hash === 'SHA-256') return pair.privateKey;
  const der = await webcrypto.subtle.exportKey('pkcs8', pair.privateKey);
  return webcrypto.subtle.importKey('pkcs8', der, { name: 'RSASSA-PKCS1-v1_5', hash }, true, ['sign']);
}

/** The same certificate with one bit of its octets changed. */
export function flipped(certificate: X509Certificate, bit: number): Buffer {
  const bytes = Buffer.from(certificate.raw);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes;
}
