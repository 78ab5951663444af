// A link to a real door, over real handshakes on loopback, while both sides replace their authority and certificates: the watch goes
// on over connections with the new ones, without a disconnect, a new list or a missed change. And a certificate that the door does
// not take costs nothing.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { type IssuedCertificate, issue } from '../../pki/issue.ts';
import type { Profile } from '../../pki/profiles.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type Log, silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { CertificateSource, serverCredentials } from '../../runtime/tls/certificate-source.ts';
import { createDoor } from '../door/server.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Mirror, MirrorBatch, MirrorObserver } from '../store/port.ts';
import { doorOpener } from './door-client.ts';
import { peerKeys } from './peer-keys.ts';
import type { DoorClient } from './port.ts';

const WEST = 'west' as ClusterName;
const EAST = 'east' as ClusterName;
/** Files are noticed at once, and a connection moves over within seconds. */
const WITHIN = { timeout: 20_000, interval: 20 };

/** The door looks at open streams every five seconds: what it does not like is sent away then. */
const JUDGED_AGAIN_MS = 6_000;

let dir: string;
/** The door's own. */
let doorClock: ManualClock;
/** What the client's log says. */
let said: string[];
let stop: AbortController;
let closers: (() => unknown)[];
let store: MemoryStore;
let door: ReturnType<typeof createDoor>;
/** What the door of east trusts west by, and what it shows. */
let westTrusted: string;
let doorSource: CertificateSource;
let client: DoorClient;
let mirror: Mirror;
let batches: MirrorBatch[];
let phases: Set<string>;
let serial = 0;

const listening: Log = { ...silentLog, warn: (message) => void said.push(message), child: () => listening };

const made = (cluster: ClusterName) => createAuthority({ cluster, now: Date.now(), days: 30 });
const leafOf = (authority: Authority, profile: Profile): Promise<IssuedCertificate> =>
  issue({ authority, profile, now: Date.now(), ttlMs: DAY_MS });

async function put(name: string, text: string): Promise<void> {
  await writeFile(join(dir, 'next'), text, { mode: 0o600 });
  await rename(join(dir, 'next'), join(dir, name));
}

/** What west shows from now on. */
async function show({ certificate, key }: IssuedCertificate): Promise<void> {
  await put('key.pem', key);
  await put('cert.pem', certificate);
}

/** Another change at east, which has to come through. */
async function changed(): Promise<void> {
  const key = `cilium/state/services/v1/east/test/s${++serial}`;
  await store.transact([{ type: 'put', key, value: Buffer.from('x') }]);
  await expect.poll(() => mirror.entries.has(key), WITHIN).toBe(true);
}

const fingerprint = ({ certificate }: IssuedCertificate) => new X509Certificate(certificate).fingerprint256;

let [westOld, eastOld] = [] as unknown as [Authority, Authority];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'renewal-'));
  [doorClock, said] = [new ManualClock(Date.now()), []];
  [stop, closers, batches, phases] = [new AbortController(), [], [], new Set()];
  [westOld, eastOld] = [await made(WEST), await made(EAST)];
  westTrusted = westOld.certificate;
  store = new MemoryStore();
  await store.transact([{ type: 'put', key: peerKeys(EAST).config, value: Buffer.from('{"id":2}') }]);
  doorSource = new CertificateSource({
    ...(await leafOf(eastOld, 'door')),
    ca: eastOld.certificate + westTrusted,
  });
  door = createDoor({
    cluster: EAST,
    trust: { own: [eastOld.certificate], storeOf: (cluster) => (cluster === WEST ? [westTrusted] : undefined) },
    credentials: serverCredentials(doorSource),
    listen: '127.0.0.1:0',
    clock: doorClock,
    log: silentLog,
  });
  const own = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer: door.observer });
  void own.run(stop.signal);
  const port = await door.start();
  closers.push(() => door.stop());
  await show(await leafOf(westOld, 'peer'));
  await put('east.pem', eastOld.certificate);
  const open = doorOpener({
    client: { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') },
    clock: systemClock,
    random: seededRandom(1),
    log: listening,
  });
  client = await open({
    name: EAST,
    endpoints: [`https://127.0.0.1:${port}`],
    ca: [join(dir, 'east.pem')],
    serverName: 'east.mesh.cilium.io',
  });
  closers.push(() => client.close());
  const observer: MirrorObserver = {
    onBatch: (batch) => void batches.push(batch),
    onState: ({ phase }) => void phases.add(phase),
  };
  mirror = client.mirror(peerKeys(EAST).prefixes, observer, () => true);
  void mirror.run(stop.signal);
  await expect.poll(() => mirror.state.phase, WITHIN).toBe('live');
  phases.clear();
});
afterEach(async () => {
  stop.abort();
  for (const close of closers.reverse()) await close();
  await rm(dir, { recursive: true, force: true });
});

const undisturbed = () => {
  expect(mirror.state).toMatchObject({ phase: 'live', disconnects: 0 });
  expect([...phases].filter((phase) => phase !== 'live')).toEqual([]);
  expect(batches.filter(({ relisted }) => relisted)).toHaveLength(1);
};

test('authorities and certificates are replaced on both sides, and nothing is dropped', {
  timeout: 60_000,
}, async () => {
  const [westNew, eastNew] = [await made(WEST), await made(EAST)];
  const doorLeaf = await leafOf(eastOld, 'door');
  // Both announce the new one beside the old.
  westTrusted = westOld.certificate + westNew.certificate;
  doorSource.publish({ ...doorLeaf, ca: eastOld.certificate + eastNew.certificate + westTrusted });
  await put('east.pem', eastOld.certificate + eastNew.certificate);
  await changed();
  // The new ones sign.
  const [newDoorLeaf, newPeerLeaf] = [await leafOf(eastNew, 'door'), await leafOf(westNew, 'peer')];
  doorSource.publish({ ...newDoorLeaf, ca: eastOld.certificate + eastNew.certificate + westTrusted });
  await show(newPeerLeaf);
  await expect.poll(() => client.shown, WITHIN).toBe(fingerprint(newPeerLeaf));
  await changed();
  // The old ones are gone: the door judges what is open again, and finds it in order.
  westTrusted = westNew.certificate;
  doorSource.publish({ ...newDoorLeaf, ca: eastNew.certificate + westTrusted });
  await put('east.pem', eastNew.certificate);
  doorClock.advance(JUDGED_AGAIN_MS);
  await changed();
  undisturbed();
});

test('a connection tells what both sides have shown, for as long as it is there', async () => {
  const certificate = await readFile(join(dir, 'cert.pem'), 'utf8');
  for (let look = 0; look < 3; look += 1) {
    expect(client.handshake?.shown).toBe(certificate);
    expect(client.handshake?.chain).toContain(doorSource.material.certificate.trim());
    await changed();
  }
  await door.stop();
  await expect.poll(() => client.handshake, WITHIN).toBeUndefined();
});

test('a certificate that the door does not take leaves the old connection in place', { timeout: 60_000 }, async () => {
  const before = client.shown;
  await show(await leafOf(await made(WEST), 'peer'));
  await expect.poll(() => said, WITHIN).toContain('the connection stays with its old certificates');
  await changed();
  undisturbed();
  expect(client.shown).toBe(before);
  // And it moves over as soon as it may.
  const good = await leafOf(westOld, 'peer');
  await show(good);
  await expect.poll(() => client.shown, WITHIN).toBe(fingerprint(good));
  await changed();
  undisturbed();
});
