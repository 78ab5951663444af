// Judges a path that signatures have built: may each certificate issue the one below it, at this time, for this purpose and these
// names? Everything that is wrong is said, not the first thing only.

import { constraintViolation } from './constraints.ts';
import type { Path } from './paths.ts';
import { authorityKind, isSelfIssued, type Member } from './pool.ts';
import { called, summaryOf, type TrustProblem, type TrustPurpose } from './problem.ts';
import { usageProblem } from './usage.ts';
import { type ClockView, validityProblem } from './validity.ts';

export interface LinkContext {
  readonly purpose: TrustPurpose;
  readonly clock: ClockView;
  /** For remedies: the cluster, or `the peer`. */
  readonly who: string;
}

export function linkProblems({ members, end }: Path, context: LinkContext): readonly TrustProblem[] {
  const problems: TrustProblem[] = [];
  // Certificates below, apart from those that an authority issued for itself, count against path lengths.
  let intermediates = 0;
  for (const [depth, member] of members.entries()) {
    const isLeaf = depth === 0;
    const below = members[depth - 1];
    const isAnchor = end === 'anchored' && depth === members.length - 1;
    problems.push(...certificateProblems(member, isLeaf, context, members));
    if (below !== undefined)
      problems.push(...issuerProblems({ below, issuer: member, isAnchor, intermediates, depth, context }));
    const constraints = member.nameConstraints;
    for (const [lower, subject] of constraints === undefined ? [] : members.slice(0, depth).entries()) {
      const violation = constraints === undefined ? undefined : constraintViolation(subject, constraints, lower === 0);
      if (violation === undefined) continue;
      problems.push(
        link(subject, member, 'constraints', {
          reason: `${called(member)} may not vouch for it: ${violation}`,
          presented: violation,
          expected: `names that the constraints of ${called(member)} allow`,
          remedy: `Let ${context.who} use a certificate with names that its authority may vouch for.`,
        }),
      );
    }
    if (!isLeaf && !isSelfIssued(member)) intermediates += 1;
  }
  return problems;
}

function certificateProblems(
  member: Member,
  isLeaf: boolean,
  { purpose, clock, who }: LinkContext,
  path: readonly Member[],
): readonly TrustProblem[] {
  const problems: TrustProblem[] = [];
  const outside = validityProblem(member, clock, path);
  if (outside !== undefined) {
    problems.push({
      code: 'CM-TRUST-004',
      severity: 'blocking',
      certificate: summaryOf(member),
      issuers: [],
      ...outside,
      remedy: outside.aspect === 'expired' ? expiredRemedy(member, who) : outside.remedy,
    });
  }
  const usage = usageProblem(member, purpose, isLeaf);
  if (usage !== undefined) {
    problems.push({
      code: 'CM-TRUST-006',
      severity: 'blocking',
      aspect: 'usage',
      certificate: summaryOf(member),
      issuers: [],
      reason: `${called(member)} is not for this purpose: it has ${usage.presented}`,
      ...usage,
      remedy: `Issue the certificate of ${who} with the profile ${purpose === 'door' ? 'door' : 'peer'}.`,
    });
  }
  for (const id of [...member.unknownCritical, ...(member.proxy ? ['1.3.6.1.5.5.7.1.14'] : [])]) {
    problems.push(
      link(member, undefined, `critical ${id}`, {
        reason: `${called(member)} has the critical extension ${id}, which must be understood and is not`,
        presented: `critical extension ${id}`,
        expected: 'no critical extension beyond those of RFC 5280',
        remedy: `Issue the certificate of ${who} without the extension ${id}.`,
      }),
    );
  }
  return problems;
}

const expiredRemedy = (member: Member, who: string): string =>
  member.storedAt === undefined
    ? `Renew the certificate ${called(member)} of ${who}.`
    : `Replace the expired authority ${called(member)} in the trust store of ${who}: while it is there, no other path is tried.`;

interface IssuerStep {
  readonly below: Member;
  readonly issuer: Member;
  readonly isAnchor: boolean;
  readonly intermediates: number;
  readonly depth: number;
  readonly context: LinkContext;
}

function issuerProblems({
  below,
  issuer,
  isAnchor,
  intermediates,
  depth,
  context,
}: IssuerStep): readonly TrustProblem[] {
  const problems: TrustProblem[] = [];
  const kind = authorityKind(issuer);
  if (kind === undefined || (kind === 'legacy' && !isAnchor)) {
    problems.push(
      link(below, issuer, 'not a CA', {
        reason: `${called(issuer)}, which issued ${called(below)}, is not the certificate of an authority`,
        presented: authorityText(issuer),
        expected: 'basic constraints CA:TRUE, and keyCertSign where a key usage is set',
        remedy: `Let an authority issue the certificate of ${context.who}.`,
      }),
    );
  }
  const allowed = issuer.basicConstraints?.pathLength;
  // Directly above the leaf there is nothing that could be too long.
  if (depth > 1 && allowed !== undefined && intermediates > allowed) {
    problems.push(
      link(below, issuer, 'path length', {
        reason: `${called(issuer)} allows ${allowed} intermediates below it, and there are ${intermediates}`,
        presented: `${intermediates} intermediates`,
        expected: `at most ${allowed}`,
        remedy: `Issue the certificate of ${context.who} by an authority that stands higher, or raise the path length of the root.`,
      }),
    );
  }
  return problems;
}

function authorityText({ basicConstraints, keyUsage }: Member): string {
  if (basicConstraints === undefined) return keyUsage === undefined ? 'no basic constraints' : 'a key usage alone';
  return basicConstraints.ca ? 'CA:TRUE, with a key usage without keyCertSign' : 'basic constraints CA:FALSE';
}

/** A link that does not hold: CM-TRUST-001. */
export function link(
  below: Member,
  issuer: Member | readonly Member[] | undefined,
  aspect: string,
  texts: Pick<TrustProblem, 'reason' | 'presented' | 'expected' | 'remedy'>,
): TrustProblem {
  const issuers = issuer === undefined ? [] : 'fingerprint' in issuer ? [issuer] : issuer;
  return {
    code: 'CM-TRUST-001',
    severity: 'blocking',
    aspect,
    certificate: summaryOf(below),
    issuers: issuers.map(summaryOf),
    ...texts,
  };
}
