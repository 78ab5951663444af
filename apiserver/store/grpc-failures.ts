// What gRPC's statuses and etcd's error texts mean as failures of a store.

import { status } from '@grpc/grpc-js';
import type { OperationalError } from '../../runtime/errors.ts';
import { type Meaning, Meanings, storeFailure } from './failures.ts';

export interface Attempt {
  readonly operation: string;
  /** A key or prefix; the endpoint is added. */
  readonly subject?: string;
  readonly endpoint: string;
}

const BY_STATUS = new Map<number, Meaning>([
  [status.UNAVAILABLE, Meanings.unreachable],
  [status.DEADLINE_EXCEEDED, Meanings.unreachable],
  [status.ABORTED, Meanings.unreachable],
  [status.CANCELLED, Meanings.unreachable],
  // A stream that was reset on its way.
  [status.INTERNAL, Meanings.unreachable],
  // etcd has more requests than it can apply, or a door's quota is used up.
  [status.RESOURCE_EXHAUSTED, Meanings.busy],
  [status.PERMISSION_DENIED, Meanings.denied],
  [status.UNAUTHENTICATED, Meanings.denied],
]);

/** etcd says these in its text only, several under one status. The texts are part of its API (rpctypes/error.go). */
const BY_TEXT: readonly (readonly [RegExp, Meaning])[] = [
  [/required revision has been compacted/, Meanings.compacted],
  [/required revision is a future revision/, Meanings.futureRevision],
  [/requested lease not found/, Meanings.leaseGone],
  [/database space exceeded/, Meanings.full],
  // grpc-js' own, of this side's receive limit.
  [/message larger than max/i, Meanings.answerTooLarge],
  // etcd with authentication on, to a client without a user: under INVALID_ARGUMENT.
  [/user name is empty/, Meanings.denied],
];

/** What grpc-js and OpenSSL wrap around the reason why there is no connection. */
const WRAPPING: readonly RegExp[] = [
  /^No connection established\. Last error: (?:Error: )?/,
  /\.?\s*Resolution note:\s*$/,
  /\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)/,
  /^[0-9A-F]+:error:[0-9A-F]+:SSL routines:\w+:/,
  /:[^:]+\.c:\d+:SSL alert number \d+\s*/,
];
/** grpc-js' word for calls that waited on a channel that was given up. */
const CLOSED_EARLY = 'Channel closed before call started';
const ABOUT_TLS = /certificate|\bSSL\b|\bTLS\b|\bssl|handshake/i;

export function failureOf(
  attempt: Attempt,
  answer: { readonly code: number; readonly details: string },
): OperationalError {
  const meaning =
    BY_TEXT.find(([text]) => text.test(answer.details))?.[1] ?? BY_STATUS.get(answer.code) ?? Meanings.failed;
  const reason = reasonIn(answer.details) || (status[answer.code] ?? `gRPC status ${answer.code}`);
  if (meaning === Meanings.unreachable && ABOUT_TLS.test(reason)) {
    const hint = 'compare the certificates and trusted authorities of both sides';
    return attemptFailed(attempt, { ...meaning, hint }, reason);
  }
  return attemptFailed(attempt, meaning, reason);
}

export function attemptFailed(attempt: Attempt, meaning: Meaning, reason: string): OperationalError {
  const subject = attempt.subject === undefined ? attempt.endpoint : `${attempt.subject} at ${attempt.endpoint}`;
  return storeFailure(meaning, { operation: attempt.operation, subject, reason });
}

function reasonIn(details: string): string {
  if (details === CLOSED_EARLY) return 'no connection came about in time';
  return WRAPPING.reduce((text, wrapping) => text.replace(wrapping, ''), details).trim();
}
