// A leaf that a program itself shows, judged for time alone: expired or not yet valid (CM-TRUST-004), or so near its end that
// nothing seems to renew it (CM-TRUST-005). Peers see the same of it, by the same rule; here it is known in which file it stands,
// what is wrong with that file, and that renewing it is up to us. Pure apart from OpenSSL's arithmetic.

import type { Finding } from '../../mesh/conflict/finding.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import type { FollowedPair } from '../../runtime/tls/tls-files.ts';
import { trustFinding } from './findings.ts';
import type { TrustProblem } from './problem.ts';
import { verifyChain } from './verify-chain.ts';

export interface OwnLeaf extends FollowedPair {
  /** What it is shown for: door, rpc, http, etcd, peer. */
  readonly use: string;
  /** Others have issued it for us, or may have: a Cilium cluster gives its clients certificates of its own. */
  readonly byOthers?: boolean;
}

export interface OwnTrust {
  readonly local: ClusterName;
  /** PEM texts of the own authorities, and where they stand. */
  readonly store: readonly string[];
  readonly storePath: string;
}

export function ownLeafFindings(leaf: OwnLeaf, { local, store, storePath }: OwnTrust, now: number): readonly Finding[] {
  const chain = certificatesOf(leaf.certificate);
  const { path, problems } = verifyChain({ chain, store, purpose: 'any', now });
  const where = { chain: leaf.path, ca: storePath };
  return problems
    .filter(({ code }) => code === 'CM-TRUST-004' || code === 'CM-TRUST-005')
    .map((problem) => {
      const ofLeaf = problem.certificate?.fingerprint === path[0]?.fingerprint;
      const told: TrustProblem = {
        ...problem,
        // Nothing is held back here; it is others who refuse what we show.
        severity: problem.severity === 'blocking' ? 'error' : problem.severity,
        remedy: ofLeaf && problem.aspect !== 'not yet valid' ? remedyFor(leaf) : problem.remedy,
      };
      const finding = trustFinding(told, { cluster: local, local, now, where, path, storePins: [] });
      const evidence = { ...finding.evidence, used_for: leaf.use, file: leaf.path, file_problem: leaf.problem ?? null };
      return { ...finding, evidence };
    });
}

function remedyFor({ path, problem, byOthers = false }: OwnLeaf): string {
  if (problem !== undefined) {
    return `Repair ${path}, which is not taken over: ${problem}; clustermesh trust renew makes a new pair where the authority is kept.`;
  }
  return byOthers
    ? `Put a new certificate and its key in the place of ${path}: from whoever has issued this one, or with clustermesh trust renew.`
    : `Run clustermesh trust renew where the authority is kept, copy what it wrote to ${path}, and look why its --watch did not.`;
}
