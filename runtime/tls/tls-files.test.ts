import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  Client,
  credentials,
  experimental,
  Metadata,
  Server,
  type ServerCredentials,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { type IssuedCertificate, issue } from '../../pki/issue.ts';
import type { Profile } from '../../pki/profiles.ts';
import { type Clock, systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { ManualClock } from '../manual-clock.ts';
import { CertificateSource, serverCredentials } from './certificate-source.ts';
import { channelCredentials } from './shared-credentials.ts';
import { TextFiles } from './text-files.ts';
import { openTlsFiles, type TlsFilesFollower } from './tls-files.ts';

const deps = { clock: systemClock, log: silentLog };
const closers: (() => void | Promise<void>)[] = [];
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tls-'));
  closers.push(() => rm(dir, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const authorityOf = (cluster: string) => createAuthority({ cluster: cluster as ClusterName, now: Date.now(), days: 1 });
const leafOf = (authority: Authority, profile: Profile, now = Date.now()) =>
  issue({ authority, profile, now, ttlMs: DAY_MS, ips: profile === 'door' ? ['127.0.0.1'] : [] });

const filesOf = (name: string) => ({
  ca: [join(dir, `${name}-ca.pem`)],
  cert: join(dir, `${name}-cert.pem`),
  key: join(dir, `${name}-key.pem`),
});
async function writeCa(name: string, ...authorities: Authority[]): Promise<void> {
  await writeFile(join(dir, `${name}-ca.pem`), authorities.map(({ certificate }) => certificate).join(''));
}
async function writeLeaf(name: string, { certificate, key }: IssuedCertificate): Promise<void> {
  await writeFile(filesOf(name).key, key);
  await writeFile(filesOf(name).cert, certificate);
}

/** A door with a stream that stays open and echoes nothing but ticks. */
async function startDoor(credentials: ServerCredentials) {
  const open = new Set<ServerWritableStream<Buffer, Buffer>>();
  const server = new Server();
  server.addService(
    { ticks: { path: '/t/ticks', requestStream: false, responseStream: true, ...BYTES } },
    {
      ticks: (call: ServerWritableStream<Buffer, Buffer>) => {
        open.add(call);
        call.write(Buffer.from('hello'));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  closers.push(() => server.forceShutdown());
  const tick = (text: string) => {
    for (const call of open) call.write(Buffer.from(text));
  };
  return { port, tick };
}
const same = (bytes: Buffer) => bytes;
const BYTES = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };

/** Opens a stream over a new connection: what it receives, and how it ends. */
function follow(port: number, source: CertificateSource) {
  const client = new Client(`127.0.0.1:${port}`, channelCredentials(source), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  const call = client.makeServerStreamRequest('/t/ticks', same, same, Buffer.alloc(0), new Metadata(), {});
  const received: string[] = [];
  const state: { ended: string | undefined } = { ended: undefined };
  call.on('data', (bytes: Buffer) => received.push(bytes.toString()));
  call.on('error', (error) => {
    state.ended = error.message;
  });
  closers.push(() => client.close());
  return { received, state };
}

async function connects(port: number, source: CertificateSource): Promise<boolean> {
  const stream = follow(port, source);
  await expect.poll(() => stream.received.length > 0 || stream.state.ended !== undefined, { timeout: 5000 }).toBe(true);
  return stream.received.length > 0;
}

describe('certificates from files', () => {
  test('a rotation of CA and leaves on both sides drops no stream, and ends with the old authority out', async () => {
    const [oldCa, newCa] = [await authorityOf('west'), await authorityOf('west')];
    for (const name of ['server', 'client']) await writeCa(name, oldCa);
    await writeLeaf('server', await leafOf(oldCa, 'door'));
    await writeLeaf('client', await leafOf(oldCa, 'peer'));
    const server = await followed('server');
    const client = await followed('client');
    const old = (await openTlsFiles(filesOf('client'), deps)).source;
    const door = await startDoor(serverCredentials(server.source));
    const stream = follow(door.port, client.source);
    await expect.poll(() => stream.received).toEqual(['hello']);

    for (const name of ['server', 'client']) await writeCa(name, oldCa, newCa);
    await taken(server, newCa.certificate);
    await taken(client, newCa.certificate);
    const [serverLeaf, clientLeaf] = [await leafOf(newCa, 'door'), await leafOf(newCa, 'peer')];
    await writeLeaf('server', serverLeaf);
    await writeLeaf('client', clientLeaf);
    await taken(server, serverLeaf.certificate);
    await taken(client, clientLeaf.certificate);
    expect(await connects(door.port, client.source)).toBe(true);
    for (const name of ['server', 'client']) await writeCa(name, newCa);
    await expect.poll(() => server.source.material.ca).toBe(newCa.certificate);
    await expect.poll(() => client.source.material.ca).toBe(newCa.certificate);

    expect(await connects(door.port, client.source)).toBe(true);
    expect(await connects(door.port, old)).toBe(false);
    door.tick('still here');
    await expect.poll(() => stream.received).toContain('still here');
    expect(stream.state.ended).toBeUndefined();
  });

  test('a pair that does not fit, or cannot be read, leaves the last good one in use until it is repaired', async () => {
    const ca = await authorityOf('west');
    for (const name of ['server', 'client']) await writeCa(name, ca);
    const good = await leafOf(ca, 'door');
    await writeLeaf('server', good);
    await writeLeaf('client', await leafOf(ca, 'peer'));
    const server = await followed('server');
    const client = await followed('client');
    const door = await startDoor(serverCredentials(server.source));

    const next = await leafOf(ca, 'door');
    await writeFile(filesOf('server').cert, next.certificate);
    await expect.poll(() => [...server.problems.values()]).toEqual(['certificate and key do not belong together']);
    expect(server.source.material.certificate).toBe(good.certificate);
    expect(await connects(door.port, client.source)).toBe(true);

    await writeFile(filesOf('server').key, 'not a key');
    await expect.poll(() => [...server.problems.values()].join()).toContain('no private key that can be read');
    await rm(filesOf('server').ca[0] ?? '');
    await expect.poll(() => server.problems.size).toBe(2);
    expect(await connects(door.port, client.source)).toBe(true);

    await writeFile(filesOf('server').key, next.key);
    await writeCa('server', ca);
    await taken(server, next.certificate);
    await expect.poll(() => server.problems.size).toBe(0);
    expect(await connects(door.port, client.source)).toBe(true);
  });

  test('the authorities of peers come and go, and a broken one harms nobody else', async () => {
    const [west, east, north] = [await authorityOf('west'), await authorityOf('east'), await authorityOf('north')];
    await writeCa('server', west);
    await writeLeaf('server', await leafOf(west, 'door'));
    const server = await followed('server');
    const door = await startDoor(serverCredentials(server.source));
    const clients = new Map<Authority, CertificateSource>();
    for (const authority of [east, north]) {
      clients.set(authority, new CertificateSource({ ca: west.certificate, ...(await leafOf(authority, 'peer')) }));
      await writeCa(authority.cluster, authority);
    }
    const outcome = async () => {
      const results: boolean[] = [];
      for (const source of clients.values()) results.push(await connects(door.port, source));
      return results;
    };
    const [eastCa, northCa] = [join(dir, 'east-ca.pem'), join(dir, 'north-ca.pem')];

    expect(await outcome()).toEqual([false, false]);
    await server.setFurtherCa([eastCa, northCa]);
    expect(await outcome()).toEqual([true, true]);
    await writeFile(northCa, 'garbage');
    await server.reload();
    expect([...server.problems.keys()]).toEqual([northCa]);
    expect(await outcome()).toEqual([true, true]);
    await server.setFurtherCa([eastCa, join(dir, 'absent.pem')]);
    expect(await outcome()).toEqual([true, false]);
    await server.setFurtherCa([]);
    expect(await outcome()).toEqual([false, false]);
    expect(server.problems.size).toBe(0);
  });

  test.each<[string, (files: { ca: string; cert: string; key: string }) => Promise<unknown>, RegExp]>([
    ['a missing key', ({ key }) => rm(key), /key\.pem: ENOENT/],
    [
      'a CA file that holds a leaf',
      async ({ ca, cert }) => writeFile(ca, await readFile(cert)),
      /not a CA certificate/,
    ],
    ['an empty CA file', ({ ca }) => writeFile(ca, ''), /holds no PEM certificate/],
    [
      'a pair that has expired',
      async () => writeLeaf('server', await leafOf(await authorityOf('west'), 'door', Date.now() - 2 * DAY_MS)),
      /expired on .*check the clock, have clustermesh trust renew/,
    ],
  ])('cannot be opened with %s', async (_, breakIt, reason) => {
    const ca = await authorityOf('west');
    await writeCa('server', ca);
    await writeLeaf('server', await leafOf(ca, 'door'));
    const files = filesOf('server');
    await breakIt({ ...files, ca: files.ca[0] ?? '' });
    const opening = openTlsFiles(files, deps);
    await expect(opening).rejects.toMatchObject({ code: 'TLS_FILES' });
    await expect(opening).rejects.toThrow(reason);
  });
});

describe('the authorities of many peers', () => {
  const JOINING = 60;

  /** A door's files, and a way to write the authority of a peer; `told`: how often a server would make its secure context anew. */
  async function doorOfMany(clock: Clock = systemClock) {
    const own = await authorityOf('west');
    await writeCa('server', own);
    await writeLeaf('server', await leafOf(own, 'door'));
    const texts = new TextFiles();
    const looked: string[] = [];
    const takenInTurn = new Set<string>();
    let mostTaken = 0;
    const read = async (path: string, now: number) => {
      looked.push(path);
      const { text = '' } = await texts.read(path, now);
      return {
        get text() {
          takenInTurn.add(path);
          mostTaken = Math.max(mostTaken, takenInTurn.size);
          void setImmediate().then(() => takenInTurn.clear());
          return text;
        },
      };
    };
    const follower = await openTlsFiles(filesOf('server'), { ...deps, clock, texts: { read } });
    let told = 0;
    follower.source.addCaCertificateListener(() => {
      told += 1;
    });
    await expect.poll(() => told).toBe(1);
    const peer = async (name: string) => {
      const authority = await authorityOf(name);
      await writeCa(name, authority);
      return { path: join(dir, `${name}-ca.pem`), certificate: authority.certificate };
    };
    return { follower, told: () => told - 1, peer, looked, mostTaken: () => mostTaken };
  }

  test('are taken over together, the first at once, and all of them count when that is said', async () => {
    const { follower, told, peer } = await doorOfMany();
    const peers = await Promise.all(Array.from({ length: JOINING }, (_, at) => peer(`east${at}`)));
    const paths: string[] = [];
    const counting: Promise<void>[] = [];
    for (const { path } of peers) {
      paths.push(path);
      counting.push(follower.setFurtherCa([...paths]));
      await setImmediate();
    }
    await counting[0];
    expect(follower.source.material.ca).toContain(peers[0]?.certificate.trimEnd());
    await Promise.all(counting);
    for (const { certificate } of peers) expect(follower.source.material.ca).toContain(certificate.trimEnd());
    expect(told()).toBeLessThan(JOINING / 4);
  });

  test('are looked at a few in a turn', async () => {
    const { follower, peer, mostTaken } = await doorOfMany();
    const peers = await Promise.all(Array.from({ length: JOINING }, (_, at) => peer(`east${at}`)));
    await follower.setFurtherCa(peers.map(({ path }) => path));
    for (const { certificate } of peers) expect(follower.source.material.ca).toContain(certificate.trimEnd());
    expect(mostTaken()).toBeLessThanOrEqual(16);
  });

  test('are taken over the less often the longer it takes', async () => {
    const clock = new ManualClock(Date.now());
    const { follower, peer, looked } = await doorOfMany(clock);
    let contextMs = 0;
    follower.source.addCaCertificateListener(() => clock.stall(contextMs));
    contextMs = 50;
    const [first, second] = [await peer('first'), await peer('second')];
    await follower.setFurtherCa([first.path]);
    const coming = follower.setFurtherCa([first.path, second.path]);
    await setImmediate();
    clock.advance(1_400);
    await setImmediate();
    expect(looked).not.toContain(second.path);
    clock.advance(100);
    await coming;
    expect(follower.source.material.ca).toContain(second.certificate.trimEnd());
  });

  test('are looked at when they come, and not with each that comes after them', async () => {
    const { follower, peer, looked } = await doorOfMany();
    const [first, broken, last] = [await peer('first'), await peer('broken'), await peer('last')];
    await writeFile(broken.path, 'garbage');
    await follower.setFurtherCa([first.path, broken.path]);
    expect([...follower.problems.keys()]).toEqual([broken.path]);
    looked.length = 0;
    await follower.setFurtherCa([first.path, broken.path, last.path]);
    expect(looked).toEqual([broken.path, last.path]);
    expect([...follower.problems.keys()]).toEqual([broken.path]);
    const { ca } = follower.source.material;
    for (const { certificate } of [first, last]) expect(ca).toContain(certificate.trimEnd());
    await follower.reload();
    expect(looked).toContain(first.path);
  });

  test('vouch for nobody from the moment they are taken out, also while others come', async () => {
    const { follower, peer } = await doorOfMany();
    const [revoked, stays, comes] = [await peer('revoked'), await peer('stays'), await peer('comes')];
    await follower.setFurtherCa([revoked.path, stays.path]);
    const coming = follower.setFurtherCa([stays.path, comes.path]);
    expect(follower.source.material.ca).not.toContain(revoked.certificate.trimEnd());
    expect(follower.source.material.ca).toContain(stays.certificate.trimEnd());
    await coming;
    expect(follower.source.material.ca).toContain(comes.certificate.trimEnd());
    expect(follower.source.material.ca).not.toContain(revoked.certificate.trimEnd());
  });
});

// The reason why serverCredentials takes one source. When this fails, grpc-js has changed what it forwards.
test('grpc-js still swaps the two providers of a server', async () => {
  const ca = await authorityOf('west');
  const material = { ca: ca.certificate, ...(await leafOf(ca, 'door')) };
  const caOnly = new CertificateSource(material);
  const identityOnly = new CertificateSource(material);
  caOnly.addIdentityCertificateListener = () => {};
  identityOnly.addCaCertificateListener = () => {};
  const client = new CertificateSource({ ca: ca.certificate, ...(await leafOf(ca, 'peer')) });
  const attempt = async (first: CertificateSource, second: CertificateSource) => {
    const door = await startDoor(experimental.createCertificateProviderServerCredentials(first, second, true));
    return connects(door.port, client);
  };
  expect(await attempt(caOnly, identityOnly)).toBe(false);
  expect(await attempt(identityOnly, caOnly)).toBe(true);
});

async function followed(name: string): Promise<TlsFilesFollower> {
  const follower = await openTlsFiles(filesOf(name), { ...deps, pollMs: 200 });
  const stop = new AbortController();
  const running = follower.run(stop.signal);
  closers.push(() => {
    stop.abort();
    return running;
  });
  return follower;
}

async function taken({ source }: TlsFilesFollower, pem: string): Promise<void> {
  await expect.poll(() => source.material.ca + source.material.certificate, { timeout: 5000 }).toContain(pem.trimEnd());
}

test('an RPC without a client certificate is refused', async () => {
  const ca = await authorityOf('west');
  const source = new CertificateSource({ ca: ca.certificate, ...(await leafOf(ca, 'door')) });
  const door = await startDoor(serverCredentials(source));
  const client = new Client(`127.0.0.1:${door.port}`, credentials.createSsl(Buffer.from(ca.certificate)));
  closers.push(() => client.close());
  const outcome = await new Promise<unknown>((resolve) => {
    const call = client.makeServerStreamRequest('/t/ticks', same, same, Buffer.alloc(0));
    call.on('error', (error) => resolve('code' in error && error.code));
    call.on('data', () => resolve('answered'));
  });
  expect(outcome).toBe(status.UNAVAILABLE);
});
