// What hurts sooner or later, whatever the verdict: authorities that share a name (CM-TRUST-007), weak keys and signatures
// (CM-TRUST-009).

import { signatureWeakness } from './algorithms.ts';
import type { Path } from './paths.ts';
import { isSelfIssued, type Member, type Pool } from './pool.ts';
import { called, summaryOf, type TrustProblem } from './problem.ts';

/** `failed`: the path that ends because of a namesake; there it is why, and an error. */
export function namesakeProblems(pool: Pool, failed: Path | undefined): readonly TrustProblem[] {
  const atFault = failed === undefined ? undefined : failedLink(failed);
  const groups = new Map<string, Member[]>();
  for (const member of pool.members) {
    if (member.basicConstraints?.ca !== true && member.storedAt === undefined) continue;
    const name = JSON.stringify(member.subject);
    groups.set(name, [...(groups.get(name) ?? []), member]);
  }
  const warnings = [...groups]
    .filter(([name, members]) => name !== atFault?.name && new Set(members.map(({ pin }) => pin)).size > 1)
    .map(([, [first, ...rest]]): TrustProblem | undefined =>
      first === undefined
        ? undefined
        : {
            code: 'CM-TRUST-007',
            severity: 'warning',
            aspect: 'namesakes',
            certificate: summaryOf(first),
            issuers: rest.map(summaryOf),
            reason: `several authorities with different keys are called ${called(first).replace(/ \(.*\)$/, '')}; each is tried, but not every client does that`,
            presented: [first, ...rest].map(({ pin }) => pin).join(', '),
            expected: 'one key for each name',
            remedy: 'Give each authority a name of its own.',
          },
    )
    .filter((problem) => problem !== undefined);
  return atFault === undefined ? warnings : [atFault.problem, ...warnings];
}

function failedLink({
  members,
  end,
  namesakes,
}: Path): { readonly name: string; readonly problem: TrustProblem } | undefined {
  const last = members.at(-1);
  const [first] = namesakes;
  if (last === undefined || first === undefined || (end !== 'other-key' && end !== 'unknown-root')) return undefined;
  const another = end === 'unknown-root' ? `the one presented has ${last.pin}` : 'another key signed';
  return {
    name: JSON.stringify(first.subject),
    problem: {
      code: 'CM-TRUST-007',
      severity: 'error',
      aspect: 'namesakes',
      certificate: summaryOf(last),
      issuers: namesakes.map(summaryOf),
      reason: `two authorities are called ${called(first).replace(/ \(.*\)$/, '')}: ${called(first)} has the key ${first.pin}, and ${another}`,
      presented:
        end === 'unknown-root' ? last.pin : `signed by another key than ${namesakes.map(({ pin }) => pin).join(', ')}`,
      expected: first.pin,
      remedy: 'Find out by another way which of the two keys is right, and give each authority a name of its own.',
    },
  };
}

/** Of all certificates that could vouch or be vouched for: a weak one is a way in, on the path or not. */
export function weaknessProblems(pool: Pool): readonly TrustProblem[] {
  return pool.members.flatMap((member) => {
    const signature = signatureWeakness(member.signature);
    // An authority's own signature proves nothing, so that little rests on it; it says how old the tools are.
    const own = isSelfIssued(member) ? ' (its own, on which little rests)' : '';
    const weaknesses = [member.key.weakness, signature === undefined ? undefined : `${signature}${own}`].filter(
      (weakness) => weakness !== undefined,
    );
    if (weaknesses.length === 0) return [];
    return {
      code: 'CM-TRUST-009' as const,
      severity: 'warning' as const,
      aspect: 'weak',
      certificate: summaryOf(member),
      issuers: [],
      reason: `${called(member)} is weak: ${weaknesses.join('; ')}`,
      presented: `${member.key.name}, signed with ${member.signature}`,
      expected: 'ECDSA P-256 or stronger, RSA of 2048 bits or more, SHA-256 or longer',
      remedy: `Issue ${called(member)} anew with ECDSA P-256 and SHA-256.`,
    };
  });
}
