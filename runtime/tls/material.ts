// What one side of a mutual TLS connection needs, and whether it can serve at all. Checked as a whole before anything uses it:
// a pair that does not fit would fail every handshake from then on.

import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { reasonOf } from '../errors.ts';
import { contentName } from './content-name.ts';
import { certificatesOf } from './pem.ts';

export interface TlsPair {
  /** PEM: the leaf, then its intermediates. */
  readonly certificate: string;
  /** PEM. Never logged. */
  readonly key: string;
}

export interface TlsMaterial extends TlsPair {
  /** PEM: everybody who may vouch for the other side. */
  readonly ca: string;
}

/** Hundreds of links show the same pair; a process has a few more. */
const FITTING_MAX = 256;
/** Which certificates and keys were found to belong together, the oldest first: reading a key again would tell nothing else. */
const fitting = new Set<string>();

/** Why a pair cannot serve at `now`; `undefined` when it can. */
export function pairProblem(pair: TlsPair, now: number): string | undefined {
  let leaf: X509Certificate;
  try {
    const [first] = certificatesOf(pair.certificate);
    if (first === undefined) return 'the certificate file holds no certificate';
    leaf = first;
  } catch (error) {
    return `the certificate file ${reasonOf(error)}`;
  }
  const misfit = misfitOf(pair, leaf);
  if (misfit !== undefined) return misfit;
  if (now > Date.parse(leaf.validTo)) return `the certificate expired on ${leaf.validTo}`;
  return undefined;
}

function misfitOf(pair: TlsPair, leaf: X509Certificate): string | undefined {
  const name = contentName(pair.certificate, pair.key);
  if (fitting.has(name)) return undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey(pair.key);
  } catch {
    // OpenSSL's own message may quote the input.
    return 'the key file holds no private key that can be read';
  }
  if (!leaf.checkPrivateKey(key)) return 'certificate and key do not belong together';
  fitting.add(name);
  const [oldest] = fitting;
  if (fitting.size > FITTING_MAX && oldest !== undefined) fitting.delete(oldest);
  return undefined;
}

/** Until when a pair that has no problem can serve. */
export function expiryOf(pair: TlsPair): number {
  const [leaf] = certificatesOf(pair.certificate);
  return leaf === undefined ? 0 : Date.parse(leaf.validTo);
}

/** Why a text is no list of CA certificates; `undefined` when it is one. Whether they have expired is for handshakes to say. */
export function caProblem(text: string): string | undefined {
  try {
    const other = certificatesOf(text).find((certificate) => !certificate.ca);
    return other === undefined ? undefined : `"${other.subject.split('\n').join(', ')}" is not a CA certificate`;
  } catch (error) {
    return reasonOf(error);
  }
}
