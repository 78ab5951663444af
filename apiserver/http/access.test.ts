// The HTTP API over TLS, with real handshakes: who is let in, who is told why not, and that certificates change under an open stream.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { DAY_MS } from '../../pki/authority.ts';
import { readAuthority } from '../../pki/authority-files.ts';
import { writePair } from '../../pki/files.ts';
import { initCluster } from '../../pki/init.ts';
import { issue } from '../../pki/issue.ts';
import type { ClusterLayout } from '../../pki/layout.ts';
import { LeafFolder } from '../../pki/renew/leaf-folder.ts';
import { carryOut, rotationFiles } from '../../pki/rotate/carry-out.ts';
import { nextAuthority } from '../../pki/rotate/next-authority.ts';
import { readRotation } from '../../pki/rotate/rotation.ts';
import { activateSteps, prepareSteps, retireSteps } from '../../pki/rotate/steps.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type HttpServer, type Route, serveHttp } from '../../runtime/http.ts';
import { type Log, silentLog } from '../../runtime/log.ts';
import { openTlsFiles, type TlsFilesFollower } from '../../runtime/tls/tls-files.ts';
import { httpAccess } from './access.ts';

type Profile = Parameters<ClusterLayout['leaf']>[0];

interface Pair {
  readonly cert: string;
  readonly key: string;
}

let dir: string;
let west: ClusterLayout;
let east: ClusterLayout;
let files: TlsFilesFollower;
let server: HttpServer;
let tick: (text: string) => void = () => {};
const warned: unknown[] = [];
const log: Log = { ...silentLog, warn: (message, fields) => warned.push({ message, ...fields }) };

const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/metrics', measures: true, handle: () => ({ text: 'up 1\n', contentType: 'text/plain' }) },
  { method: 'GET', path: '/v1/status', handle: () => ({ json: { cluster: 'west' } }) },
  {
    method: 'GET',
    path: '/v1/events',
    handle: () => ({
      events: (send) => {
        tick = (text) => send('tick', text);
        tick('first');
      },
    }),
  },
  { method: 'POST', path: '/v1/change', local: true, handle: () => ({ json: { changed: true } }) },
];

async function credentials(cluster: string): Promise<ClusterLayout> {
  const { layout } = await initCluster({
    dir: join(dir, cluster),
    cluster: cluster as ClusterName,
    nodes: ['n1'],
    addresses: { etcd: [], door: [], rpc: [] },
    now: Date.now(),
  });
  return layout;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'http-tls-'));
  west = await credentials('west');
  east = await credentials('east');
  files = await openTlsFiles(
    { ca: [west.authority.cert], ...west.leaf('http') },
    { clock: systemClock, log: silentLog },
  );
  const tls = httpAccess({ cluster: 'west' as ClusterName, tls: files, clock: systemClock, log });
  server = await serveHttp('127.0.0.1:0', ROUTES, silentLog, tls);
});
beforeEach(() => warned.splice(0));
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const pairOf = async ({ cert, key }: Pair): Promise<Pair> => ({
  cert: await readFile(cert, 'utf8'),
  key: await readFile(key, 'utf8'),
});
const leafOf = (profile: Profile, layout = west) => pairOf(layout.leaf(profile));
const agentOf = (layout = west) => pairOf(layout.agent('n1'));

/** As a client of west that is not to be misled: its authority, and the name that every such certificate carries. */
async function open(path: string, pair: Pair | undefined, more: RequestOptions = {}): Promise<IncomingMessage> {
  const ca = await readFile(west.authority.cert, 'utf8');
  const name = { servername: 'http.west.clustermesh' };
  return new Promise((resolve, reject) =>
    httpsRequest(new URL(path, server.address), { agent: false, ca, ...name, ...pair, ...more })
      .once('response', resolve)
      .once('error', reject)
      .end(),
  );
}

async function ask(path: string, pair: Pair | undefined, more: RequestOptions = {}) {
  const response = await open(path, pair, more);
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode, type: response.headers['content-type'], body };
}

const isError = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'none');
/** Node ends what it does not take without an alert, and a client may notice while it reads or while it writes. */
const CUT_OFF = /^(ECONNRESET|EPIPE)$/;

describe('over TLS', () => {
  test.each<Profile>(['admin', 'etcd-client'])('the holder of %s reads everything', async (profile) => {
    expect(await ask('/v1/status', await leafOf(profile))).toMatchObject({ status: 200, body: '{"cluster":"west"}\n' });
    expect(await ask('/v1/nothing', await leafOf(profile))).toMatchObject({ status: 404 });
  });

  test('the holder of metrics reads what the process says of itself, and nothing of the mesh', async () => {
    const metrics = await leafOf('metrics');
    expect(await ask('/metrics', metrics)).toMatchObject({ status: 200, body: 'up 1\n' });
    for (const path of ['/v1/status', '/v1/events', '/v1/nothing']) {
      const { status, body } = await ask(path, metrics);
      expect([path, status, JSON.parse(body).code]).toEqual([path, 403, 'HTTP_ROLE']);
    }
    expect(await ask('/v1/change', metrics, { method: 'POST' })).toMatchObject({ status: 403 });
  });

  test('whoever else the authority has signed for is told why it is refused, whatever it asks for', async () => {
    for (const pair of [await agentOf(), await leafOf('peer')]) {
      for (const path of ['/metrics', '/v1/status', '/v1/nothing']) {
        const { status, type, body } = await ask(path, pair);
        expect([status, type]).toEqual([403, 'application/problem+json']);
        expect(JSON.parse(body)).toMatchObject({
          status: 403,
          code: 'HTTP_ROLE',
          detail: expect.stringMatching(/^the certificate is that of (an agent|a peer), which has no business here$/),
          hint: expect.stringContaining('admin/'),
        });
      }
    }
  });

  test('the name of another cluster under the same authority is not enough', async () => {
    const stored = await readAuthority(west, 'west' as ClusterName);
    if (stored === undefined) throw new Error('west has no authority');
    const authority = { ...stored.authority, cluster: 'east' as ClusterName };
    const { certificate, key } = await issue({ authority, profile: 'admin', now: Date.now(), ttlMs: DAY_MS });
    const { status, body } = await ask('/v1/status', { cert: certificate, key });
    expect([status, JSON.parse(body).detail]).toEqual([
      403,
      'the certificate is for cluster east, and this is an API server of west',
    ]);
  });

  test('nobody comes in without a certificate, or with one of another authority, or one that is no client’s, or has expired', async () => {
    await expect(ask('/metrics', undefined)).rejects.toMatchObject({
      code: expect.stringMatching(/CERTIFICATE_REQUIRED$/),
    });
    const stored = await readAuthority(west, 'west' as ClusterName);
    if (stored === undefined) throw new Error('west has no authority');
    const expired = { profile: 'admin', now: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS } as const;
    const { certificate, key } = await issue({ authority: stored.authority, ...expired });
    const refused = [
      [await leafOf('admin', east), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY|SELF_SIGNED|UNABLE_TO_VERIFY'],
      [await leafOf('rpc'), 'INVALID_PURPOSE'],
      [{ cert: certificate, key }, 'CERT_HAS_EXPIRED'],
    ] as const;
    for (const [pair, reason] of refused) {
      const error = await ask('/metrics', pair).catch((error: unknown) => error);
      expect(isError(error)).toMatch(CUT_OFF);
      await vi.waitFor(() =>
        expect(warned).toContainEqual({
          message: 'http handshake failed',
          address: expect.any(String),
          reason: expect.stringMatching(reason),
        }),
      );
    }
  });

  test('it is TLS 1.3, and plain HTTP gets no answer', async () => {
    const admin = await leafOf('admin');
    await expect(ask('/metrics', admin, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/);
    const plain = new URL('/metrics', server.address.replace('https:', 'http:'));
    const error = await new Promise((resolve) =>
      httpRequest(plain).once('response', resolve).once('error', resolve).end(),
    );
    expect(isError(error)).not.toBe('none');
    expect(await ask('/metrics', admin)).toMatchObject({ status: 200 });
  });

  test('what changes something asks for this machine besides, and for no web page', async () => {
    const admin = await leafOf('admin');
    const post = { method: 'POST' };
    expect(await ask('/v1/change', admin, post)).toMatchObject({ status: 200 });
    const page = await ask('/v1/change', admin, { ...post, headers: { origin: 'https://example.org' } });
    expect([page.status, JSON.parse(page.body).detail]).toEqual([403, 'it comes from a web page']);
  });

  test('a connection that was admitted is judged again with each request', async () => {
    let now = Date.now();
    const clock = { ...systemClock, now: () => now };
    const tls = httpAccess({ cluster: 'west' as ClusterName, tls: files, clock, log });
    const { refusal } = tls;
    const leaf = new X509Certificate((await leafOf('admin')).cert).raw;
    expect(refusal(leaf, undefined)).toBeUndefined();
    now += 2 * DAY_MS;
    expect(refusal(leaf, undefined)).toMatchObject({ status: 403, code: 'HTTP_CERTIFICATE' });
  });
});

describe('certificates that change', () => {
  test('are shown from then on, and a stream that is open goes on', async () => {
    const stream = await open('/v1/events', await leafOf('admin'));
    const events = stream.setEncoding('utf8')[Symbol.asyncIterator]();
    expect((await events.next()).value).toContain('first');
    const before = await shown();

    const folder = new LeafFolder({ dir: west.dir });
    const standing = (await folder.standing()).find(({ place }) => place.profile === 'http');
    if (standing === undefined) throw new Error('there is no leaf of http');
    expect((await folder.renew(standing, Date.now())).ok).toBe(true);
    await files.reload();
    expect(await shown()).not.toBe(before);
    tick('after the renewal');
    expect((await events.next()).value).toContain('after the renewal');

    // A new authority, beside the old one, then in its place.
    const carry = async (steps: Parameters<typeof carryOut>[0]) => {
      const outcomes = await carryOut(steps, { files: rotationFiles(west.dir), leaves: folder, now: Date.now() });
      expect(outcomes.filter(({ failure }) => failure !== undefined)).toEqual([]);
      await files.reload();
    };
    const old = await leafOf('admin');
    const settled = await readRotation(west.dir);
    await carry(prepareSteps(settled, await nextAuthority(settled, { now: Date.now(), given: undefined })));
    expect(await ask('/metrics', old)).toMatchObject({ status: 200 });
    await carry(activateSteps(await readRotation(west.dir)));
    for (const pair of [old, await leafOf('admin')]) expect(await ask('/metrics', pair)).toMatchObject({ status: 200 });
    await carry(retireSteps(await readRotation(west.dir), { force: false }));
    expect(isError(await ask('/metrics', old).catch((error: unknown) => error))).toMatch(CUT_OFF);
    expect(await ask('/metrics', await leafOf('admin'))).toMatchObject({ status: 200 });

    tick('after the rotation');
    expect((await events.next()).value).toContain('after the rotation');
    stream.destroy();
  });

  test('are not taken over where they do not serve', async () => {
    const before = await shown();
    const good = await leafOf('http');
    await writePair(west.leaf('http'), { certificate: good.cert, key: (await leafOf('rpc')).key });
    await files.reload();
    expect(await shown()).toBe(before);
    expect([...files.problems.values()]).toEqual(['certificate and key do not belong together']);
    await writePair(west.leaf('http'), { certificate: good.cert, key: good.key });
    await files.reload();
    expect(files.problems.size).toBe(0);
  });
});

/** Of the certificate that a new connection is shown. */
async function shown(): Promise<string> {
  const response = await open('/metrics', await leafOf('admin'));
  const { socket } = response;
  if (!(socket instanceof TLSSocket)) throw new Error('no TLS');
  const { fingerprint256 } = socket.getPeerCertificate();
  response.resume();
  return fingerprint256;
}
