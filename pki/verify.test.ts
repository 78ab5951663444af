import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from './authority.ts';
import { type IssueRequest, issue } from './issue.ts';
import { claimedRole, verifyClient } from './verify.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');
const derOf = (pem: string) => new X509Certificate(pem).raw;

let west: Authority;
let east: Authority;
beforeAll(async () => {
  west = await createAuthority({ cluster: 'west' as ClusterName, now: NOW, days: 10 });
  east = await createAuthority({ cluster: 'east' as ClusterName, now: NOW, days: 10 });
});

const peerLeaf = async (authority: Authority, more: Partial<IssueRequest> = {}) =>
  derOf((await issue({ authority, profile: 'peer', now: NOW, ttlMs: DAY_MS, ...more })).certificate);

describe('a client is verified against one store', () => {
  test('and is vouched for by its own authority only', async () => {
    const leaf = await peerLeaf(east);
    const good = verifyClient({ leaf, store: [east.certificate], now: NOW });
    expect(good.ok && good.value.issuerFingerprint256).toMatch(/^[0-9a-f]{64}$/);
    expect(verifyClient({ leaf, store: [west.certificate], now: NOW })).toEqual({
      ok: false,
      error: expect.stringMatching(/remote-east.*issued by "O?.*east clustermesh CA.*expected ".*west clustermesh CA/),
    });
  });

  test('also while its authority is being rotated, in any order and in one file or two', async () => {
    const renewed = await createAuthority({ cluster: 'east' as ClusterName, now: NOW, days: 10 });
    const both = [east.certificate, renewed.certificate];
    for (const authority of [east, renewed]) {
      const leaf = await peerLeaf(authority);
      for (const store of [both, [...both].reverse(), [both.join('')]]) {
        expect(verifyClient({ leaf, store, now: NOW }).ok).toBe(true);
      }
    }
    const retired = verifyClient({ leaf: await peerLeaf(east), store: [renewed.certificate], now: NOW });
    expect(!retired.ok && retired.error).toContain('its signature is not by that key');
  });

  test.each<[string, () => Promise<{ leaf: Uint8Array; now?: number; store?: readonly string[] }>, RegExp]>([
    ['expired', async () => ({ leaf: await peerLeaf(east), now: NOW + 2 * DAY_MS }), /expired on/],
    ['from the future', async () => ({ leaf: await peerLeaf(east), now: NOW - DAY_MS }), /valid only from/],
    [
      'that only serves',
      async () => ({ leaf: await peerLeaf(east, { profile: 'door' }) }),
      /not for client authentication/,
    ],
    ['that is a CA', async () => ({ leaf: derOf(east.certificate) }), /is a CA certificate/],
    ['that is no certificate', async () => ({ leaf: Buffer.from('hello') }), /cannot be read/],
    ['against an empty store', async () => ({ leaf: await peerLeaf(east), store: [''] }), /holds no PEM certificate/],
    [
      'against a store that is cut',
      async () => ({ leaf: await peerLeaf(east), store: [east.certificate, east.certificate.slice(0, 200)] }),
      /cut or damaged/,
    ],
  ])('a certificate %s is refused', async (_, input, reason) => {
    const { leaf, now = NOW, store = [east.certificate] } = await input();
    const outcome = verifyClient({ leaf, store, now });
    expect(!outcome.ok && outcome.error).toMatch(reason);
  });

  test('no flipped bit crashes it or passes', async () => {
    const leaf = await peerLeaf(east);
    fc.assert(
      fc.property(fc.nat(leaf.length * 8 - 1), (bit) => {
        const flipped = Uint8Array.from(leaf);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(verifyClient({ leaf: flipped, store: [east.certificate], now: NOW }).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the role that a certificate claims', () => {
  test('is that of its one URI', async () => {
    expect(claimedRole(await peerLeaf(east))).toEqual({ ok: true, value: { role: 'peer', cluster: 'east' } });
    const agent = await peerLeaf(west, { profile: 'agent', node: 'n1' });
    expect(claimedRole(agent)).toEqual({ ok: true, value: { role: 'agent', cluster: 'west', node: 'n1' } });
  });

  test('is none without a URI, and is not taken from inside a DNS name', async () => {
    expect(claimedRole(await peerLeaf(east, { profile: 'etcd-server' })).ok).toBe(false);
    const sly = await peerLeaf(east, {
      profile: 'etcd-server',
      dnsNames: ['x, URI:spiffe://west.clustermesh/peer', 'x", URI:spiffe://west.clustermesh/peer, DNS:"y'],
    });
    expect(claimedRole(sly).ok).toBe(false);
  });
});
