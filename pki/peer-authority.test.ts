import { describe, expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { createAuthority } from './authority.ts';
import { issue } from './issue.ts';
import { parsePeerAuthority } from './peer-authority.ts';

const now = Date.parse('2026-03-01T00:00:00Z');
const authority = await createAuthority({ cluster: 'east' as ClusterName, now, days: 30 });

describe('what a peer hands over', () => {
  test('is the certificate of its authority, several of them while it is replaced', async () => {
    const next = await createAuthority({ cluster: 'east' as ClusterName, now, days: 30 });
    const parsed = parsePeerAuthority(authority.certificate + next.certificate);
    expect(parsed.ok && parsed.value.map(({ fingerprint }) => fingerprint)).toEqual([
      expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    ]);
  });

  test('is refused when it is a leaf, holds a private key, or is no certificate', async () => {
    const leaf = await issue({ authority, profile: 'door', now, ttlMs: 86_400_000 });
    expect(parsePeerAuthority(leaf.certificate)).toEqual({
      ok: false,
      error: expect.stringMatching(/not the certificate of an authority/),
    });
    expect(parsePeerAuthority(authority.certificate + authority.key)).toEqual({
      ok: false,
      error: expect.stringMatching(/private key/),
    });
    expect(parsePeerAuthority('east')).toEqual({ ok: false, error: 'it holds no PEM certificate' });
  });
});
