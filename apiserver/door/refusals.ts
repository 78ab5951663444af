// What the door answers instead of what was asked for. STABLE: clients of etcd tell failures apart by these texts
// (rpctypes/error.go), so they are etcd's own; where more is said, it stands behind etcd's text.

import { status } from '@grpc/grpc-js';

export interface Refusal {
  readonly code: status;
  readonly details: string;
}

export const PERMISSION_DENIED: Refusal = {
  code: status.PERMISSION_DENIED,
  details: 'etcdserver: permission denied',
};

export const denied = (why: string): Refusal => ({
  ...PERMISSION_DENIED,
  details: `${PERMISSION_DENIED.details}: ${why}`,
});

export const EMPTY_KEY: Refusal = { code: status.INVALID_ARGUMENT, details: 'etcdserver: key is not provided' };

export const INVALID_SORT: Refusal = { code: status.INVALID_ARGUMENT, details: 'etcdserver: invalid sort option' };

export const TOO_MANY_OPERATIONS: Refusal = {
  code: status.INVALID_ARGUMENT,
  details: 'etcdserver: too many operations in txn request',
};

export const COMPACTED: Refusal = {
  code: status.OUT_OF_RANGE,
  details: 'etcdserver: mvcc: required revision has been compacted',
};

export const FUTURE_REVISION: Refusal = {
  code: status.OUT_OF_RANGE,
  details: 'etcdserver: mvcc: required revision is a future revision',
};

export const NOT_READY: Refusal = {
  code: status.UNAVAILABLE,
  details: 'etcdserver: not ready: this server has not read its own etcd yet',
};

/** grpc's wording of the same: a client that pages makes its pages smaller on it. */
export const answerTooLarge = (bytesMax: number): Refusal => ({
  code: status.RESOURCE_EXHAUSTED,
  details: `etcdserver: message larger than max: the answer exceeds ${bytesMax} bytes (use a smaller limit)`,
});

export const tooMany = (what: string): Refusal => ({
  code: status.RESOURCE_EXHAUSTED,
  details: `etcdserver: too many requests: ${what}`,
});

export const goingAway = (why: string): Refusal => ({ code: status.UNAVAILABLE, details: `etcdserver: ${why}` });

export const WatchCancelReasons = {
  emptyRange: 'mvcc: watcher range is empty',
  duplicateId: 'mvcc: duplicate watch ID provided on the WatchStream',
  unknownId: 'mvcc: watch ID is not a number that can be counted with',
} as const;
