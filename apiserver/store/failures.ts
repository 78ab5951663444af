// What etcd's and gRPC's failures mean here. Codes: STORE_UNREACHABLE (try again), STORE_DENIED, STORE_COMPACTED,
// STORE_FUTURE_REVISION, STORE_ANSWER_TOO_LARGE, STORE_LEASE_GONE, STORE_FULL, STORE_FAILED for everything else.

import { type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { OperationalError } from '../../runtime/errors.ts';

export interface Attempt {
  readonly operation: string;
  /** A key or prefix; the endpoint is added. */
  readonly subject?: string;
  readonly endpoint: string;
}

interface Meaning {
  readonly code: string;
  readonly retryable: boolean;
  readonly hint?: string;
}

const UNREACHABLE: Meaning = { code: 'STORE_UNREACHABLE', retryable: true };
const DENIED: Meaning = {
  code: 'STORE_DENIED',
  retryable: false,
  hint: 'check the client certificate, and what the other side allows it to read',
};
const FAILED: Meaning = { code: 'STORE_FAILED', retryable: false };

const BY_STATUS = new Map<number, Meaning>([
  [status.UNAVAILABLE, UNREACHABLE],
  [status.DEADLINE_EXCEEDED, UNREACHABLE],
  [status.ABORTED, UNREACHABLE],
  [status.CANCELLED, UNREACHABLE],
  // A stream that was reset on its way.
  [status.INTERNAL, UNREACHABLE],
  // etcd's answer when it has more requests than it can apply.
  [status.RESOURCE_EXHAUSTED, UNREACHABLE],
  [status.PERMISSION_DENIED, DENIED],
  [status.UNAUTHENTICATED, DENIED],
]);

/** etcd says these in its text only; several share a status. The texts are part of its API (rpctypes/error.go). */
const BY_TEXT: readonly (readonly [RegExp, Meaning])[] = [
  [/required revision has been compacted/, { code: 'STORE_COMPACTED', retryable: true }],
  [/required revision is a future revision/, { code: 'STORE_FUTURE_REVISION', retryable: true }],
  [/requested lease not found/, { code: 'STORE_LEASE_GONE', retryable: false }],
  [
    /database space exceeded/,
    { code: 'STORE_FULL', retryable: true, hint: 'compact and defragment the etcd, then disarm its NOSPACE alarm' },
  ],
  [/message larger than max/i, { code: 'STORE_ANSWER_TOO_LARGE', retryable: false }],
];

export function failureOf(
  attempt: Attempt,
  answer: Pick<ServiceError | StatusObject, 'code' | 'details'>,
): OperationalError {
  const meaning = BY_TEXT.find(([text]) => text.test(answer.details))?.[1] ?? BY_STATUS.get(answer.code) ?? FAILED;
  return failure(attempt, meaning, answer.details || (status[answer.code] ?? `gRPC status ${answer.code}`));
}

/** The reason that a watch was cancelled for comes as text inside a good answer. */
export function watchRefused(subject: string, reason: string): OperationalError {
  const meaning = /permission ?denied|unauthenticated/i.test(reason) ? DENIED : FAILED;
  return new OperationalError({
    ...meaning,
    operation: 'watch',
    subject,
    reason: reason || 'cancelled without a reason',
  });
}

export function unreachable(attempt: Attempt, reason: string, cause?: unknown): OperationalError {
  return failure(attempt, UNREACHABLE, reason, cause);
}

export const isUnreachable = (error: unknown): boolean =>
  error instanceof OperationalError && error.code === UNREACHABLE.code;

export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof OperationalError && error.code === code;

function failure(attempt: Attempt, meaning: Meaning, reason: string, cause?: unknown): OperationalError {
  const subject = attempt.subject === undefined ? attempt.endpoint : `${attempt.subject} at ${attempt.endpoint}`;
  return new OperationalError({ ...meaning, operation: attempt.operation, subject, reason, cause });
}
