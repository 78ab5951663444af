// Trust as a part of the report: verifies what is known of each cluster's chain and trust store and says which checks that amounts
// to. The same for offline folders and for what was seen on the wire. A check without input is skipped; one whose input cannot
// be read, or could not be had, is unknown.

import type { X509Certificate } from 'node:crypto';
import { catalogueRow } from '../../mesh/conflict/catalogue.ts';
import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import { compareFindings, type Finding } from '../../mesh/conflict/finding.ts';
import type { Check, CheckStatus } from '../../mesh/conflict/report.ts';
import { counted } from '../../mesh/model/counted.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { type BoundAuthority, sharedAuthorities } from './authorities.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { trustFinding, withoutDoubles } from './findings.ts';
import { handshakeProblems, type SeenHandshake } from './handshake.ts';
import { printable } from './printable.ts';
import type { TrustCode } from './problem.ts';
import { nextChange } from './validity.ts';
import { type ChainVerification, verifyChain } from './verify-chain.ts';

export interface TrustInput {
  readonly cluster: ClusterName;
  /** PEM of the trust store that is bound to the cluster. */
  readonly ca?: string | undefined;
  /** PEM of what its door presents, leaf first. */
  readonly chain?: string | undefined;
  /** Whose point of view it is. */
  readonly local: ClusterName | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly plain?: boolean | undefined;
  readonly admittedPins?: readonly string[] | undefined;
  /** Pins of the card that the cluster shows now. */
  readonly currentPins?: readonly string[] | undefined;
  readonly clockOffsetMs?: number | undefined;
  /** @default the names of the files of an offline folder */
  readonly where?: { readonly chain: string; readonly ca: string };
  /** What a real handshake said beside the chain. */
  readonly handshake?: SeenHandshake | undefined;
  /** Why nothing is known, although it should be. */
  readonly missing?: string | undefined;
}

/** Codes that come out of one verification. */
const VERIFIED: readonly TrustCode[] = [
  'CM-TRUST-001',
  'CM-TRUST-003',
  'CM-TRUST-004',
  'CM-TRUST-005',
  'CM-TRUST-006',
  'CM-TRUST-009',
];

const OFFLINE_FILES = { chain: 'chain.pem', ca: 'ca.pem' };

/** One cluster's trust, judged: the costly part, which needs to be done again only when something has changed, or for the time. */
export interface JudgedTrust {
  readonly cluster: ClusterName;
  readonly findings: readonly Finding[];
  readonly authorities: readonly BoundAuthority[];
  readonly verified: boolean;
  readonly greeted: boolean;
  /** Its pins were compared with those of its card as last admitted. */
  readonly remembered: boolean;
  /** What could not be looked at, and why. */
  readonly doubts: readonly string[];
  /** The moment from which time alone may change something of it; absent where what was found is told in spans of time. */
  readonly holdsUntil: number | undefined;
}

export function assessTrust(inputs: readonly TrustInput[]): Assessment {
  const [first] = inputs;
  return assessmentOf(inputs.map(judgeTrust), { local: first?.local, now: first?.now ?? 0 });
}

export function judgeTrust(input: TrustInput): JudgedTrust {
  const { cluster, local, now, missing, handshake, admittedPins } = input;
  const where = input.where ?? OFFLINE_FILES;
  const store = certificatesIn(input.ca);
  const chain = certificatesIn(input.chain);
  const doubts = [
    ...(missing === undefined ? [] : [missing]),
    ...(store?.ok === false ? [`${where.ca} ${store.error}`] : []),
    ...(chain?.ok === false ? [`${where.chain} ${chain.error}`] : []),
  ];
  const verdict = store?.ok && chain?.ok ? verifyChain(verification(input, chain.value)) : undefined;
  const problems = [...(verdict?.problems ?? []), ...handshakeProblems(handshake, { cluster, local, now }, verdict)];
  const authorities = boundAuthorities(cluster, readable(store));
  const storePins = [...new Set(authorities.map(({ pin }) => pin))];
  const context = { cluster, local, now, where, path: verdict?.path ?? [], storePins };
  return {
    cluster,
    findings: problems.map((problem) => trustFinding(problem, context)),
    authorities,
    verified: verdict !== undefined,
    greeted: handshake !== undefined && handshake.answered !== false,
    remembered: verdict !== undefined && (admittedPins ?? []).length > 0,
    doubts: doubts.map((doubt) => `${cluster}: ${doubt}`),
    holdsUntil: problems.length > 0 ? undefined : nextChange([...readable(store), ...readable(chain)], now),
  };
}

const readable = (list: CertificatesRead | undefined): readonly Certificate[] =>
  list?.ok !== true ? [] : list.value.map(readCertificate).flatMap((read) => (read.ok ? [read.value] : []));

type CertificatesRead = Result<readonly X509Certificate[], string>;

export function assessmentOf(
  judged: readonly JudgedTrust[],
  { local, now }: { readonly local: ClusterName | undefined; readonly now: number },
): Assessment {
  const shared = sharedAuthorities(
    judged.flatMap(({ authorities }) => authorities),
    { local, now },
  );
  const seenNow = { last_seen: new Date(now).toISOString() };
  const findings = withoutDoubles([...judged.flatMap((one) => one.findings), ...shared])
    .map((finding) => ({ ...finding, ...seenNow }))
    .sort(compareFindings);
  const doubts = [...new Set(judged.flatMap((one) => one.doubts))];
  const count = (holds: (one: JudgedTrust) => boolean) =>
    new Set(judged.filter(holds).map(({ cluster }) => cluster)).size;
  const verified = count((one) => one.verified);
  const stores = count((one) => one.authorities.length > 0);
  const [greeted, remembered] = [count((one) => one.greeted), count((one) => one.remembered)];
  return {
    findings,
    omitted: [],
    checks: [
      ...VERIFIED.map((code) => checkOf(code, findings, verified, NO_CHAIN, doubts)),
      checkOf('CM-TRUST-002', findings, greeted, 'no handshake was made', greeted > 0 ? doubts : []),
      checkOf('CM-TRUST-007', findings, Math.max(verified, stores > 1 ? stores : 0), NO_CHAIN, doubts),
      checkOf('CM-TRUST-008', findings, remembered, NO_HISTORY, remembered > 0 ? doubts : []),
    ],
  };
}

const NO_CHAIN = 'no chain was given together with a trust store';
const NO_HISTORY = 'no card as last admitted to compare with';

const boundAuthorities = (cluster: ClusterName, store: readonly Certificate[]): readonly BoundAuthority[] =>
  store.map(({ subject, subjectText, pin }) => ({
    cluster,
    name: JSON.stringify(subject),
    subject: printable(subjectText),
    pin,
  }));

function verification(input: TrustInput, chain: readonly X509Certificate[]): ChainVerification {
  const { cluster, ca = '', now, plain, admittedPins, currentPins, clockOffsetMs, handshake } = input;
  const serverName = handshake?.serverName;
  return {
    chain,
    store: [ca],
    cluster,
    purpose: 'door',
    now,
    ...(plain === undefined ? {} : { plain }),
    ...(admittedPins === undefined ? {} : { admittedPins }),
    ...(currentPins === undefined ? {} : { currentPins }),
    ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function certificatesIn(pem: string | undefined): CertificatesRead | undefined {
  if (pem === undefined) return undefined;
  try {
    return ok(certificatesOf(pem));
  } catch (error) {
    return err(reasonOf(error));
  }
}

function checkOf(
  code: TrustCode,
  findings: readonly Finding[],
  count: number,
  lacking: string,
  doubts: readonly string[],
): Check {
  const { title, category } = catalogueRow(code);
  const found = findings.filter((finding) => finding.code === code).length;
  const result = (status: CheckStatus, reason: string): Check => ({ code, title, category, status, reason });
  if (found > 0) return result('failed', counted(found, 'finding'));
  if (doubts.length > 0) return result('unknown', doubts.join('; '));
  if (count === 0) return result('skipped', lacking);
  return result('passed', counted(count, 'cluster'));
}
