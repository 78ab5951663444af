// Names of signature algorithms and keys, and which of them are weak (CM-TRUST-009): what NIST SP 800-131A no longer allows for
// signatures, and what TLS libraries refuse at their default level.

import type { KeyObject } from 'node:crypto';
import { contextTag, type Element, objectId, sequenceOf, soleElement, TAG } from './der.ts';

const HASHES: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.5': 'MD5',
  '1.3.14.3.2.26': 'SHA-1',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
  '2.16.840.1.101.3.4.2.4': 'SHA-224',
};

const SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.2': 'RSA with MD2',
  '1.2.840.113549.1.1.3': 'RSA with MD4',
  '1.2.840.113549.1.1.4': 'RSA with MD5',
  '1.2.840.113549.1.1.5': 'RSA with SHA-1',
  '1.3.14.3.2.29': 'RSA with SHA-1',
  '1.3.36.3.3.1.2': 'RSA with RIPEMD-160',
  '1.2.840.113549.1.1.11': 'RSA with SHA-256',
  '1.2.840.113549.1.1.12': 'RSA with SHA-384',
  '1.2.840.113549.1.1.13': 'RSA with SHA-512',
  '1.2.840.113549.1.1.14': 'RSA with SHA-224',
  '1.2.840.10045.4.1': 'ECDSA with SHA-1',
  '1.2.840.10045.4.3.1': 'ECDSA with SHA-224',
  '1.2.840.10045.4.3.2': 'ECDSA with SHA-256',
  '1.2.840.10045.4.3.3': 'ECDSA with SHA-384',
  '1.2.840.10045.4.3.4': 'ECDSA with SHA-512',
  '1.2.840.10040.4.3': 'DSA with SHA-1',
  '2.16.840.1.101.3.4.3.1': 'DSA with SHA-224',
  '2.16.840.1.101.3.4.3.2': 'DSA with SHA-256',
  '1.3.101.112': 'Ed25519',
  '1.3.101.113': 'Ed448',
};

const RSA_PSS = '1.2.840.113549.1.1.10';
const BROKEN_HASH = /MD2|MD4|MD5|SHA-1$|RIPEMD/;

/** Below this, 112 bits of security are not reached (NIST SP 800-57). */
const RSA_BITS_MIN = 2048;
const CURVE_BITS_MIN = 224;

export function signatureName(algorithm: Element): string {
  const [type, parameters] = sequenceOf(algorithm);
  const id = objectId(type);
  if (id !== RSA_PSS) return SIGNATURES[id] ?? id;
  const hash = (parameters === undefined ? [] : sequenceOf(parameters)).find(({ tag }) => tag === contextTag(0));
  // RFC 4055: the hash that is not named is SHA-1.
  const hashId = hash === undefined ? undefined : objectId(sequenceOf(soleElement(hash.content, TAG.sequence))[0]);
  return `RSA-PSS with ${hashId === undefined ? 'SHA-1' : (HASHES[hashId] ?? hashId)}`;
}

export const signatureWeakness = (name: string): string | undefined =>
  BROKEN_HASH.test(name) ? `its signature is ${name}` : undefined;

export interface KeyStrength {
  /** `RSA 2048`, `EC prime256v1`, `Ed25519` */
  readonly name: string;
  readonly weakness: string | undefined;
}

export function keyStrength(key: KeyObject): KeyStrength {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details } = key;
  switch (type) {
    case 'rsa':
    case 'rsa-pss': {
      const bits = details?.modulusLength ?? 0;
      const name = `${type.toUpperCase()} ${bits}`;
      if (bits < RSA_BITS_MIN) return { name, weakness: `its key has ${bits} bits (RSA)` };
      // With the exponent 1 everybody can sign.
      if ((details?.publicExponent ?? 3n) < 3n) return { name, weakness: 'its key has the public exponent 1' };
      return { name, weakness: undefined };
    }
    case 'ec': {
      const curve = details?.namedCurve ?? 'without a name';
      const bits = Number(/\d{3}/.exec(curve)?.[0] ?? CURVE_BITS_MIN);
      return {
        name: `EC ${curve}`,
        weakness: bits < CURVE_BITS_MIN ? `its key is on the curve ${curve}, which is too short` : undefined,
      };
    }
    case 'dsa':
      return {
        name: `DSA ${details?.modulusLength ?? ''}`.trimEnd(),
        weakness: 'its key is for DSA, which TLS no longer uses',
      };
    case 'ed25519':
      return { name: 'Ed25519', weakness: undefined };
    case 'ed448':
      return { name: 'Ed448', weakness: undefined };
    default:
      return { name: type, weakness: undefined };
  }
}
