import { describe, expect, test } from 'vitest';
import { type CertificateRole, parseRoleUri, roleUri } from './certificate-names.ts';
import type { ClusterName } from './names.ts';

const cluster = 'west-1' as ClusterName;

describe('role URIs', () => {
  test.each<[CertificateRole, string]>([
    [{ role: 'apiserver', cluster }, 'spiffe://west-1.clustermesh/apiserver'],
    [{ role: 'peer', cluster }, 'spiffe://west-1.clustermesh/peer'],
    [{ role: 'admin', cluster }, 'spiffe://west-1.clustermesh/admin'],
    [{ role: 'metrics', cluster }, 'spiffe://west-1.clustermesh/metrics'],
    [{ role: 'agent', cluster, node: 'node-1.local' }, 'spiffe://west-1.clustermesh/agent/node-1.local'],
  ])('%o', (role, uri) => {
    expect(roleUri(role)).toBe(uri);
    expect(parseRoleUri(uri)).toEqual({ ok: true, value: role });
  });

  test.each([
    'https://west.clustermesh/peer',
    'spiffe://west/peer',
    'spiffe://West.clustermesh/peer',
    'spiffe://a.b.clustermesh/peer',
    'spiffe://.clustermesh/peer',
    'spiffe://west.clustermesh.evil/peer',
    'spiffe://west.clustermesh',
    'spiffe://west.clustermesh/peer/',
    'spiffe://west.clustermesh/peer/x',
    'spiffe://west.clustermesh/agent',
    'spiffe://west.clustermesh/agent/',
    'spiffe://west.clustermesh/agent/n/1',
    'spiffe://west.clustermesh/root',
    '',
  ])('refuses %j', (uri) => {
    expect(parseRoleUri(uri).ok).toBe(false);
  });
});
