// One certificate with everything that path verification looks at. node:crypto reads the certificate and checks signatures; the
// fields that it does not show (path length, key usage, name constraints, identifiers, what is critical) are read here from
// the same octets. A certificate of which any of these cannot be read is not used at all.

import type { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { spkiPin } from '../spki.ts';
import { type KeyStrength, keyStrength, signatureName } from './algorithms.ts';
import {
  contextTag,
  type Element,
  elementsOf,
  expectTag,
  instant,
  numberText,
  sequenceOf,
  soleElement,
  TAG,
} from './der.ts';
import { type Extensions, readExtensions } from './extensions.ts';
import { type CanonicalName, canonicalName, commonNames, emailAddresses } from './names.ts';

export interface Certificate extends Extensions {
  readonly x509: X509Certificate;
  readonly version: 1 | 2 | 3;
  readonly subject: CanonicalName;
  readonly issuer: CanonicalName;
  /** In one line, for people. */
  readonly subjectText: string;
  readonly issuerText: string;
  readonly commonNames: readonly string[];
  readonly emailAddresses: readonly string[];
  /** Hexadecimal, without leading zeros. */
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly signature: string;
  readonly key: KeyStrength;
  /** Of its public key; see spki.ts. */
  readonly pin: string;
  /** SHA-256 of all of it, hexadecimal. */
  readonly fingerprint: string;
}

/** A chain is looked at again with every report, and the own one with every peer. */
const known = new WeakMap<X509Certificate, Certificate>();

/** Never throws. */
export function readCertificate(x509: X509Certificate): Result<Certificate, string> {
  try {
    const certificate = known.get(x509) ?? certificateOf(x509);
    known.set(x509, certificate);
    return ok(certificate);
  } catch (error) {
    return err(reasonOf(error));
  }
}

function certificateOf(x509: X509Certificate): Certificate {
  const [toBeSigned, signatureAlgorithm] = sequenceOf(soleElement(x509.raw, TAG.sequence));
  const all = sequenceOf(toBeSigned);
  const versioned = all[0]?.tag === contextTag(0);
  const [serial, , issuer, validity, subject, , ...optional] = versioned ? all.slice(1) : all;
  const [notBefore, notAfter] = sequenceOf(validity);
  const subjectName = expectTag(subject, TAG.sequence);
  return {
    x509,
    version: versioned ? versionOf(all[0]) : 1,
    subject: canonicalName(subjectName),
    issuer: canonicalName(expectTag(issuer, TAG.sequence)),
    subjectText: oneLine(x509.subject),
    issuerText: oneLine(x509.issuer),
    commonNames: commonNames(subjectName),
    emailAddresses: emailAddresses(subjectName),
    serial: numberText(expectTag(serial, TAG.integer)),
    notBefore: instant(notBefore),
    notAfter: instant(notAfter),
    signature: signatureName(expectTag(signatureAlgorithm, TAG.sequence)),
    key: keyStrength(x509.publicKey),
    pin: spkiPin(x509),
    fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    ...readExtensions(optional.find(({ tag }) => tag === contextTag(3))),
  };
}

function versionOf(element: Element | undefined): 1 | 2 | 3 {
  const version = expectTag(elementsOf(element?.content ?? new Uint8Array())[0], TAG.integer).content.at(-1);
  return version === 0 ? 1 : version === 1 ? 2 : 3;
}

/** Node writes a name over several lines, and nothing where there is none. */
const oneLine = (name: string | undefined): string => (name ?? '').split('\n').join(', ');
