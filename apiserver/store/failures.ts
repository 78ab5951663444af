// The failures of a store, whoever speaks to it: their codes and what may be done about them. Translating gRPC's into these
// is grpc-failures.ts.

import { OperationalError } from '../../runtime/errors.ts';
import { TRANSACTION_WRITES_MAX } from './port.ts';

/** What a failure is, apart from what was being done. */
export interface Meaning {
  readonly code: string;
  readonly retryable: boolean;
  readonly hint?: string;
}

export const Meanings = {
  /** Not reached, or not answered. A write may have been carried out all the same. */
  unreachable: { code: 'STORE_UNREACHABLE', retryable: true },
  /** Reached, and too busy, or this client has used up its share. */
  busy: { code: 'STORE_BUSY', retryable: true },
  denied: {
    code: 'STORE_DENIED',
    retryable: false,
    hint: 'check the client certificate, and what the other side allows it to read',
  },
  /** The revision is no longer there: read or list again at a newer one. */
  compacted: { code: 'STORE_COMPACTED', retryable: true },
  /** The revision is not there yet: this replica lags, or the etcd has lost history. */
  futureRevision: { code: 'STORE_FUTURE_REVISION', retryable: true },
  /** Another etcd, or another history, answers under the same endpoints. */
  changed: { code: 'STORE_CHANGED', retryable: true },
  answerTooLarge: { code: 'STORE_ANSWER_TOO_LARGE', retryable: false },
  /** A put under a lease that has ended: grant another. */
  leaseGone: { code: 'STORE_LEASE_GONE', retryable: false },
  /** The reason of `Lease.lost`. */
  leaseLost: { code: 'STORE_LEASE_LOST', retryable: true },
  full: {
    code: 'STORE_FULL',
    retryable: true,
    hint: 'compact and defragment the etcd, then disarm its NOSPACE alarm',
  },
  failed: { code: 'STORE_FAILED', retryable: false },
} as const satisfies Record<string, Meaning>;

export interface Occurrence {
  readonly operation: string;
  readonly subject?: string;
  readonly reason: string;
  readonly cause?: unknown;
}

export function storeFailure(meaning: Meaning, occurrence: Occurrence): OperationalError {
  return new OperationalError({ ...meaning, ...occurrence });
}

export function isFailure(error: unknown, meaning: Meaning): error is OperationalError {
  return error instanceof OperationalError && error.code === meaning.code;
}

/** `known` and `seen` are cluster ids; equal ones mean that the history is not the one that was followed. */
export function storeChanged(known: string, seen: string): OperationalError {
  const reason = known === seen ? 'its history is not the one that was followed' : `etcd ${seen} answers instead`;
  return storeFailure(Meanings.changed, { operation: 'follow etcd', subject: known, reason });
}

export function assertWritesFit(count: number): void {
  if (count <= TRANSACTION_WRITES_MAX) return;
  throw storeFailure(
    { ...Meanings.failed, hint: 'split the writes into several transactions' },
    {
      operation: 'write',
      subject: `${count} keys`,
      reason: `more than ${TRANSACTION_WRITES_MAX} writes in one transaction`,
    },
  );
}
