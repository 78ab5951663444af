import { createPrivateKey, X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from './authority.ts';
import { type IssuedCertificate, type IssueRequest, issue } from './issue.ts';
import type { Profile } from './profiles.ts';

const NOW = Date.now();
let west: Authority;
let east: Authority;
beforeAll(async () => {
  west = await createAuthority({ cluster: 'west' as ClusterName, now: NOW, days: 30 });
  east = await createAuthority({ cluster: 'east' as ClusterName, now: NOW, days: 30 });
});

const leaf = (authority: Authority, profile: Profile, more: Partial<IssueRequest> = {}) =>
  issue({ authority, profile, now: NOW, ttlMs: DAY_MS, ...(profile === 'agent' ? { node: 'n1' } : {}), ...more });

describe('an authority', () => {
  test('is a root that may sign leaves only, and whose key fits', () => {
    const certificate = new X509Certificate(west.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(west.key))).toBe(true);
    expect(certificate.subject).toContain('CN=west clustermesh CA');
  });

  test('keeps its key, and with it its pin, when it signs itself again', async () => {
    const again = await createAuthority({ cluster: west.cluster, now: NOW, days: 60, key: west.key });
    const spki = (pem: string) => new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' });
    expect(spki(again.certificate)).toBe(spki(west.certificate));
    expect(again.certificate).not.toBe(west.certificate);
  });
});

describe('a leaf', () => {
  test.each<[Profile, string, string]>([
    ['etcd-server', 'CN=etcd.west', ''],
    ['etcd-client', 'CN=etcd-client.west', 'URI:spiffe://west.clustermesh/apiserver, DNS:etcd-client.west.clustermesh'],
    ['door', 'CN=door.west', 'URI:spiffe://west.clustermesh/apiserver, DNS:west.mesh.cilium.io'],
    ['peer', 'CN=remote-west', 'URI:spiffe://west.clustermesh/peer'],
    ['rpc', 'CN=rpc.west', 'URI:spiffe://west.clustermesh/apiserver, DNS:rpc.west.clustermesh'],
    ['agent', 'CN=n1', 'URI:spiffe://west.clustermesh/agent/n1'],
    ['admin', 'CN=admin.west', 'URI:spiffe://west.clustermesh/admin'],
  ])('of %s carries its names and nobody else’s', async (profile, subject, names) => {
    const certificate = new X509Certificate((await leaf(west, profile)).certificate);
    expect(certificate.subject).toContain(subject);
    expect(certificate.subjectAltName ?? '').toBe(names);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(new X509Certificate(west.certificate))).toBe(true);
  });

  test('carries the addresses that are asked for', async () => {
    const { certificate } = await leaf(west, 'door', { ips: ['10.1.0.1', 'fd00::1'], dnsNames: ['door.example.org'] });
    const parsed = new X509Certificate(certificate);
    expect(parsed.checkIP('10.1.0.1')).toBe('10.1.0.1');
    expect(parsed.checkIP('fd00::1')).toBe('fd00::1');
    expect(parsed.checkHost('door.example.org')).toBe('door.example.org');
  });

  test('never outlives its authority, and starts a little in the past', async () => {
    const { certificate } = await leaf(west, 'peer', { ttlMs: 365 * DAY_MS });
    const parsed = new X509Certificate(certificate);
    expect(parsed.validTo).toBe(new X509Certificate(west.certificate).validTo);
    expect(Date.parse(parsed.validFrom)).toBeLessThan(NOW - 60_000);
  });

  test('is not issued by an authority that has ended, nor by a key that is not its own', async () => {
    await expect(leaf(west, 'peer', { now: NOW + 31 * DAY_MS })).rejects.toThrow('has expired');
    await expect(leaf({ ...west, key: east.key }, 'peer')).rejects.toThrow('does not belong to its key');
  });

  test('has its own serial number and key', async () => {
    const [one, other] = await Promise.all([leaf(west, 'peer'), leaf(west, 'peer')]);
    expect(new X509Certificate(one.certificate).serialNumber).not.toBe(
      new X509Certificate(other.certificate).serialNumber,
    );
    expect(one.key).not.toBe(other.key);
  });
});

describe('a handshake', () => {
  test.each<[Profile, Profile, string]>([
    ['door', 'peer', 'ok'],
    ['rpc', 'agent', 'ok'],
    ['etcd-server', 'etcd-client', 'ok'],
    ['peer', 'peer', 'unsuitable certificate purpose'],
    ['door', 'door', 'unsuitable certificate purpose'],
  ])('between %s and %s: %s', async (server, client, expected) => {
    expect(await handshake(await leaf(west, server), await leaf(east, client), west, east)).toContain(expected);
  });

  test('fails with a client of an authority that is not trusted', async () => {
    const outcome = await handshake(await leaf(west, 'door'), await leaf(west, 'peer'), west, east);
    expect(outcome).toBe('SELF_SIGNED_CERT_IN_CHAIN');
  });
});

/** `ok`, or why one of the sides refused. */
function handshake(
  server: IssuedCertificate,
  client: IssuedCertificate,
  serverAuthority: Authority,
  clientAuthority: Authority,
): Promise<string> {
  return new Promise((resolve) => {
    const listener = createServer(
      {
        cert: server.certificate,
        key: server.key,
        ca: clientAuthority.certificate,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (socket: TLSSocket) => {
        const outcome = socket.authorized ? 'ok' : String(socket.authorizationError);
        socket.end();
        finish(readable(outcome));
      },
    );
    const finish = (outcome: string) => {
      listener.close();
      resolve(outcome);
    };
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const socket = connect({
        host: '127.0.0.1',
        port,
        cert: client.certificate,
        key: client.key,
        ca: serverAuthority.certificate,
        checkServerIdentity: () => undefined,
      });
      socket.on('error', (error) => finish(error.message));
      socket.on('data', () => {});
    });
  });
}

const readable = (code: string): string => (code === 'INVALID_PURPOSE' ? 'unsuitable certificate purpose' : code);
