// Whom a channel asks for, and by what it judges who answers.

import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Client } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { createAuthority, DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { CertificateSource } from './certificate-source.ts';
import { channelCredentials } from './shared-credentials.ts';

/** A server with the certificate of an etcd at `ip`, and what names it was asked for. */
async function etcdWith(ip: string) {
  const authority = await createAuthority({ cluster: 'west' as ClusterName, now: Date.now(), days: 1 });
  const leaf = (profile: 'etcd-server' | 'etcd-client') =>
    issue({ authority, profile, now: Date.now(), ttlMs: DAY_MS, ips: profile === 'etcd-server' ? [ip] : [] });
  const { certificate: cert, key } = await leaf('etcd-server');
  const asked: string[] = [];
  const server = createSecureServer({
    ...{ cert, key, ca: authority.certificate, requestCert: true },
    SNICallback: (name, take) => {
      asked.push(name);
      take(null);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const source = new CertificateSource({ ca: authority.certificate, ...(await leaf('etcd-client')) });
  return { asked, address: `127.0.0.1:${port}`, credentials: channelCredentials(source) };
}

/** Resolves with the reason when nobody that is trusted answers in time. */
const outcome = (client: Client) =>
  new Promise<string>((resolve) => {
    client.waitForReady(Date.now() + 2_000, (error) => resolve(error?.message ?? 'ready'));
    onTestFinished(() => client.close());
  });

test('a server that is told by its address is judged by it, and no address is sent as a name', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning.message);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const { asked, address, credentials } = await etcdWith('127.0.0.1');
  expect(await outcome(new Client(address, credentials))).toBe('ready');
  expect(asked).toEqual([]);
  expect(warnings.filter((text) => text.includes('ServerName'))).toEqual([]);
});

test('a certificate for another address is refused', async () => {
  const { address, credentials } = await etcdWith('127.0.0.9');
  expect(await outcome(new Client(address, credentials))).not.toBe('ready');
});

test('the name that a channel is told to ask for is sent, and is what the certificate must have', async () => {
  const { asked, address, credentials } = await etcdWith('127.0.0.1');
  const client = new Client(address, credentials, { 'grpc.ssl_target_name_override': 'etcd.west.example' });
  expect(await outcome(client)).not.toBe('ready');
  expect(asked).toContain('etcd.west.example');
});
