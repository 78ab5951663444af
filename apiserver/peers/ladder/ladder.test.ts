// Given real sockets and handshakes on loopback, then each thing that may be in the way ends the ladder on its own rung, with its
// own code and remedy, and what is above it is skipped. The etcd behind the door is the memory store: what it answers is not ours.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClusterName } from '../../../mesh/model/names.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { OperationalError } from '../../../runtime/errors.ts';
import { ManualClock } from '../../../runtime/manual-clock.ts';
import { authority, CLIENT, certify, DAY, type Issued, keyPem, SERVER } from '../../../test/samples/certificates.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import type { DoorClient, PeerLinkState } from '../port.ts';
import { probeDoor } from '../trust-probe.ts';
import { climb } from './climb.ts';
import { climbPeer, type LadderDeps } from './ladder.ts';
import { systemNetwork } from './network.ts';
import { passed, type Rung } from './rung.ts';

const NOW = Date.now();
const VALID = { from: NOW - 10 * DAY, to: NOW + 100 * DAY };
const PAST = { from: NOW - 10 * DAY, to: NOW - DAY };
const EAST = 'east' as ClusterName;

let west: Issued;
let east: Issued;
beforeAll(async () => {
  west = await authority({ name: 'west root', ...VALID });
  east = await authority({ name: 'east root', ...VALID });
});

let dir: string;
let closers: (() => void)[];
let live: Partial<PeerLinkState>;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ladder-'));
  closers = [];
  live = { phase: 'live', synced: true, records: 3, freshness: 'fresh', unsynced: [], failures: 0 };
});
afterEach(async () => {
  for (const close of closers) close();
  await rm(dir, { recursive: true, force: true });
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket: { destroy(): void }) => sockets.add(socket));
  for (const event of ['tlsClientError', 'sessionError']) server.on(event, () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function doorOptions(life = VALID, lets = west) {
  const door = { name: 'door.east', extended: [SERVER], dns: ['east.mesh.cilium.io'] };
  const leaf = await certify({ ...door, uris: ['spiffe://east.clustermesh/apiserver'], issuer: east, ...life });
  return { cert: leaf.pem, key: await keyPem(leaf.keys), ca: lets.pem, requestCert: true, rejectUnauthorized: true };
}
const startDoor = async (life = VALID, lets = west) => listen(createSecureServer(await doorOptions(life, lets)));

const memory: DoorClient['store'] = new MemoryStore();
const refusing = (code: string): DoorClient['store'] => {
  const refuse = () => Promise.reject(new OperationalError({ code, operation: 'read', reason: 'no' }));
  return { get: refuse, getAll: refuse, status: refuse };
};

interface Given {
  readonly store?: DoorClient['store'];
  readonly clientLife?: { readonly from: number; readonly to: number };
  readonly endpoint?: string;
  readonly network?: Partial<LadderDeps['network']>;
}

async function ladderOf(port: number, given: Given = {}): Promise<readonly Rung[]> {
  const { store = memory, clientLife = VALID, endpoint = `https://127.0.0.1:${port}`, network } = given;
  const shown = await certify({ name: 'remote-west', issuer: west, extended: [CLIENT], ...clientLife });
  const client = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  await writeFile(client.cert, shown.pem);
  await writeFile(client.key, await keyPem(shown.keys), { mode: 0o600 });
  const spec = { name: EAST, endpoints: [endpoint], ca: [], serverName: 'east.mesh.cilium.io' };
  const deps: LadderDeps = {
    self: 'west' as ClusterName,
    spec,
    client,
    known: { ca: east.pem, plain: false },
    link: () => live as PeerLinkState,
    network: { ...systemNetwork, ...network },
    probe: probeDoor,
    openDoor: async () => ({
      store,
      mirror: () => {
        throw new Error('a ladder follows nothing');
      },
      close() {},
    }),
    clock: systemClock,
  };
  const [ladder] = await climbPeer(deps, AbortSignal.timeout(20_000));
  return ladder?.rungs ?? [];
}

/** `passed passed failed skipped …`, and the code of the failure. */
const states = (rungs: readonly Rung[]) => rungs.map(({ state }) => state[0]).join('');
const failureOf = (rungs: readonly Rung[]) => rungs.find(({ state }) => state === 'failed');

test('every rung of a sound peer passes, each with its time', async () => {
  const rungs = await ladderOf(await startDoor());
  expect(rungs.filter(({ state }) => state !== 'passed')).toEqual([]);
  expect(rungs.map(({ rung }) => rung)).toEqual(['name', 'tcp', 'tls', 'authorization', 'etcd', 'card', 'sync']);
  expect(rungs.every(({ ms }) => ms !== undefined && ms >= 0)).toBe(true);
});

test('a name that nobody knows', async () => {
  const resolve = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
  const rungs = await ladderOf(0, { endpoint: 'https://door.east.invalid:2379', network: { resolve } });
  expect(states(rungs)).toBe('fssssss');
  expect(failureOf(rungs)).toMatchObject({ rung: 'name', failure: { code: 'LADDER_NAME' } });
  expect(rungs[1]).toEqual({ rung: 'tcp', state: 'skipped', seen: 'name failed' });
});

test('a port where nothing listens', async () => {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  const rungs = await ladderOf(port);
  expect(states(rungs)).toBe('pfsssss');
  expect(failureOf(rungs)).toMatchObject({ rung: 'tcp', failure: { code: 'LADDER_TCP_REFUSED' } });
});

test('a port behind a filter that drops everything', async () => {
  const clock = new ManualClock();
  const late = { code: 'LADDER_TCP_TIMEOUT', reason: 'silent', remedy: 'Open it.' };
  const dropped = { rung: 'tcp' as const, limitMs: 3_000, late, take: () => new Promise<never>(() => {}) };
  const above = { rung: 'tls' as const, limitMs: 1, late, take: async () => passed('never') };
  const climbing = climb([dropped, above], clock, new AbortController().signal);
  await Promise.resolve();
  clock.advance(3_000);
  expect(await climbing).toEqual([
    { rung: 'tcp', state: 'failed', ms: 3_000, seen: 'nothing within 3 s', failure: late },
    { rung: 'tls', state: 'skipped', seen: 'tcp failed' },
  ]);
});

test('a plain HTTP server', async () => {
  const rungs = await ladderOf(await listen(createHttpServer()));
  expect(states(rungs)).toBe('ppfssss');
  expect(failureOf(rungs)).toMatchObject({ rung: 'tls', failure: { code: 'LADDER_NOT_TLS' } });
});

test('a listener that takes the connection and says nothing', async () => {
  const rungs = await ladderOf(await listen(createServer()));
  expect(failureOf(rungs)).toMatchObject({ rung: 'tls', failure: { code: 'LADDER_TLS_TIMEOUT' } });
}, 15_000);

test('TLS that is no etcd', async () => {
  const port = await listen(createTlsServer({ ...(await doorOptions()), ALPNProtocols: ['http/1.1'] }));
  const rungs = await ladderOf(port, { store: refusing('STORE_UNREACHABLE') });
  expect(failureOf(rungs)).toMatchObject({
    failure: { code: expect.stringMatching(/^LADDER_(NOT_ETCD|TLS_FAILED)$/) },
  });
});

test('an HTTP/2 server that is no etcd', async () => {
  const rungs = await ladderOf(await startDoor(), { store: refusing('STORE_FAILED') });
  expect(states(rungs)).toBe('ppppfss');
  expect(failureOf(rungs)).toMatchObject({ rung: 'etcd', failure: { code: 'LADDER_NOT_ETCD' } });
});

test('a door whose certificate has expired', async () => {
  const rungs = await ladderOf(await startDoor(PAST));
  expect(states(rungs)).toBe('ppfssss');
  expect(failureOf(rungs)).toMatchObject({ rung: 'tls', failure: { reason: expect.stringMatching(/expired/) } });
});

test('our own certificate has expired', async () => {
  const rungs = await ladderOf(await startDoor(), { clientLife: PAST });
  expect(states(rungs)).toBe('pppfsss');
  expect(failureOf(rungs)).toMatchObject({
    rung: 'authorization',
    failure: { code: 'CM-TRUST-002', reason: expect.stringMatching(/our own client certificate expired/) },
  });
});

test('a door that does not know our authority', async () => {
  const rungs = await ladderOf(await startDoor(VALID, east));
  expect(failureOf(rungs)).toMatchObject({
    rung: 'authorization',
    failure: { code: 'CM-TRUST-002', remedy: expect.stringMatching(/Put the CA of this cluster/) },
  });
});

test('a user whom the etcd denies', async () => {
  const rungs = await ladderOf(await startDoor(), { store: refusing('STORE_DENIED') });
  expect(states(rungs)).toBe('pppfsss');
  expect(failureOf(rungs)).toMatchObject({
    rung: 'authorization',
    failure: { code: 'CM-TRUST-002', remedy: expect.stringMatching(/grant the user/) },
  });
});

test('a link that keeps failing, and one that is still listing', async () => {
  const port = await startDoor();
  live = { ...live, phase: 'listing', synced: false };
  expect(states(await ladderOf(port))).toBe('ppppppu');
  live = { ...live, phase: 'failed', failures: 3 };
  expect(failureOf(await ladderOf(port))).toMatchObject({ rung: 'sync', failure: { code: 'LADDER_NOT_SYNCED' } });
});
