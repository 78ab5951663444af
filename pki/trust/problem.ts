// What path verification says: the verdict, and each problem with the code of its finding, the certificate or link at fault, what
// was presented, what was expected and what to do.

import type { Severity } from '../../mesh/conflict/finding.ts';
import type { Member } from './pool.ts';
import { printable } from './printable.ts';

export type TrustCode =
  | 'CM-TRUST-001'
  | 'CM-TRUST-002'
  | 'CM-TRUST-003'
  | 'CM-TRUST-004'
  | 'CM-TRUST-005'
  | 'CM-TRUST-006'
  | 'CM-TRUST-007'
  | 'CM-TRUST-008'
  | 'CM-TRUST-009';

/** What a certificate is used for: by a cluster's door, by a cluster as a client of another's door, or not known. */
export type TrustPurpose = 'door' | 'peer' | 'any';

export interface TrustProblem {
  readonly code: TrustCode;
  readonly severity: Extract<Severity, 'blocking' | 'error' | 'warning'>;
  /** Which of the things that a code may mean; with code and certificate it names the problem. */
  readonly aspect: string;
  /** The lower end of the link that fails; the certificate itself where it is not about a link. */
  readonly certificate: CertificateSummary | undefined;
  /** The upper end of the link, and certificates that could be mistaken for it. */
  readonly issuers: readonly CertificateSummary[];
  /** A sentence without a full stop. */
  readonly reason: string;
  readonly presented: string;
  readonly expected: string;
  /** One imperative sentence. */
  readonly remedy: string;
  /** The cluster at which the remedy is to be carried out, where that is not plain from the certificate at fault. */
  readonly acts?: string;
}

/** A certificate as it is shown. */
export interface CertificateSummary {
  /** `presented 2`, `trust store 1`, or both. */
  readonly place: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly pin: string;
  readonly fingerprint: string;
  /** RFC 3339 UTC. */
  readonly valid_from: string;
  readonly valid_to: string;
  readonly key: string;
  readonly signature: string;
}

export interface TrustVerdict {
  readonly usable: boolean;
  /** Leaf first. Complete only when it is usable or its last certificate is of the trust store. */
  readonly path: readonly CertificateSummary[];
  /** The worst first. */
  readonly problems: readonly TrustProblem[];
}

export function summaryOf(member: Member): CertificateSummary {
  return {
    place: placeOf(member),
    subject: subjectOf(member),
    issuer: printable(member.issuerText),
    serial: member.serial,
    pin: member.pin,
    fingerprint: member.fingerprint,
    valid_from: timeText(member.notBefore),
    valid_to: timeText(member.notAfter),
    key: member.key.name,
    signature: member.signature,
  };
}

function placeOf({ presentedAt, storedAt }: Member): string {
  const places = [
    ...(presentedAt === undefined ? [] : [`presented ${presentedAt}`]),
    ...(storedAt === undefined ? [] : [`trust store ${storedAt}`]),
  ];
  return places.join(', ');
}

/** `"CN=…" (presented 1)` */
export const called = (member: Member): string => `"${subjectOf(member)}" (${placeOf(member)})`;

const subjectOf = ({ subjectText }: Member): string => (subjectText === '' ? '(no subject)' : printable(subjectText));

/** Seconds are all that certificates know. */
export const timeText = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
