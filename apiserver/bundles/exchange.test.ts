// Two clusters that announce their authorities to each other, each with an etcd in memory and its files on disk: a rotation
// along its steps, and what must not be taken.

import { setMaxListeners } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { bundleKey, decodeTrustBundle, encodeTrustBundle, type TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import { createAuthority } from '../../pki/authority.ts';
import { spkiPins } from '../../pki/spki.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { trustSchema } from '../http/schema/trust.ts';
import { PeerFiles } from '../peers/peer-files.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { type BundleExchange, composeBundles } from './compose.ts';

const WEST = 'west' as ClusterName;
const EAST = 'east' as ClusterName;
const FENCE = { key: 'clustermesh/v1/election/writer', modRevision: 0 };
const certificateOf = async (cluster: ClusterName) =>
  (await createAuthority({ cluster, now: Date.now(), days: 30 })).certificate;

let dir: string;
let stop: AbortController;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bundles-'));
  stop = new AbortController();
  setMaxListeners(0, stop.signal);
});
afterEach(async () => {
  stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

/** One side: what is announced goes to the other when `tell` is called, as a link would tell it. */
class Side {
  readonly store = new MemoryStore();
  readonly exchange: BundleExchange;
  readonly storePath: string;
  readonly #self: ClusterName;
  ca: string;
  /** What the peer's document names. */
  specs: readonly string[];

  constructor(self: ClusterName, peer: ClusterName, ca: string, peerCa: string) {
    this.#self = self;
    this.ca = ca;
    const trust = join(dir, self, 'trust');
    this.storePath = join(trust, peer, 'ca.pem');
    mkdirSync(dirname(this.storePath), { recursive: true });
    writeFileSync(this.storePath, peerCa);
    this.specs = [this.storePath];
    const mirror = this.store.createMirror({
      prefixes: ['clustermesh/'],
      spanning: true,
      observer: { onBatch: (batch) => this.exchange.onOwnBatch(batch) },
    });
    const side = this;
    this.exchange = composeBundles({
      self,
      store: this.store,
      entries: mirror.entries,
      peers: {
        known: true,
        names: new Set([peer]),
        states: [{ name: peer } as never],
        spec: (name) => (name === peer ? { name, endpoints: [], ca: side.specs, serverName: '' } : undefined),
      },
      agents: () => [],
      files: new PeerFiles({ self, folder: join(dir, self, 'peers'), trust }),
      trust: {
        storeOf: (name) => (name === peer ? this.specs.map((path) => readFileSync(path, 'utf8')) : undefined),
        get own() {
          return [side.ca];
        },
        refresh: async () => {},
      },
      shown: {},
      gatherMs: 10,
      clock: systemClock,
      random: seededRandom(1),
      log: silentLog,
    });
    void mirror.run(stop.signal);
    void this.exchange.run(stop.signal);
    void this.exchange.lead(stop.signal, FENCE);
  }

  get announced(): TrustBundle | undefined {
    const value = this.store.content('clustermesh/').get(bundleKey(this.#self))?.value;
    const read = value === undefined ? undefined : decodeTrustBundle(value);
    return read?.ok === true ? read.value : undefined;
  }

  get trusted(): readonly string[] {
    return spkiPins([readFileSync(this.storePath, 'utf8')]);
  }

  get seen() {
    const [route] = this.exchange.routes;
    const answer = route?.handle({} as never) as { readonly json: unknown };
    return trustSchema.parse(answer.json);
  }

  rotate(ca: string): void {
    this.ca = ca;
    this.exchange.ownChanged();
  }
}

/** As the links do it: everything that a side announces reaches the other. */
function connect(west: Side, east: Side): void {
  const follow = (from: Side, name: ClusterName, to: Side) =>
    void from.store
      .createMirror({
        prefixes: [bundleKey(name)],
        observer: {
          onBatch: ({ events }) => {
            for (const event of events) to.exchange.receive(name, event.type === 'put' ? event.kv.value : undefined);
          },
        },
      })
      .run(stop.signal);
  follow(west, WEST, east);
  follow(east, EAST, west);
}

const nothingFound: Assessment = {
  findings: [],
  omitted: [],
  checks: [{ code: 'CM-TRUST-008', title: '', category: 'trust', status: 'passed', reason: '1 cluster' }],
};
vi.setConfig({ testTimeout: 30_000 });
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 10_000, interval: 10 });

describe('the exchange of authorities', async () => {
  const [old, next, stranger, easts] = (await Promise.all([WEST, WEST, WEST, EAST].map(certificateOf))) as [
    string,
    string,
    string,
    string,
  ];
  let west: Side;
  let east: Side;
  beforeEach(async () => {
    west = new Side(WEST, EAST, old, easts);
    east = new Side(EAST, WEST, easts, old);
    connect(west, east);
    await until(() => {
      expect(west.seen.peers).toMatchObject([{ name: 'east', current: true, refusal: null }]);
      expect(east.seen.peers).toMatchObject([{ name: 'west', current: true, refusal: null }]);
    });
  });

  test('a rotation: announced, taken, acknowledged; then the old one is gone on both sides', async () => {
    const before = west.announced?.sequence ?? 0;
    west.rotate(old + next);
    await until(() => expect(west.seen.peers).toMatchObject([{ current: true }]));
    await until(() => expect(west.announced?.sequence).toBeGreaterThan(before));
    await until(() => expect(east.trusted).toEqual(spkiPins([old, next])));
    await until(() => expect(west.seen.peers[0]?.acknowledged).toBe(west.announced?.sequence));
    west.rotate(next);
    await until(() => expect(east.trusted).toEqual(spkiPins([next])));
    await until(() => expect(west.seen.peers[0]?.acknowledged).toBe(west.announced?.sequence));
    expect(east.exchange.assess(nothingFound)).toEqual(nothingFound);
  });

  test('a replacement without overlap is not taken, and is CM-TRUST-008', async () => {
    west.rotate(stranger);
    await until(() => expect(east.exchange.assess(nothingFound).findings).toHaveLength(1));
    const { findings, checks } = east.exchange.assess(nothingFound);
    expect(findings).toMatchObject([
      { code: 'CM-TRUST-008', severity: 'blocking', subject: { cluster: 'west', key: 'clustermesh/v1/bundles/west' } },
    ]);
    expect(checks).toMatchObject([{ status: 'failed' }]);
    expect(east.trusted).toEqual(spkiPins([old]));
    expect(west.seen.peers).toMatchObject([{ current: false }]);
    // The administrator has compared the pins, and writes the store.
    writeFileSync(east.storePath, stranger);
    east.exchange.receive(WEST, encodeTrustBundle(west.announced as TrustBundle));
    await until(() => expect(west.seen.peers).toMatchObject([{ current: true }]));
    expect(east.exchange.assess(nothingFound)).toEqual(nothingFound);
  });

  test.each<[string, (bundle: TrustBundle) => Uint8Array]>([
    ['an old bundle', (bundle) => encodeTrustBundle({ ...bundle, sequence: bundle.sequence - 1 })],
    ['a bundle of somebody else', (bundle) => encodeTrustBundle({ ...bundle, cluster: 'north' })],
    ['no bundle at all', () => Buffer.from('{')],
    ['a bundle without end', () => Buffer.alloc(1_000_000, 0x20)],
  ])('%s changes nothing, and leaves it unknown whether keys were replaced', async (_, made) => {
    const text = readFileSync(east.storePath, 'utf8');
    east.exchange.receive(WEST, made(west.announced as TrustBundle));
    await until(() => expect(east.seen.peers[0]?.refusal).not.toBeNull());
    expect(east.exchange.assess(nothingFound)).toMatchObject({ findings: [], checks: [{ status: 'unknown' }] });
    expect(readFileSync(east.storePath, 'utf8')).toBe(text);
    // What was taken before is still what is in use, and is said to be.
    expect(east.announced?.taken).toEqual({ west: west.announced?.sequence });
  });

  test('a store that is kept by hand is not written, and counts when it says the same', async () => {
    const byHand = join(dir, 'west.pem');
    writeFileSync(byHand, old);
    east.specs = [byHand];
    west.rotate(old + next);
    await until(() => expect(east.seen.peers[0]?.refusal).toMatch(/kept by hand/));
    expect(readFileSync(byHand, 'utf8')).toBe(old);
    expect(west.seen.peers).toMatchObject([{ current: false }]);
    writeFileSync(byHand, next + old);
    east.exchange.receive(WEST, encodeTrustBundle(west.announced as TrustBundle));
    await until(() => expect(west.seen.peers).toMatchObject([{ current: true }]));
  });

  test('an etcd that was wiped announces a sequence that peers take for newer', async () => {
    const before = west.announced?.sequence ?? 0;
    west.store.wipe(undefined);
    west.rotate(old + next);
    await until(() => expect(west.announced?.anchors).toEqual([old, next]));
    expect(west.announced?.sequence).toBeGreaterThan(before);
    east.exchange.receive(WEST, encodeTrustBundle(west.announced as TrustBundle));
    await until(() => expect(east.trusted).toEqual(spkiPins([old, next])));
  });
});
