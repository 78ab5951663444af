// Certificate path verification with reasons: whether the chain that somebody presented leads to one trust store, and if not, at
// which link it fails, what was presented, what was expected and what to do. One function for handshakes that failed, for
// `trust verify`, for the plan of a join and for diagnostics. Its verdict is OpenSSL's, so that what is called usable here connects;
// in one thing it is milder: of several certificates that fit by name it tries each, in whatever order they stand. Pure apart from
// OpenSSL's arithmetic.

import type { X509Certificate } from 'node:crypto';
import type { ClusterName } from '../../mesh/model/names.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { endProblem } from './dead-ends.ts';
import { identityProblem, serverNameProblem } from './identity.ts';
import { linkProblems } from './links.ts';
import { type Path, type PathEnd, pathsFrom } from './paths.ts';
import { pinProblems } from './pins.ts';
import { type Member, Pool } from './pool.ts';
import { called, summaryOf, type TrustProblem, type TrustPurpose, type TrustVerdict } from './problem.ts';
import { namesakeProblems, weaknessProblems } from './store-health.ts';
import { expiryProblems } from './validity.ts';

export interface ChainVerification {
  /** As presented: the leaf first, the others in any order. */
  readonly chain: readonly X509Certificate[];
  /** PEM texts of the trust store that is bound to one cluster. */
  readonly store: readonly string[];
  /** The cluster that the store is bound to; without it no name is expected. */
  readonly cluster?: ClusterName;
  readonly purpose: TrustPurpose;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether the cluster is a plain Cilium one, without a card; see identity.ts. */
  readonly plain?: boolean;
  /** The name that the connection is made to, where there is one. */
  readonly serverName?: string;
  /** Pins of the card as it was last admitted: without them CM-TRUST-008 is not judged. */
  readonly admittedPins?: readonly string[];
  /** Pins of the card that is shown now; else the keys of the chain count. */
  readonly currentPins?: readonly string[];
  /** The cluster's clock minus ours, where it is known. */
  readonly clockOffsetMs?: number;
}

export function verifyChain(request: ChainVerification): TrustVerdict {
  const who = request.cluster ?? 'the peer';
  let stored: readonly X509Certificate[];
  try {
    stored = request.store.flatMap(certificatesOf);
  } catch (error) {
    return unreadable(`the trust store ${reasonOf(error)}`, 'PEM certificates', `Repair the trust store of ${who}.`);
  }
  const pool = new Pool(request.chain, stored);
  const { leaf } = pool;
  if (leaf === undefined) {
    const [reason = 'no certificate was presented'] = pool.unreadable;
    return unreadable(reason, 'a certificate that can be read', `Issue the certificate of ${who} anew.`);
  }
  const best = bestPath(leaf, pool, request, who);
  const { members } = best.path;
  const pins = request.admittedPins;
  const problems = [
    ...best.problems,
    ...nameProblems(leaf, request, who),
    ...namesakeProblems(pool, best.path.end === 'anchored' ? undefined : best.path),
    ...expiryProblems(members, request.now, who),
    ...weaknessProblems(pool),
    ...(pins === undefined ? [] : pinProblems({ admitted: pins, current: request.currentPins }, members, who)),
  ];
  return {
    usable: !problems.some(({ severity }) => severity !== 'warning'),
    path: members.map(summaryOf),
    problems: problems.sort((a, b) => RANK[a.severity] - RANK[b.severity]),
  };
}

const RANK = { blocking: 0, error: 1, warning: 2 } as const;

/** Which dead end says most about what is wrong. */
const END_RANK: readonly PathEnd[] = [
  'anchored',
  'other-id',
  'other-key',
  'unknown-root',
  'store-intermediate',
  'unknown-issuer',
  'too-much',
];

interface JudgedPath {
  readonly path: Path;
  readonly problems: readonly TrustProblem[];
}

/** A path without problems, or the one with the fewest. */
function bestPath(
  leaf: Member,
  pool: Pool,
  { purpose, now, clockOffsetMs }: ChainVerification,
  who: string,
): JudgedPath {
  const context = { purpose, clock: { now, offsetMs: clockOffsetMs }, who };
  let best: JudgedPath | undefined;
  for (const path of pathsFrom(leaf, pool)) {
    const problems = [...endProblem(path, pool, who), ...linkProblems(path, context)];
    if (best === undefined || compare({ path, problems }, best) < 0) best = { path, problems };
  }
  return best ?? { path: { members: [leaf], end: 'too-much', namesakes: [] }, problems: [] };
}

const compare = (a: JudgedPath, b: JudgedPath): number =>
  END_RANK.indexOf(a.path.end) - END_RANK.indexOf(b.path.end) ||
  a.problems.length - b.problems.length ||
  b.path.members.length - a.path.members.length;

function nameProblems(leaf: Member, request: ChainVerification, who: string): readonly TrustProblem[] {
  const { cluster, purpose, plain, serverName } = request;
  const wrong = {
    identity: cluster === undefined ? undefined : identityProblem(leaf, { cluster, purpose, plain }),
    'server name': serverName === undefined ? undefined : serverNameProblem(leaf, serverName),
  };
  return Object.entries(wrong).flatMap(([aspect, problem]) =>
    problem === undefined
      ? []
      : {
          code: 'CM-TRUST-006' as const,
          severity: 'blocking' as const,
          aspect,
          certificate: summaryOf(leaf),
          issuers: [],
          ...problem,
          reason: `${called(leaf)} is not the certificate of ${who}: ${problem.reason}`,
          remedy: `Issue a certificate that carries ${problem.expected}, or connect to the cluster that this one names.`,
        },
  );
}

const unreadable = (reason: string, expected: string, remedy: string): TrustVerdict => ({
  usable: false,
  path: [],
  problems: [
    {
      code: 'CM-TRUST-001',
      severity: 'blocking',
      aspect: 'unreadable',
      certificate: undefined,
      issuers: [],
      reason,
      presented: reason,
      expected,
      remedy,
    },
  ],
});
