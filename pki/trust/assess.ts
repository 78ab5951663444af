// Trust as a part of the report: verifies what is known of each cluster's chain and trust store and says which checks that amounts
// to. The same for offline folders and for what was seen on the wire. A check without input is skipped; one whose input cannot
// be read, or could not be had, is unknown.

import type { X509Certificate } from 'node:crypto';
import { catalogueRow } from '../../mesh/conflict/catalogue.ts';
import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import { compareFindings, type Finding } from '../../mesh/conflict/finding.ts';
import type { Check, CheckStatus } from '../../mesh/conflict/report.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { spkiPin } from '../spki.ts';
import { type ClusterStore, sharedAuthorities } from './authorities.ts';
import { type FindingContext, trustFinding, withoutDoubles } from './findings.ts';
import { handshakeProblems, type SeenHandshake } from './handshake.ts';
import type { TrustCode, TrustProblem } from './problem.ts';
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

interface Looked {
  readonly findings: readonly Finding[];
  /** Clusters whose chain was verified, whose handshake was seen, and whose pins could be compared. */
  readonly verified: ReadonlySet<string>;
  readonly greeted: ReadonlySet<string>;
  readonly remembered: ReadonlySet<string>;
  readonly stores: readonly ClusterStore[];
  readonly doubts: readonly string[];
}

export function assessTrust(inputs: readonly TrustInput[]): Assessment {
  const looked = lookAt(inputs);
  const findings = [...looked.findings].sort(compareFindings);
  const enough = (count: number, lacking: string) => ({ count, lacking });
  const { verified, greeted, remembered, stores, doubts } = looked;
  const stated = (code: TrustCode, { count, lacking }: { count: number; lacking: string }, inDoubt: boolean) =>
    checkOf(code, findings, count, lacking, inDoubt ? doubts : []);
  const chains = enough(verified.size, 'no chain was given together with a trust store');
  return {
    findings,
    omitted: [],
    checks: [
      ...VERIFIED.map((code) => stated(code, chains, true)),
      stated('CM-TRUST-002', enough(greeted.size, 'no handshake was made'), greeted.size > 0),
      stated(
        'CM-TRUST-007',
        enough(Math.max(verified.size, stores.length > 1 ? stores.length : 0), chains.lacking),
        true,
      ),
      stated('CM-TRUST-008', enough(remembered.size, 'no card as last admitted to compare with'), remembered.size > 0),
    ],
  };
}

function lookAt(inputs: readonly TrustInput[]): Looked {
  const findings: Finding[] = [];
  const [verified, greeted, remembered] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const stores = new Map<ClusterName, ClusterStore>();
  const doubts = new Set<string>();
  for (const input of inputs) {
    const { cluster, ca, chain, missing, handshake, admittedPins } = input;
    if (missing !== undefined) doubts.add(`${cluster}: ${missing}`);
    const where = input.where ?? OFFLINE_FILES;
    const store = ca === undefined ? undefined : certificatesIn(ca);
    const presented = chain === undefined ? undefined : certificatesIn(chain);
    if (store?.ok === false) doubts.add(`${cluster}: ${where.ca} ${store.error}`);
    if (presented?.ok === false) doubts.add(`${cluster}: ${where.chain} ${presented.error}`);
    if (store?.ok === true) stores.set(cluster, { cluster, certificates: store.value });
    const problems: TrustProblem[] = [];
    let path: FindingContext['path'] = [];
    if (handshake !== undefined) greeted.add(cluster);
    if (store?.ok === true && presented?.ok === true) {
      const verdict = verifyChain(verification(input, presented.value));
      path = verdict.path;
      problems.push(...verdict.problems, ...handshakeProblems(handshake, cluster, verdict));
      verified.add(cluster);
      if (admittedPins !== undefined && admittedPins.length > 0) remembered.add(cluster);
    } else problems.push(...handshakeProblems(handshake, cluster, undefined));
    const storePins = store?.ok === true ? [...new Set(store.value.map(spkiPin))] : [];
    const context = { cluster, local: input.local, now: input.now, where, path, storePins };
    findings.push(...problems.map((problem) => trustFinding(problem, context)));
  }
  const [first] = inputs;
  if (first !== undefined) findings.push(...sharedAuthorities([...stores.values()], first));
  return {
    findings: withoutDoubles(findings),
    ...{ verified, greeted, remembered },
    stores: [...stores.values()],
    doubts: [...doubts],
  };
}

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

function certificatesIn(pem: string): Result<readonly X509Certificate[], string> {
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
  if (found > 0) return result('failed', found === 1 ? '1 finding' : `${found} findings`);
  if (doubts.length > 0) return result('unknown', doubts.join('; '));
  if (count === 0) return result('skipped', lacking);
  return result('passed', count === 1 ? '1 cluster' : `${count} clusters`);
}
