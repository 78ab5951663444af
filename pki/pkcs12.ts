// PKCS#12, which node:crypto does not read. Only the container is opened here; what is in it becomes PEM, and OpenSSL judges it.
// Imported when such a file is met, as it takes 36 ms and nothing else needs it.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { err, ok, type Result } from '../mesh/model/result.ts';

export interface OpenedContainer {
  /** PEM, one after the other. */
  readonly certificates: string;
  /** PKCS#8 PEM. Never logged, never in an error. */
  readonly key: string | undefined;
}

/** The error never quotes the container or the passphrase. */
export function openPkcs12(der: Uint8Array, passphrase: string): Result<OpenedContainer, string> {
  let bags: readonly forge.pkcs12.Bag[];
  try {
    const asn1 = forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(der).toString('binary')));
    const pfx = forge.pkcs12.pkcs12FromAsn1(asn1, passphrase);
    bags = pfx.safeContents.flatMap(({ safeBags }) => safeBags);
  } catch {
    return err('is no PKCS#12 container that this passphrase opens');
  }
  try {
    const { certBag, keyBag, pkcs8ShroudedKeyBag } = forge.pki.oids;
    const keys = bags.filter(({ type }) => type === keyBag || type === pkcs8ShroudedKeyBag);
    if (keys.length > 1) return err(`holds ${keys.length} private keys, so that it is unclear which one signs`);
    const certificates = bags.filter(({ type }) => type === certBag).map(certificatePem);
    const [key] = keys.map(keyPem);
    return ok({ certificates: certificates.join(''), key });
  } catch {
    return err('holds a certificate or key that cannot be read');
  }
}

function certificatePem(bag: forge.pkcs12.Bag): string {
  // Of what is not RSA, the library leaves the certificate alone and hands over its encoding.
  const asn1 = bag.cert ? forge.pki.certificateToAsn1(bag.cert) : bag.asn1;
  return `${new X509Certificate(derOf(asn1)).toString().trimEnd()}\n`;
}

function keyPem(bag: forge.pkcs12.Bag): string {
  const asn1 = bag.key
    ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key as forge.pki.rsa.PrivateKey))
    : bag.asn1;
  return createPrivateKey({ key: derOf(asn1), format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

const derOf = (asn1: forge.asn1.Asn1): Buffer => Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary');
