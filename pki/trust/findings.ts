// From problems of a verification to findings: the words of the problem, the finding's shape and its name. The name holds what is
// wrong and with whom, and neither keys nor times, so that a fault that outlasts a renewal stays the same finding.

import { finish } from '../../mesh/conflict/evaluate.ts';
import { type Draft, type Finding, type Json, soleFingerprint } from '../../mesh/conflict/finding.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { CertificateSummary, TrustProblem } from './problem.ts';

export interface FindingContext {
  readonly cluster: ClusterName;
  readonly local: ClusterName | undefined;
  readonly now: number;
  /** Where the chain was presented, and where the trust store stands. */
  readonly where: { readonly chain: string; readonly ca: string };
  readonly path: readonly CertificateSummary[];
  readonly storePins: readonly string[];
}

/** A path is short; what a hostile peer adds to it is not evidence. */
const PATH_SHOWN_MAX = 8;
const PINS_SHOWN_MAX = 8;

export function trustFinding(problem: TrustProblem, context: FindingContext): Finding {
  const { local, now } = context;
  const finding = finish(draftOf(problem, context), { local, now, since: now, effects: new Map() });
  // The catalogue's remedy is for the code in general; here it is known which certificate of whom is meant.
  return { ...finding, remediation: problem.remedy };
}

function draftOf(problem: TrustProblem, { cluster, where, path, storePins }: FindingContext): Draft {
  const { code, severity, aspect, certificate, issuers, reason, presented, expected, acts } = problem;
  const inStore = certificate?.place.startsWith('trust store') === true;
  return {
    code,
    severity,
    subject: {
      cluster,
      kind: 'certificate',
      key: inStore ? where.ca : where.chain,
      value: certificate?.subject ?? '',
    },
    other: 'local',
    evidence: {
      reason,
      presented,
      expected,
      ...(acts === undefined ? {} : { acts }),
      ...(certificate === undefined ? {} : { certificate: shown(certificate) }),
      ...(issuers.length === 0 ? {} : { issuers: issuers.map(shown) }),
      path: path.slice(0, PATH_SHOWN_MAX).map(({ subject }) => subject),
      store_pins: storePins.slice(0, PINS_SHOWN_MAX),
    },
    winner: null,
    fingerprint: soleFingerprint(code, cluster, aspect, certificate?.subject ?? ''),
  };
}

const shown = ({
  place,
  subject,
  issuer,
  serial,
  pin,
  valid_from,
  valid_to,
  key,
  signature,
}: CertificateSummary): Json => ({
  subject,
  place,
  pin,
  issuer,
  serial,
  valid_from,
  valid_to,
  key,
  signature,
});

/** The same fault at several endpoints of one peer, or of several certificates of one name, is one finding. */
export const withoutDoubles = (findings: readonly Finding[]): readonly Finding[] => [
  ...new Map([...findings].reverse().map((finding) => [finding.fingerprint, finding])).values(),
];
