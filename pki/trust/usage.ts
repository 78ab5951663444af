// Whether certificates may be used for a purpose (CM-TRUST-006, "wrong key usage"): by the key usage of the leaf, and by the extended
// key usage of every certificate, because an authority that lists purposes can vouch for no other. The rules are OpenSSL's;
// "any purpose" in a list does not stand for the purposes of TLS there.

import type { Certificate } from './certificate.ts';
import { KEY_USAGE } from './extensions.ts';
import type { TrustPurpose } from './problem.ts';

interface Wanted {
  readonly name: string;
  readonly extended: readonly string[];
  readonly keyUsage: number;
  readonly keyUsageNames: string;
  readonly netscape: number;
}

const WANTED: Readonly<Record<Exclude<TrustPurpose, 'any'>, Wanted>> = {
  door: {
    name: 'server authentication',
    // The last two are the names that Microsoft and Netscape gave it.
    extended: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.4.1.311.10.3.3', '2.16.840.1.113730.4.1'],
    keyUsage: KEY_USAGE.digitalSignature | KEY_USAGE.keyEncipherment | KEY_USAGE.keyAgreement,
    keyUsageNames: 'digitalSignature, keyEncipherment or keyAgreement',
    netscape: 0x4000,
  },
  peer: {
    name: 'client authentication',
    extended: ['1.3.6.1.5.5.7.3.2'],
    keyUsage: KEY_USAGE.digitalSignature | KEY_USAGE.keyAgreement,
    keyUsageNames: 'digitalSignature or keyAgreement',
    netscape: 0x8000,
  },
};

const NAMES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'server authentication',
  '1.3.6.1.5.5.7.3.2': 'client authentication',
  '1.3.6.1.5.5.7.3.3': 'code signing',
  '1.3.6.1.5.5.7.3.4': 'e-mail protection',
  '1.3.6.1.5.5.7.3.8': 'time stamping',
  '1.3.6.1.5.5.7.3.9': 'OCSP signing',
  '2.5.29.37.0': 'any purpose',
};

export interface UsageProblem {
  readonly presented: string;
  readonly expected: string;
}

export function usageProblem(
  certificate: Certificate,
  purpose: TrustPurpose,
  isLeaf: boolean,
): UsageProblem | undefined {
  if (purpose === 'any') return undefined;
  const wanted = WANTED[purpose];
  const { extendedKeyUsage, keyUsage, netscapeType } = certificate;
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.some((id) => wanted.extended.includes(id))) {
    const listed = extendedKeyUsage.map((id) => NAMES[id] ?? id).join(', ');
    return { presented: `extended key usage ${listed === '' ? 'none' : listed}`, expected: wanted.name };
  }
  if (!isLeaf) return undefined;
  if (keyUsage !== undefined && (keyUsage & wanted.keyUsage) === 0) {
    return { presented: 'a key usage that does not allow it', expected: `key usage ${wanted.keyUsageNames}` };
  }
  if (netscapeType !== undefined && (netscapeType & wanted.netscape) === 0) {
    return { presented: 'a Netscape certificate type that does not allow it', expected: wanted.name };
  }
  return undefined;
}
