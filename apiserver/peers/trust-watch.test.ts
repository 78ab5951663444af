// Real handshakes: what a watch over the trust in a peer finds at doors that are as they should be, and at those that are not.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSecureServer, type Http2SecureServer, type SecureServerOptions } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { spkiPins } from '../../pki/spki.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import {
  authority,
  CLIENT,
  certify,
  DAY,
  type Issued,
  keyPem,
  SERVER,
  type Wish,
} from '../../test/samples/certificates.ts';
import type { PeerSpec } from './peer-spec.ts';
import type { LinkHandshake } from './port.ts';
import type { PeerKnowledge } from './seen-door.ts';
import { probeDoor } from './trust-probe.ts';
import { PeerTrustWatch } from './trust-watch.ts';

const NOW = Date.now();
const VALID = { from: NOW - DAY, to: NOW + 200 * DAY };
const WEST = 'west' as ClusterName;
const EAST = 'east' as ClusterName;
/** A fault is looked at again a second later before it is told (SECOND_LOOK_MS); the rest is for a busy machine. */
const LOOKED_AT = { timeout: 10_000 };

let west: Issued;
let east: Issued;
let middle: Issued;
beforeAll(async () => {
  const long = { from: NOW - DAY, to: NOW + 3650 * DAY };
  west = await authority({ name: 'west root', ...long });
  east = await authority({ name: 'east root', ...long });
  middle = await authority({ name: 'east middle', issuer: east, ...long });
});

let dir: string;
let stop: AbortController;
let closers: (() => void)[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'trust-watch-'));
  stop = new AbortController();
  closers = [];
});
afterEach(async () => {
  stop.abort();
  for (const close of closers) close();
  await rm(dir, { recursive: true, force: true });
});

const doorLeaf = (wish: Partial<Wish> = {}, issuer = middle) =>
  certify({
    name: 'door.east',
    issuer,
    extended: [SERVER],
    dns: ['east.mesh.cilium.io'],
    uris: ['spiffe://east.clustermesh/apiserver'],
    ...VALID,
    ...wish,
  });

async function listen(server: Server | Http2SecureServer): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket: { destroy(): void }) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A door that lets in whom `ca` vouches for. */
async function startDoor(chain: readonly Issued[], ca: Issued, more: SecureServerOptions = {}): Promise<number> {
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('a door needs a certificate');
  const key = await keyPem(leaf.keys);
  const cert = chain.map(({ pem }) => pem).join('');
  return listen(createSecureServer({ cert, key, ca: ca.pem, requestCert: true, rejectUnauthorized: true, ...more }));
}

/** A server would not use what is weak by itself. */
const ANY_STRENGTH = { ciphers: 'DEFAULT:@SECLEVEL=0' };

interface Watched {
  readonly watch: PeerTrustWatch;
  spec: PeerSpec;
  failures: number;
  link: 'reads' | 'begins' | undefined;
  handshake: LinkHandshake | undefined;
  /** How often a door was asked whether we may read. */
  asked: number;
  probed: number;
  /** Where the door stands now, if not where it stood. */
  port: number | undefined;
  /** How much later it is than the clock says. */
  laterMs: number;
}

async function watched(port: number, known: PeerKnowledge = { plain: false }, store: Issued = east): Promise<Watched> {
  const shown = await certify({ name: 'remote-west', issuer: west, extended: [CLIENT], ...VALID });
  await writeFile(join(dir, 'cert.pem'), shown.pem);
  await writeFile(join(dir, 'key.pem'), await keyPem(shown.keys), { mode: 0o600 });
  const spec = {
    name: EAST,
    endpoints: [`https://127.0.0.1:${port}`],
    ca: [join(dir, 'east.pem')],
    serverName: 'east.mesh.cilium.io',
  };
  const state: Watched = {
    spec,
    failures: 0,
    link: undefined,
    handshake: undefined,
    asked: 0,
    probed: 0,
    port: undefined,
    laterMs: 0,
    watch: new PeerTrustWatch({
      self: WEST,
      specs: () => [state.spec],
      spec: (peer) => (state.spec.name === peer ? state.spec : undefined),
      failures: () => state.failures,
      link: () => state.link,
      handshake: () => state.handshake,
      known: () => ({ ca: store.pem, ...known }),
      ownCa: () => [west.pem],
      client: { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') },
      probe: (door, signal) => {
        state.probed += 1;
        return probeDoor({ ...door, port: state.port ?? door.port, handshakeMs: 500 }, signal);
      },
      // These doors speak HTTP/2, and nothing above it.
      ask: async () => {
        state.asked += 1;
        return 'no answer';
      },
      clock: { ...systemClock, monotonic: () => systemClock.monotonic() + state.laterMs },
      random: seededRandom(1),
      log: silentLog,
    }),
  };
  return state;
}

const codesOf = ({ findings }: Assessment) => findings.map(({ code }) => code);
const checkOf = ({ checks }: Assessment, code: string) => checks.find((check) => check.code === code);

/** What is known after the first look. */
async function lookedAt({ watch }: Watched): Promise<Assessment> {
  const looked = new Promise<void>((resolve) => watch.onChange(resolve));
  void watch.run(stop.signal);
  await looked;
  return watch.assessment();
}

describe('a watch over the trust in a peer', () => {
  test('passes a door that is as it should be', async () => {
    const state = await watched(await startDoor([await doorLeaf(), middle], west), { plain: false, admittedPins: [] });
    expect(checkOf(state.watch.assessment(), 'CM-TRUST-001')?.status).toBe('skipped');
    const assessment = await lookedAt(state);
    expect(assessment.findings).toEqual([]);
    expect([checkOf(assessment, 'CM-TRUST-001'), checkOf(assessment, 'CM-TRUST-002')]).toMatchObject([
      { status: 'passed' },
      { status: 'passed' },
    ]);
  });

  test.each<[string, () => Promise<readonly Issued[]>, readonly string[]]>([
    ['of another authority', async () => [await doorLeaf({}, west), west], ['CM-TRUST-001']],
    ['without its intermediate', async () => [await doorLeaf()], ['CM-TRUST-003']],
    [
      'that has expired',
      async () => [await doorLeaf({ from: NOW - 9 * DAY, to: NOW - DAY }), middle],
      ['CM-TRUST-004'],
    ],
    [
      'of another cluster',
      async () => [await doorLeaf({ uris: ['spiffe://west.clustermesh/apiserver'] }), middle],
      ['CM-TRUST-006'],
    ],
    ['for another address', async () => [await doorLeaf({ dns: ['west.mesh.cilium.io'] }), middle], ['CM-TRUST-006']],
    [
      'with a signature that TLS refuses',
      async () => [await doorLeaf({ hash: 'SHA-1' }), middle],
      ['CM-TRUST-001', 'CM-TRUST-009'],
    ],
  ])('explains a chain %s', async (_, chain, codes) => {
    const assessment = await lookedAt(await watched(await startDoor(await chain(), west, ANY_STRENGTH)));
    expect(codesOf(assessment)).toEqual(codes);
    expect(assessment.findings[0]).toMatchObject({
      severity: 'blocking',
      subject: { cluster: 'east', key: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/) },
      other: { cluster: 'west' },
    });
    // The door took our certificate all the same.
    expect(checkOf(assessment, 'CM-TRUST-002')?.status).toBe('passed');
  });

  test('says that a door refuses our certificate', async () => {
    const assessment = await lookedAt(await watched(await startDoor([await doorLeaf(), middle], east)));
    expect(assessment.findings).toMatchObject([
      { code: 'CM-TRUST-002', severity: 'blocking', subject: { cluster: 'east' }, other: { cluster: 'west' } },
    ]);
  });

  test('judges again what it saw, once more is known of the peer', async () => {
    const known: { plain: boolean; admittedPins?: readonly string[] } = { plain: true };
    const state = await watched(await startDoor([await doorLeaf({ uris: [] }), middle], west), known);
    expect(codesOf(await lookedAt(state))).toEqual([]);
    Object.assign(known, { plain: false, admittedPins: ['sha256/gone'] });
    expect(codesOf(state.watch.assessment())).toEqual(['CM-TRUST-006', 'CM-TRUST-008']);
  });

  test('says of a certificate that is good by the clock of its peer that clocks are to be compared', async () => {
    const known = { plain: false, clockOffsetMs: -26 * (DAY / 24) };
    const leaf = await doorLeaf({ from: NOW - 3 * DAY, to: NOW - DAY });
    const [finding] = (await lookedAt(await watched(await startDoor([leaf, middle], west), known))).findings;
    expect(finding).toMatchObject({
      code: 'CM-TRUST-004',
      remediation: expect.stringMatching(/compare the clocks of both clusters/),
    });
  });

  test('warns of pins that vanished and of an authority that two clusters share', async () => {
    const known = { plain: false, admittedPins: ['sha256/gone'] };
    const state = await watched(await startDoor([await doorLeaf({}, west), west], west), known, west);
    expect(codesOf(await lookedAt(state))).toEqual(['CM-TRUST-008', 'CM-TRUST-007']);
  });

  test('does not hold a chain from before a rotation against the keys from after it', async () => {
    const [next, leaf] = [await authority({ name: 'east next', ...VALID }), await doorLeaf()];
    const known: Record<string, unknown> = { plain: false, ca: east.pem, admittedPins: spkiPins([east.pem]) };
    const state = await watched(await startDoor([leaf, middle], west), known as PeerKnowledge);
    expect(codesOf(await lookedAt(state))).toEqual([]);
    state.port = await startDoor([await doorLeaf({}, next), next], west);
    state.laterMs = 10_000;
    // As a peer retires its old authority: first its card says so, then its bundle.
    Object.assign(known, { admittedPins: spkiPins([next.pem]) });
    expect(codesOf(state.watch.assessment())).toEqual([]);
    Object.assign(known, { ca: next.pem });
    expect(codesOf(state.watch.assessment())).toEqual([]);
    await expect.poll(() => state.probed, LOOKED_AT).toBeGreaterThan(1);
    await expect.poll(() => checkOf(state.watch.assessment(), 'CM-TRUST-001')?.status, LOOKED_AT).toBe('passed');
    // What the door shows since is held against the keys since.
    Object.assign(known, { ca: east.pem });
    state.laterMs = 20_000;
    await expect.poll(() => codesOf(state.watch.assessment()), LOOKED_AT).toContain('CM-TRUST-001');
  });

  test('holds the last chain against another trust store where the door does not answer any more', async () => {
    const known: Record<string, unknown> = { plain: false, ca: east.pem };
    const state = await watched(await startDoor([await doorLeaf(), middle], west), known as PeerKnowledge);
    expect(codesOf(await lookedAt(state))).toEqual([]);
    state.port = 1;
    state.laterMs = 10_000;
    Object.assign(known, { ca: west.pem });
    expect(codesOf(state.watch.assessment())).toEqual([]);
    await expect.poll(() => codesOf(state.watch.assessment()), LOOKED_AT).toContain('CM-TRUST-003');
  });

  test('lets a link begin before it looks, and asks nothing that the link has read', async () => {
    const state = await watched(await startDoor([await doorLeaf(), middle], west));
    state.link = 'begins';
    void state.watch.run(stop.signal);
    state.watch.peerChanged(EAST);
    expect(checkOf(state.watch.assessment(), 'CM-TRUST-002')?.reason).toMatch('no handshake');
    state.link = 'reads';
    state.watch.peerChanged(EAST);
    await expect.poll(() => checkOf(state.watch.assessment(), 'CM-TRUST-002')?.status, LOOKED_AT).toBe('passed');
    expect(state.asked).toBe(0);
  });

  test('takes what a link that reads has seen for its first look, and judges that as it would judge a probe', async () => {
    const leaf = await doorLeaf({ from: NOW - 9 * DAY, to: NOW + DAY });
    const chain = leaf.pem + middle.pem;
    const byProbe = await lookedAt(await watched(await startDoor([leaf, middle], west)));
    const state = await watched(await startDoor([leaf, middle], west));
    Object.assign(state, { link: 'reads', handshake: { chain, shown: west.pem } });
    const byLink = await lookedAt(state);
    expect(codesOf(byLink)).toEqual(['CM-TRUST-005']);
    expect(codesOf(byLink)).toEqual(codesOf(byProbe));
    const verdicts = ({ checks }: Assessment) => checks.map(({ code, status }) => [code, status]);
    expect(verdicts(byLink)).toEqual(verdicts(byProbe));
    expect([state.probed, state.asked]).toEqual([0, 0]);
  });

  test('probes a door where the link reads once the connection is gone, and where it is one of several', async () => {
    const state = await watched(await startDoor([await doorLeaf(), middle], west));
    const chain = (await doorLeaf()).pem;
    Object.assign(state, { link: 'reads', handshake: { chain, shown: west.pem } });
    const [endpoint = ''] = state.spec.endpoints;
    state.spec = { ...state.spec, endpoints: [endpoint, `${endpoint}/`] };
    expect(codesOf(await lookedAt(state))).toEqual([]);
    expect(state.probed).toBe(2);
    state.handshake = undefined;
    state.spec = { ...state.spec, endpoints: [endpoint] };
    state.watch.peerChanged(EAST);
    await expect.poll(() => state.probed, LOOKED_AT).toBe(3);
  });

  test('looks at once when a link that was about to begin does not', async () => {
    const state = await watched(await startDoor([await doorLeaf(), middle], east));
    state.link = 'begins';
    void state.watch.run(stop.signal);
    Object.assign(state, { link: undefined, failures: 1 });
    state.watch.peerChanged(EAST);
    await expect.poll(() => codesOf(state.watch.assessment()), LOOKED_AT).toEqual(['CM-TRUST-002']);
  });

  test('does not know what it could not see', async () => {
    const silent = await listen(createServer(() => {}));
    const noDoor = await listen(createTlsServer({ cert: east.pem, key: await keyPem(east.keys) }));
    const gone = await listen(createServer());
    closers.pop()?.();
    for (const [port, reason] of [
      [noDoor, /it does not speak HTTP\/2/],
      [gone, /ECONNREFUSED/],
      [silent, /no answer within 0\.5 s/],
    ] as const) {
      const state = await watched(port);
      const assessment = await lookedAt(state);
      expect(checkOf(assessment, 'CM-TRUST-003')).toMatchObject({
        status: 'unknown',
        reason: expect.stringMatching(reason),
      });
      expect(checkOf(assessment, 'CM-TRUST-002')).toMatchObject({ status: 'skipped' });
    }
  });

  test('looks again when the link fails or the peer is reached otherwise, and forgets a peer that is gone', async () => {
    const state = await watched(await startDoor([await doorLeaf()], west));
    expect(codesOf(await lookedAt(state))).toEqual(['CM-TRUST-003']);
    state.spec = {
      ...state.spec,
      endpoints: [`https://127.0.0.1:${await startDoor([await doorLeaf(), middle], west)}`],
    };
    state.watch.peerChanged(EAST);
    await expect.poll(() => codesOf(state.watch.assessment()), LOOKED_AT).toEqual([]);
    await expect.poll(() => checkOf(state.watch.assessment(), 'CM-TRUST-003')?.status, LOOKED_AT).toBe('passed');
    state.spec = { ...state.spec, name: 'north' as ClusterName };
    state.watch.peerChanged(EAST);
    expect(checkOf(state.watch.assessment(), 'CM-TRUST-003')?.status).toBe('skipped');
  });
});
