// What can go wrong while a cluster publishes, beside what its store reports itself.

import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import { type Meaning, storeFailure } from '../store/failures.ts';

export const PublisherMeanings = {
  /** Another replica leads: this one's writes are refused. */
  fenced: { code: 'PUBLISHER_FENCED', retryable: false },
  /** Another etcd answers: everything is to be published anew. */
  storeChanged: { code: 'PUBLISHER_STORE_CHANGED', retryable: true },
  tooLarge: { code: 'PUBLISHER_VALUE_TOO_LARGE', retryable: false, hint: 'split the object' },
  contended: { code: 'PUBLISHER_IDENTITY_CONTENDED', retryable: true },
  exhausted: {
    code: 'PUBLISHER_IDENTITIES_EXHAUSTED',
    retryable: false,
    hint: 'reduce the labels that differ from pod to pod, or wait until unused identities are collected',
  },
} as const satisfies Record<string, Meaning>;

export const publisherFailures = {
  fenced: (): OperationalError =>
    storeFailure(PublisherMeanings.fenced, { operation: 'publish', reason: 'this replica no longer leads' }),
  storeChanged: (): OperationalError =>
    storeFailure(PublisherMeanings.storeChanged, { operation: 'publish', reason: 'another etcd answers' }),
  tooLarge: (key: string, bytes: number): OperationalError =>
    storeFailure(PublisherMeanings.tooLarge, {
      operation: 'publish',
      subject: key,
      reason: `${bytes} bytes are more than the limit of ${VALUE_BYTES_MAX}`,
    }),
  contended: (labels: string, attempts: number): OperationalError =>
    storeFailure(PublisherMeanings.contended, {
      operation: 'allocate identity',
      subject: labels,
      reason: `others were faster ${attempts} times`,
    }),
  exhausted: (pods: number, numbers: number): OperationalError =>
    storeFailure(PublisherMeanings.exhausted, {
      operation: 'allocate identities',
      subject: `${pods} pods`,
      reason: `all ${numbers} identities of this cluster are in use`,
    }),
};
