// A real door that does not let us in, over real handshakes on loopback: for the authority of our certificate, for the name in it, and for its
// age. Each becomes a CM-TRUST-002 that says what was shown and who must act, and is gone once the door lets us in.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { spkiPins } from '../../pki/spki.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { CertificateSource, serverCredentials } from '../../runtime/tls/certificate-source.ts';
import { createDoor } from '../door/server.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { doorOpener } from './door-client.ts';
import { askDoor } from './may-read.ts';
import { peerKeys } from './peer-keys.ts';
import { probeDoor } from './trust-probe.ts';
import { PeerTrustWatch } from './trust-watch.ts';

const WEST = 'west' as ClusterName;
const EAST = 'east' as ClusterName;
/** Looked at again within this while something is wrong. */
const LOOKED_AGAIN_MS = 40_000;

let dir: string;
let clock: ManualClock;
let stop: AbortController;
let closers: (() => unknown)[];
let west: Authority;
let east: Authority;
/** What the door of east has bound to whom; may change. */
let bound: Map<ClusterName, Authority>;
let doorSource: CertificateSource;
let doorPair: { certificate: string; key: string };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'refused-'));
  clock = new ManualClock(Date.now());
  stop = new AbortController();
  closers = [];
  bound = new Map();
  [west, east] = (await Promise.all(
    [WEST, EAST].map((cluster) => createAuthority({ cluster, now: clock.now() - 9 * DAY_MS, days: 30 })),
  )) as [Authority, Authority];
  await writeFile(join(dir, 'east.pem'), east.certificate);
  doorPair = await issue({ authority: east, profile: 'door', now: clock.now(), ttlMs: DAY_MS });
  doorSource = new CertificateSource({ ...doorPair, ca: east.certificate });
  await show(clock.now());
});
afterEach(async () => {
  stop.abort();
  for (const close of closers.reverse()) await close();
  await rm(dir, { recursive: true, force: true });
});

/** A day's certificate of west, for east's door. */
async function show(from: number): Promise<void> {
  const { certificate, key } = await issue({ authority: west, profile: 'peer', now: from, ttlMs: DAY_MS });
  await writeFile(join(dir, 'cert.pem'), certificate);
  await writeFile(join(dir, 'key.pem'), key, { mode: 0o600 });
}

function bind(...entries: readonly (readonly [ClusterName, Authority])[]): void {
  bound = new Map(entries);
  const ca = [east, ...bound.values()].map(({ certificate }) => certificate).join('');
  doorSource.publish({ ...doorPair, ca });
}

/** A real door of east over an etcd in memory, and a watch of west over it. */
async function watchDoor(): Promise<PeerTrustWatch> {
  const store = new MemoryStore();
  await store.transact([{ type: 'put', key: peerKeys(EAST).config, value: Buffer.from('{"id":2}') }]);
  const door = createDoor({
    cluster: EAST,
    trust: {
      own: [east.certificate],
      storeOf: (cluster) => {
        const authority = bound.get(cluster);
        return authority === undefined ? undefined : [authority.certificate];
      },
    },
    credentials: serverCredentials(doorSource),
    listen: '127.0.0.1:0',
    clock,
    log: silentLog,
  });
  const mirror = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer: door.observer });
  void mirror.run(stop.signal);
  const port = await door.start();
  closers.push(() => door.stop());
  const client = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  const spec = {
    name: EAST,
    endpoints: [`https://127.0.0.1:${port}`],
    ca: [join(dir, 'east.pem')],
    serverName: 'east.mesh.cilium.io',
  };
  const random = seededRandom(1);
  const watch = new PeerTrustWatch({
    self: WEST,
    specs: () => [spec],
    spec: () => spec,
    failures: () => 0,
    known: () => ({ ca: east.certificate, plain: false }),
    ownCa: () => [west.certificate],
    client,
    probe: probeDoor,
    ask: askDoor(doorOpener({ client, clock, random, log: silentLog })),
    clock,
    random,
    log: silentLog,
  });
  void watch.run(stop.signal);
  return watch;
}

const refusals = (watch: PeerTrustWatch) => watch.assessment().findings.filter(({ code }) => code === 'CM-TRUST-002');
const checked = (watch: PeerTrustWatch) =>
  watch.assessment().checks.find(({ code }) => code === 'CM-TRUST-002')?.status;

/** Time passes until the watch has looked as often as it takes. */
const becomes = (watch: PeerTrustWatch, status: string) =>
  expect
    .poll(
      () => {
        clock.advance(LOOKED_AGAIN_MS / 10);
        return checked(watch);
      },
      { timeout: 20_000, interval: 50 },
    )
    .toBe(status);

test('for an authority that is not bound there: what was shown, what is lacking, and that east must act', async () => {
  bind();
  const watch = await watchDoor();
  await becomes(watch, 'failed');
  expect(refusals(watch)).toMatchObject([
    {
      severity: 'blocking',
      subject: { cluster: 'east' },
      other: { cluster: 'west' },
      evidence: {
        acts: 'east',
        presented: expect.stringMatching(
          /^"CN=remote-west, .*", URI:spiffe:\/\/west\.clustermesh\/peer, issued by ".*", key sha256\/.*, valid from /,
        ),
        expected: expect.stringMatching(/^that the trust store which east binds to west holds ".*west.*"$/),
      },
      remediation: expect.stringMatching(
        /^Put the CA of this cluster into the trust store that east binds to it; .* compare the clocks\. .* clustermesh leave east here too\.$/,
      ),
    },
  ]);
  bind([WEST, west]);
  await becomes(watch, 'passed');
  expect(refusals(watch)).toEqual([]);
});

test('for a name that is no peer there, though another has the same authority: the handshake alone passes', async () => {
  bind(['central' as ClusterName, west]);
  const watch = await watchDoor();
  await becomes(watch, 'failed');
  expect(refusals(watch)).toMatchObject([
    {
      severity: 'blocking',
      evidence: {
        acts: 'east',
        reason: expect.stringMatching(
          /takes our certificate in the handshake, and denies .*cluster west is no peer of east/,
        ),
        expected: 'that east has west as a peer, under the name in its certificate',
      },
      remediation: expect.stringMatching(/^Let east have this cluster as a peer/),
    },
  ]);
  bind([WEST, west]);
  await becomes(watch, 'passed');
});

test('for a key that is not the one bound to our name', async () => {
  const other = await createAuthority({ cluster: WEST, now: clock.now(), days: 30 });
  bind([WEST, other], ['central' as ClusterName, west]);
  const watch = await watchDoor();
  await becomes(watch, 'failed');
  expect(refusals(watch)[0]?.evidence.presented).not.toContain(spkiPins([other.certificate])[0]);
  bind([WEST, west]);
  await becomes(watch, 'passed');
});

test('for its age: then it is us who must act', async () => {
  await show(clock.now() - 3 * DAY_MS);
  bind([WEST, west]);
  const watch = await watchDoor();
  await becomes(watch, 'failed');
  expect(refusals(watch)).toMatchObject([
    {
      evidence: { acts: 'west', reason: expect.stringMatching(/our own client certificate expired at /) },
      remediation: expect.stringMatching(/^Issue the certificate of the peer profile again/),
    },
  ]);
  await show(clock.now());
  await becomes(watch, 'passed');
});
