// Every way in which a join is refused, in one table: its code, status and what to do. Who has proved the secret is told which one it is;
// everybody else gets one answer, which says nothing about what exists here.

import type { Finding } from '../../mesh/conflict/finding.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Problem } from '../../runtime/http.ts';
import { shown } from './shown.ts';

const REFUSALS = {
  JOIN_TOKEN: { status: 400, title: 'Not a token', hint: 'copy the whole line that `clustermesh invite` printed' },
  JOIN_EXPIRED: { status: 410, title: 'The invitation has expired', hint: 'ask for a new one' },
  JOIN_WITHDRAWN: { status: 410, title: 'The invitation was withdrawn', hint: 'ask for a new one' },
  JOIN_USED: {
    status: 409,
    title: 'The invitation was used by another cluster',
    hint: 'if that was not you, the token was stolen: have the other side run `clustermesh leave`, and ask for a new one',
  },
  JOIN_BUSY: {
    status: 409,
    title: 'The invitation is being used by another join',
    hint: 'wait a minute and try again; if no other join of yours is under way, the token was stolen',
  },
  JOIN_WRONG_PEER: {
    status: 403,
    title: 'The invitation is for another cluster',
    hint: 'ask for one with `clustermesh invite --peer` and the name of this cluster',
  },
  JOIN_CLOCK: { status: 409, title: 'The clocks differ', hint: 'set both clocks (NTP), then try again' },
  JOIN_OWN_TOKEN: {
    status: 400,
    title: 'The token is from this cluster',
    hint: 'run `clustermesh join` at the other cluster, the one that was invited',
  },
  JOIN_ALREADY_PEER: {
    status: 409,
    title: 'The clusters are connected already',
    hint: 'nothing is to be done; to connect anew, run `clustermesh leave` on both sides first',
  },
  JOIN_CONFLICTS: {
    status: 409,
    title: 'The clusters do not fit together',
    hint: 'resolve the blocking findings, then run the same join again: the token is still good',
  },
  JOIN_TRUST: {
    status: 409,
    title: 'A certificate does not fit its authority',
    hint: 'renew the certificate with `clustermesh pki init`, and check which authority is configured',
  },
  JOIN_OFFER: { status: 400, title: 'What was offered cannot be read', hint: 'use the same version on both sides' },
  JOIN_NOT_READY: { status: 503, title: 'Not ready', hint: 'try again in a few seconds' },
  JOIN_NOT_CONFIGURED: {
    status: 409,
    title: 'Joining is not set up here',
    hint: 'see docs/operations.md, Connecting clusters',
  },
  JOIN_UNREACHABLE: {
    status: 502,
    title: 'The join listener is not reachable',
    hint: 'check join.advertise, the port, and firewalls between the clusters',
  },
  JOIN_WRONG_PIN: {
    status: 502,
    title: 'Somebody else answers',
    hint: 'do not go on: compare the words of the token by voice, and ask who answers at that address',
  },
  JOIN_DENIED: {
    status: 401,
    title: 'The token was not accepted',
    hint: 'it was never issued there, or was issued before that cluster lost its state: ask for a new one',
  },
  JOIN_PROTOCOL: {
    status: 502,
    title: 'The other side answered what was not asked',
    hint: 'use the same version on both sides',
  },
  JOIN_REFUSED: { status: 409, title: 'The other side refused', hint: 'see the log of its API server' },
  JOIN_INVITATIONS: { status: 409, title: 'Too many invitations are open', hint: 'wait until some have expired' },
  JOIN_NO_INVITATION: { status: 404, title: 'No such invitation', hint: 'see `clustermesh invite --list`' },
  JOIN_INVITATION_USED: {
    status: 409,
    title: 'The invitation was used',
    hint: 'to end what it brought in, run `clustermesh leave`, or `clustermesh trust revoke` if it was stolen',
  },
  JOIN_INVITATION_TAKEN: {
    status: 409,
    title: 'A join is under way with the invitation',
    hint: 'wait a minute and look at `clustermesh peers`; --force withdraws it from under that join',
  },
  JOIN_NOT_A_PEER: { status: 404, title: 'Not a peer', hint: 'see `clustermesh peers`' },
  JOIN_REVOKED: {
    status: 409,
    title: 'The peer was revoked here',
    hint: 'to take that back, delete the file that ends in .revoked, then join anew',
  },
  JOIN_BY_HAND: {
    status: 409,
    title: 'The peer was connected by hand',
    hint: 'remove its document yourself: only what `clustermesh join` wrote is removed by `clustermesh leave`',
  },
} as const;

export type RefusalCode = keyof typeof REFUSALS;

export interface JoinRefusal extends OperationalError {
  readonly code: RefusalCode;
  readonly findings: readonly Finding[];
}

class Refused extends OperationalError implements JoinRefusal {
  declare readonly code: RefusalCode;
  readonly findings: readonly Finding[];

  constructor(
    code: RefusalCode,
    subject: string,
    reason: string,
    more: Partial<Pick<JoinRefusal, 'findings' | 'cause'>>,
  ) {
    const { hint, status } = REFUSALS[code];
    super({ code, operation: 'join', subject, reason, hint, retryable: status === 503, cause: more.cause });
    this.findings = more.findings ?? [];
  }
}

export const refusal = (
  code: RefusalCode,
  subject: string,
  reason: string,
  more: Partial<Pick<JoinRefusal, 'findings' | 'cause'>> = {},
): JoinRefusal => new Refused(code, subject, reason, more);

export const isRefusal = (error: unknown): error is JoinRefusal => error instanceof Refused;

export function problemOf({ code, reason, findings }: JoinRefusal): Problem {
  const { status, title, hint } = REFUSALS[code];
  return {
    status,
    type: `urn:clustermesh:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    detail: reason,
    code,
    hint,
    ...(findings.length === 0 ? {} : { findings }),
  };
}

/** What everybody gets who has not proved to have the token. */
export const UNIFORM: Problem = problemOf(refusal('JOIN_DENIED', '', 'the token was not accepted'));

/** What the other side answers when it refuses. */
export interface ForeignProblem {
  readonly code?: string | undefined;
  readonly detail: string;
  readonly findings?: readonly Finding[] | undefined;
}

/** A refusal that the other side gave and proved to be its own. */
export function refusalOf(subject: string, problem: ForeignProblem): JoinRefusal {
  const { code, detail, findings = [] } = shown(problem);
  const known = code !== undefined && Object.hasOwn(REFUSALS, code) ? (code as RefusalCode) : 'JOIN_REFUSED';
  return refusal(known, subject, detail, { findings });
}
