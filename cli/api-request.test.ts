// Commands and the HTTP API over TLS, with real handshakes: what is let in, and what each way to fail says.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { httpAccess } from '../apiserver/http/access.ts';
import type { ClusterName } from '../mesh/model/names.ts';
import { DAY_MS } from '../pki/authority.ts';
import { readAuthority } from '../pki/authority-files.ts';
import { writePair } from '../pki/files.ts';
import { initCluster } from '../pki/init.ts';
import { type IssuedCertificate, issue } from '../pki/issue.ts';
import { type ClusterLayout, clusterLayout } from '../pki/layout.ts';
import type { Profile } from '../pki/profiles.ts';
import { systemClock } from '../runtime/clock.ts';
import { type HttpServer, type Route, serveHttp } from '../runtime/http.ts';
import { silentLog } from '../runtime/log.ts';
import { openTlsFiles } from '../runtime/tls/tls-files.ts';
import { changeJson, getJson } from './api-client.ts';
import { streamEvents } from './event-stream.ts';

const WEST = 'west' as ClusterName;
const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/v1/status', handle: () => ({ json: { cluster: 'west' } }) },
  { method: 'POST', path: '/v1/change', local: true, handle: ({ body }) => ({ json: { changed: body } }) },
  { method: 'GET', path: '/v1/events', handle: () => ({ events: (send) => send('hello', 1) }) },
];

let dir: string;
let west: ClusterLayout;
let east: ClusterLayout;
let api: HttpServer;
const closing: (() => Promise<unknown>)[] = [];

async function credentials(cluster: string): Promise<ClusterLayout> {
  const addresses = { etcd: [], door: [], rpc: [] };
  const made = { dir: join(dir, cluster), cluster: cluster as ClusterName, nodes: ['n1'], addresses, now: Date.now() };
  return (await initCluster(made)).layout;
}

/** Serves ROUTES with a pair of west. */
async function serve(profile: 'http' | 'rpc'): Promise<HttpServer> {
  const deps = { clock: systemClock, log: silentLog };
  const tls = await openTlsFiles({ ca: [west.authority.cert], ...west.leaf(profile) }, deps);
  return serveHttp('127.0.0.1:0', ROUTES, silentLog, httpAccess({ cluster: WEST, tls, ...deps }));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'api-'));
  [west, east] = [await credentials('west'), await credentials('east')];
  api = await serve('http');
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await api.close();
  await rm(dir, { recursive: true, force: true });
});

/** A copy of west's folder with another pair in admin/. */
async function folderWith(pair: IssuedCertificate, authorityOf = west): Promise<string> {
  const folder = await mkdtemp(join(dir, 'admin-'));
  const layout = clusterLayout(folder);
  await cp(authorityOf.authority.cert, layout.authority.cert, { recursive: true });
  await writePair(layout.leaf('admin'), pair);
  return folder;
}

async function issued(profile: Profile, now = Date.now()): Promise<IssuedCertificate> {
  const stored = await readAuthority(west, WEST);
  if (stored === undefined) throw new Error('west has no authority');
  return issue({
    authority: stored.authority,
    profile,
    now,
    ttlMs: DAY_MS,
    ...(profile === 'agent' ? { node: 'n1' } : {}),
  });
}

const status = (server: string, pki?: string) => getJson({ server, pki }, '/v1/status');

describe('over https://', () => {
  test('an administrator reads, changes, and follows', async () => {
    const place = { server: api.address, pki: west.dir };
    expect(await status(api.address, west.dir)).toEqual({ cluster: 'west' });
    expect(await changeJson(place, 'POST', '/v1/change', { to: 1 })).toEqual({ changed: { to: 1 } });
    for await (const event of streamEvents(place, '/v1/events', new AbortController().signal)) {
      expect(event).toEqual({ event: 'hello', value: 1 });
      break;
    }
  });

  test('the folder needs no more than ca/ca.pem and admin/, and the address may be any', async () => {
    const folder = await folderWith(await issued('admin'));
    expect(await status(api.address.replace('127.0.0.1', 'localhost'), folder)).toEqual({ cluster: 'west' });
  });

  test('a role that may not is told so by the server', async () => {
    await expect(status(api.address, await folderWith(await issued('agent')))).rejects.toMatchObject({
      code: 'API_REFUSED',
      reason: 'it answered 403: the certificate is that of an agent, which has no business here',
      hint: 'show the certificate of admin/ of the folder that pki init has made',
    });
  });

  test('without credentials, or with such as nobody could use, nothing is asked', async () => {
    await expect(status(api.address)).rejects.toMatchObject({
      code: 'API_CREDENTIALS',
      hint: expect.stringContaining('--pki'),
    });
    await expect(status(api.address, join(dir, 'nowhere'))).rejects.toMatchObject({
      code: 'API_CREDENTIALS',
      subject: join(dir, 'nowhere', 'ca', 'ca.pem'),
    });
    const mixed = { ...(await issued('admin')), key: (await issued('admin')).key };
    await expect(status(api.address, await folderWith(mixed))).rejects.toMatchObject({
      code: 'API_CREDENTIALS',
      reason: 'certificate and key do not belong together',
    });
    await expect(
      status(api.address, await folderWith(await issued('admin', Date.now() - 2 * DAY_MS))),
    ).rejects.toMatchObject({ code: 'API_CERTIFICATE_EXPIRED', hint: expect.stringContaining('trust renew') });
  });

  test('a server of another authority is not asked', async () => {
    await expect(status(api.address, east.dir)).rejects.toMatchObject({
      code: 'API_TLS_UNTRUSTED',
      reason: expect.stringContaining(`${east.dir}/ca/ca.pem does not hold`),
      hint: expect.stringContaining('API server of east'),
    });
  });

  test('a server that does not take the authority ends the connection, and that is said', async () => {
    const stranger = await readAuthority(east, 'east' as ClusterName);
    if (stranger === undefined) throw new Error('east has no authority');
    const authority = { ...stranger.authority, cluster: WEST };
    const pair = await issue({ authority, profile: 'admin', now: Date.now(), ttlMs: DAY_MS });
    await expect(status(api.address, await folderWith(pair))).rejects.toMatchObject({
      code: 'API_TLS_REFUSED',
      hint: expect.stringContaining('http.tls.ca there must hold the authority of west'),
    });
  });

  test('another listener of the cluster is no HTTP API', async () => {
    const rpc = await serve('rpc');
    closing.push(() => rpc.close());
    await expect(status(rpc.address, west.dir)).rejects.toMatchObject({
      code: 'API_TLS_NAME',
      reason: expect.stringMatching(/not the HTTP API of west: .*rpc\.west\.clustermesh/),
    });
  });

  test('a certificate of the server that has expired is named', async () => {
    const { certificate: cert, key } = await issued('http', Date.now() - 2 * DAY_MS);
    const server = createServer({ cert, key }, (_, response) => response.end('{}')).listen(0, '127.0.0.1');
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    await new Promise((resolve) => server.once('listening', resolve));
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(status(address, west.dir)).rejects.toMatchObject({
      code: 'API_TLS_EXPIRED',
      hint: expect.stringMatching(/trust renew .* copy http\//),
    });
  });

  test('a server without TLS is told from one that is not there', async () => {
    const plain = await serveHttp('127.0.0.1:0', ROUTES, silentLog);
    closing.push(() => plain.close());
    const address = plain.address.replace('http:', 'https:');
    await expect(status(address, west.dir)).rejects.toMatchObject({
      code: 'API_TLS_PLAIN',
      hint: expect.stringContaining('ask http://'),
    });
    const nobody = createTcpServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => nobody.once('listening', resolve));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    await expect(status(`https://127.0.0.1:${port}`, west.dir)).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
  });
});

describe('over http://', () => {
  test('a server with TLS is told from one that is not there', async () => {
    await expect(status(api.address.replace('https:', 'http:'))).rejects.toMatchObject({
      code: 'API_UNREACHABLE',
      hint: expect.stringContaining('ask https:// with --pki'),
    });
  });
});
