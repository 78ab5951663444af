// What an administrator may write in the configuration of an API server, and what is refused before anything is started.

import { expect, test } from 'vitest';
import { PLAIN_LIMITS } from '../mesh/conflict/freshness.ts';
import { apiServerConfigSchema } from './config.ts';

const files = { ca: ['ca.pem'], cert: 'cert.pem', key: 'key.pem' };
const config = (cluster: object, rest: object = {}) =>
  apiServerConfigSchema.safeParse({
    cluster: { name: 'west', id: 1, podCIDRs: ['10.1.0.0/16'], ...cluster },
    etcd: { endpoints: ['127.0.0.1:2379'], tls: files },
    sources: { manifests: 'manifests' },
    door: { tls: files },
    rpc: { tls: files },
    ...rest,
  });

test.each(['podCIDRs', 'serviceCIDRs', 'nodeCIDRs'])(
  '%s that are no address ranges are refused with their place',
  (field) => {
    const parsed = config({ [field]: ['10.7.0.0/16', '10.7.0.0/33'] });
    expect(parsed.error?.issues).toMatchObject([
      { path: ['cluster', field, 1], message: expect.stringMatching(/33 is too large/) },
    ]);
    expect(config({ [field]: ['10.7.0.0/16', 'fd00:7::/48'] }).success).toBe(true);
  },
);

test('a range with host bits is let through: what ran goes on running, and a finding names it', () => {
  expect(config({ podCIDRs: ['10.1.0.1/16'] }).success).toBe(true);
});

test.each(['https://10.0.0.5:2379', '10.0.0.5', '10.0.0.5:0'])(
  'an etcd is told by host and port, not by %s',
  (endpoint) => {
    const parsed = config({}, { etcd: { endpoints: [endpoint], tls: files } });
    expect(parsed.error?.issues).toMatchObject([{ path: ['etcd', 'endpoints', 0] }]);
  },
);

test('one limit of freshness may be set without the others', () => {
  const parsed = config({}, { peers: { freshness: { staleMs: 30_000 } } });
  expect(parsed.data?.peers.freshness).toEqual({ ageingMs: 10_000, staleMs: 30_000, expiredMs: 900_000 });
  expect(parsed.data?.peers.plainFreshness).toEqual(PLAIN_LIMITS);
  expect(config({}, { peers: { freshness: { staleMs: 1 } } }).error?.issues[0]?.message).toMatch(/must grow/);
});
