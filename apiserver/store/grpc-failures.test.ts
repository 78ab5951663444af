import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { failureOf } from './grpc-failures.ts';

test.each([
  [status.UNAVAILABLE, 'etcdserver: no leader', 'STORE_UNREACHABLE', 'etcdserver: no leader'],
  [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted', 'STORE_COMPACTED', /compacted/],
  [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision', 'STORE_FUTURE_REVISION', /future/],
  [status.NOT_FOUND, 'etcdserver: requested lease not found', 'STORE_LEASE_GONE', /lease/],
  [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded', 'STORE_FULL', /space/],
  [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests', 'STORE_BUSY', /too many/],
  [status.RESOURCE_EXHAUSTED, 'Received message larger than max (6 vs 4)', 'STORE_ANSWER_TOO_LARGE', /6 vs 4/],
  [status.PERMISSION_DENIED, 'etcdserver: permission denied', 'STORE_DENIED', /denied/],
  [status.INVALID_ARGUMENT, 'etcdserver: user name is empty', 'STORE_DENIED', /user name/],
  [status.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request', 'STORE_FAILED', /operations/],
  [status.INTERNAL, '', 'STORE_UNREACHABLE', 'INTERNAL'],
  [
    status.UNAVAILABLE,
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
    'STORE_UNREACHABLE',
    'connect ECONNREFUSED 127.0.0.1:1',
  ],
  [
    status.UNAVAILABLE,
    'No connection established. Last error: 80CC:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n (2026-11-25T02:32:48.261Z). Resolution note: ',
    'STORE_UNREACHABLE',
    'sslv3 alert bad certificate',
  ],
])('gRPC status %i "%s" is %s', (code, details, expected, reason) => {
  const failure = failureOf({ operation: 'read', endpoint: 'etcd:2379' }, { code, details });
  expect(failure.code).toBe(expected);
  expect(failure.reason).toEqual(typeof reason === 'string' ? reason : expect.stringMatching(reason));
  expect(failure.hint?.includes('certificates') ?? false).toBe(details.includes('SSL'));
});
