import { webcrypto } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { roleUri } from '../../mesh/model/certificate-names.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS, openAuthority } from '../../pki/authority.ts';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from '../../pki/x509.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { type DoorTrust, identify } from './identity.ts';

const [west, central, east] = ['west', 'central', 'east'] as [ClusterName, ClusterName, ClusterName];
const NOW = Date.UTC(2026, 0, 1);

const authorities = new Map<ClusterName, Authority>();
const caOf = (cluster: ClusterName): readonly string[] => [authorities.get(cluster)?.certificate ?? ''];
const trust: DoorTrust = {
  storeOf: (cluster) => (cluster === west ? undefined : authorities.has(cluster) ? caOf(cluster) : undefined),
  get own() {
    return caOf(west);
  },
};

beforeAll(async () => {
  for (const cluster of [west, central, east]) {
    authorities.set(cluster, await createAuthority({ cluster, now: NOW, days: 30 }));
  }
});

interface Names {
  readonly cn: readonly string[];
  readonly uris?: readonly string[];
  readonly days?: number;
}

/** A client certificate with any names, as another tool might issue it. */
async function leafOf(by: ClusterName, { cn, uris = [], days = 1 }: Names): Promise<Uint8Array> {
  const authority = authorities.get(by);
  if (authority === undefined) throw new Error(`no authority of ${by}`);
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const pkcs8 = openAuthority(authority).key.export({ format: 'der', type: 'pkcs8' });
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: [...cn.map((name) => ({ CN: [name] })), { O: ['any'] }],
    issuer: new x509.X509Certificate(authority.certificate).subjectName,
    notBefore: new Date(NOW - DAY_MS),
    notAfter: new Date(NOW + days * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, KEY_ALGORITHM, false, ['sign']),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
      ...(uris.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url' as const, value })))]),
    ],
  });
  return new Uint8Array(certificate.rawData);
}

const peerUri = (cluster: ClusterName) => roleUri({ role: 'peer', cluster });

type Row = readonly [who: string, by: ClusterName, names: Names, found: string | RegExp];

const ROWS: readonly Row[] = [
  ['a peer by its URI', east, { cn: ['remote-east'], uris: [peerUri(east)] }, 'peer east'],
  ['a plain Cilium peer by its CN', east, { cn: ['remote-east'] }, 'peer east'],
  ['an agent', west, { cn: ['n1'], uris: [roleUri({ role: 'agent', cluster: west, node: 'n1' })] }, 'local west'],
  [
    'an agent of a node with a treacherous name',
    west,
    { cn: ['remote-east'], uris: [roleUri({ role: 'agent', cluster: west, node: 'remote-east' })] },
    'local west',
  ],
  ['the own Cilium agents', west, { cn: ['local-west'] }, 'local west'],
  ['an administrator', west, { cn: ['admin.west'], uris: [roleUri({ role: 'admin', cluster: west })] }, 'admin west'],
  ['an administrator of Cilium', west, { cn: ['admin-west'] }, 'admin west'],
  ["another's peer by its URI", east, { cn: ['remote-central'], uris: [peerUri(central)] }, /issued by/],
  ["another's peer by its CN", east, { cn: ['remote-central'] }, /issued by/],
  ['a peer that names itself administrator here', east, { cn: ['admin-west'] }, /issued by/],
  ["a peer's own administrator", east, { cn: ['admin-east'] }, /is for cluster east, not west/],
  ["a peer's own agents", east, { cn: ['local-east'] }, /is for cluster east, not west/],
  ['a cluster that is no peer', east, { cn: ['remote-north'] }, /cluster north is no peer of west/],
  ['the own peer certificate', west, { cn: ['remote-west'], uris: [peerUri(west)] }, /other clusters' doors/],
  ['an API server', west, { cn: ['x'], uris: [roleUri({ role: 'apiserver', cluster: west })] }, /read their own etcd/],
  ['two URIs', east, { cn: ['remote-east'], uris: [peerUri(east), peerUri(central)] }, /ambiguous/],
  ['a foreign URI', east, { cn: ['remote-east'], uris: ['spiffe://example.org/x'] }, /spiffe:\/\/example.org/],
  ['two CNs', east, { cn: ['remote-east', 'remote-central'] }, /nobody whom the door knows/],
  ['the CN that all of old Cilium share', east, { cn: ['remote'] }, /nobody whom the door knows/],
  ['a line break in the CN', east, { cn: ['x\nCN=remote-east'] }, /nobody whom the door knows/],
  ['no name at all', east, { cn: [] }, /nobody whom the door knows/],
  ['an expired one', east, { cn: ['remote-east'], days: -0.5 }, /expired/],
];

describe('identity', () => {
  test.each(ROWS)('%s, by the authority of %s', async (_who, by, names, found) => {
    const identity = identify({ leaf: await leafOf(by, names), own: west, trust, now: NOW });
    if (typeof found === 'string') {
      expect(identity.ok ? `${identity.value.kind} ${identity.value.cluster}` : identity.error).toBe(found);
    } else expect(identity.ok ? identity.value.name : identity.error).toMatch(found);
  });

  test('bytes that are no certificate are nobody', () => {
    expect(identify({ leaf: new Uint8Array([1, 2, 3]), own: west, trust, now: NOW }).ok).toBe(false);
  });
});

describe('gatekeeper', () => {
  test('a verdict ends with the store that it rests on, and with time', async () => {
    const stores = new Map([[east, caOf(east)]]);
    const clock = new ManualClock(NOW);
    const gatekeeper = new Gatekeeper({
      own: west,
      trust: { storeOf: (cluster) => stores.get(cluster), own: caOf(west) },
      clock,
    });
    const certificate = { raw: await leafOf(east, { cn: ['remote-east'] }), fingerprint256: 'AA' };
    expect(gatekeeper.judge(certificate).ok).toBe(true);
    // A copy of the same store is the same.
    stores.set(east, [...caOf(east)]);
    expect(gatekeeper.judge(certificate).ok).toBe(true);
    stores.set(east, caOf(central));
    expect(gatekeeper.judge(certificate).ok).toBe(false);
    stores.delete(east);
    expect(gatekeeper.judge(certificate).ok).toBe(false);
    stores.set(east, caOf(east));
    expect(gatekeeper.judge(certificate).ok).toBe(true);
    clock.advance(2 * DAY_MS);
    expect(gatekeeper.judge(certificate)).toMatchObject({ ok: false, error: expect.stringMatching(/expired/) });
  });
});
