// What only a real handshake tells: whether the other side accepts our client certificate (CM-TRUST-002), and whether the TLS of
// this process accepts the chain.

import type { ClusterName } from '../../mesh/model/names.ts';
import { type ClientRefusal, clientRefusalProblem } from './client-refusal.ts';
import type { TrustProblem, TrustVerdict } from './problem.ts';

export interface SeenHandshake {
  /** The name that the connection is made to. */
  readonly serverName?: string | undefined;
  /** Whether it is known what the other side makes of our client certificate. @default true */
  readonly answered?: boolean;
  /** How the other side refused our client certificate; undefined when it did not. */
  readonly clientRefused?: ClientRefusal | undefined;
  /** PEM of what we showed, leaf first. */
  readonly clientShown?: string | undefined;
  /** Why the TLS of this process does not accept the chain presented; undefined when it does. */
  readonly chainRefused?: string | undefined;
}

export interface HandshakeContext {
  readonly cluster: ClusterName;
  readonly local: ClusterName | undefined;
  readonly now: number;
}

/** `verdict`: on the chain that was presented in that handshake. */
export function handshakeProblems(
  seen: SeenHandshake | undefined,
  { cluster, local, now }: HandshakeContext,
  verdict: TrustVerdict | undefined,
): readonly TrustProblem[] {
  const problems: TrustProblem[] = [];
  const [leaf] = verdict?.path ?? [];
  const about = { certificate: leaf, issuers: [], severity: 'blocking' as const };
  if (seen?.clientRefused !== undefined) {
    const { clientRefused: refusal, clientShown: shown } = seen;
    problems.push(clientRefusalProblem({ refusal, cluster, local, shown, now }));
  }
  // Said only where the verification has no reason of its own: then the two differ, and what connects is TLS.
  if (seen?.chainRefused !== undefined && verdict?.usable === true) {
    problems.push({
      ...about,
      code: 'CM-TRUST-001',
      aspect: 'handshake',
      reason: `a path to the trust store exists, but TLS does not take it: ${seen.chainRefused}`,
      presented: `a chain that is refused with ${seen.chainRefused}`,
      expected: 'a chain that TLS accepts',
      remedy: `Let ${cluster} present one certificate for each authority, with strong keys and signatures, and remove old ones of the same name from its trust store.`,
    });
  }
  return problems;
}
