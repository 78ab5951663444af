import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { isStateKey } from '../../mesh/wire/state-keys.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { Gate } from '../../runtime/gate.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { Turns } from '../../runtime/turns.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Mirror, MirrorObserver, StoreEvent } from '../store/port.ts';
import type { Withholdable } from '../withheld.ts';
import { PeerLink } from './link.ts';
import { peerKeys } from './peer-keys.ts';
import type { PeerFreshness } from './port.ts';

const east = 'east' as ClusterName;
const keys = peerKeys(east);
const LIMITS = { ageingMs: 10_000, staleMs: 60_000, expiredMs: 900_000 };
const bytes = (text: string) => Buffer.from(text);

let store: MemoryStore;
let clock: ManualClock;
let stop: AbortController;
let seen: {
  records: string[];
  card: (string | undefined)[];
  writtenNow: boolean[];
  config: (string | undefined)[];
  freshness: PeerFreshness[];
  retained: string[][];
  bundles: (string | undefined)[];
};
let hiddenCard: boolean;
/** The door is of a version that knows of neither specs nor bundles. */
let oldDoor: boolean;
/** Tells the link that what it follows was refused. */
let refuse: (() => void) | undefined;

beforeEach(() => {
  store = new MemoryStore();
  clock = new ManualClock();
  stop = new AbortController();
  seen = { records: [], card: [], writtenNow: [], config: [], freshness: [], retained: [], bundles: [] };
  hiddenCard = false;
  oldDoor = false;
});
afterEach(() => stop.abort());

/** Judging takes time: a few pieces of a long list use a turn up, a few records do not. */
const RECORD_MS = 0.04;
let busyMs = 0;

function follow(...withhold: readonly Withholdable[]): PeerLink {
  const timers = { now: () => clock.now(), after: (delayMs: number, task: () => void) => clock.after(delayMs, task) };
  const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());
  const link = new PeerLink({
    spec: { name: east, endpoints: ['https://127.0.0.1:1'], ca: [], serverName: 'east.mesh.cilium.io' },
    openDoor: async () => ({
      store: {
        status: () => store.status(),
        get: (key) => (hiddenCard || (oldDoor && isNewKey(key)) ? Promise.reject(denied()) : store.get(key)),
        getAll: (keys) => (oldDoor && keys.some(isNewKey) ? Promise.reject(denied()) : store.getAll(keys)),
      },
      mirror(prefixes, observer, keeps) {
        if (oldDoor && prefixes.some(isNewKey)) return refusedMirror(observer);
        const mirror = store.createMirror({ prefixes, observer, keeps });
        refuse = () => observer.onState?.({ ...mirror.state, lastError: denied() });
        return mirror;
      },
      close() {},
    }),
    intake: {
      addPeer() {},
      applyPeerBatch: (_, events) => {
        seen.records.push(...events.map(describeEvent));
        busyMs += events.length * RECORD_MS;
      },
      retainRecords: (_, entries) => seen.retained.push([...entries.keys()].filter(isStateKey).sort()),
      recordCount: () => seen.records.length,
      setCard(_, card, writtenNow = false) {
        seen.card.push(text(card));
        seen.writtenNow.push(writtenNow);
      },
      setConfig: (_, config) => seen.config.push(text(config)),
      setFreshness: (_, freshness) => seen.freshness.push(freshness),
      removePeer() {},
    },
    onBundle: (_, bundle) => seen.bundles.push(text(bundle)),
    withheld: new Set(withhold),
    limits: { card: LIMITS, plain: LIMITS },
    clock,
    random: seededRandom(1),
    log: silentLog,
    turns: new Turns({ ...timers, monotonic: () => clock.monotonic() + busyMs }),
    gate: new Gate(clock, 1),
    onChange() {},
  });
  void link.run(stop.signal);
  return link;
}

/** What a mirror does whose door refuses a prefix: it says so, and tries again for ever. */
function refusedMirror({ onState }: MirrorObserver): Mirror {
  const state = { ...store.createMirror({ prefixes: ['x/'], observer: { onBatch() {} } }).state, lastError: denied() };
  return {
    state,
    entries: new Map(),
    content: new Map(),
    resume() {},
    async run(signal) {
      onState?.(state);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
}

const [SLICES = '', HEADS = ''] = keys.pieces.prefixes;
const isNewKey = (key: string) =>
  [keys.specs.prefix, SLICES, HEADS].some((prefix) => key.startsWith(prefix)) || key === keys.bundle;
const describeEvent = (event: StoreEvent) => (event.type === 'put' ? event.kv.key : `-${event.key}`);
const denied = () => new OperationalError({ code: 'STORE_DENIED', operation: 'read', reason: 'not allowed' });
const put = (key: string, value = 'x') => store.transact([{ type: 'put', key, value: bytes(value) }]);

/** Sessions are made anew after a pause. */
const later = (expectation: () => void) =>
  vi.waitFor(() => {
    clock.advance(100);
    expectation();
  });

async function publish(): Promise<void> {
  await put('cilium/state/services/v1/east/prod/echo');
  await put(keys.config, '{"id":2}');
  await put(keys.heartbeat, 'now');
  for (const canary of keys.canaries) await put(canary);
}

test('takes card, config and records, and is synced when all canaries have been seen', async () => {
  await put(keys.card, '{"name":"east"}');
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, plain: false, unsynced: [] }));
  expect(seen).toMatchObject({
    records: ['cilium/state/services/v1/east/prod/echo'],
    card: ['{"name":"east"}'],
    config: ['{"id":2}'],
  });
});

test('a long list is taken in piece by piece, in order, and is not synced before its end', async () => {
  const names = Array.from(
    { length: 600 },
    (_, at) => `cilium/state/services/v1/east/prod/s${String(at).padStart(3, '0')}`,
  );
  for (let at = 0; at < names.length; at += 100) {
    await store.transact(names.slice(at, at + 100).map((key) => ({ type: 'put', key, value: bytes('x') })));
  }
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.phase).toBe('live'));
  expect(seen.records).toHaveLength(256);
  expect(link.state).toMatchObject({ synced: false, revision: undefined });
  // What is written meanwhile waits for its turn; that the peer is alive does not.
  await store.transact([{ type: 'delete', key: names[0] ?? '' }]);
  clock.advance(0);
  clock.advance(5);
  await put(keys.heartbeat, 'later');
  await vi.waitFor(() => expect(link.state.heartbeatAgeMs).toBe(0));
  clock.advance(5);
  await vi.waitFor(() => expect(link.state.synced).toBe(true));
  expect(seen.retained).toHaveLength(1);
  expect(new Set(seen.records)).toEqual(new Set([...names, 'cilium/state/services/v1/east/prod/echo', `-${names[0]}`]));
  expect(seen.records).toHaveLength(602);
  expect(seen.records.at(-1)).toBe(`-${names[0]}`);
});

test('a link that ends leaves the rest of its list', async () => {
  for (let at = 0; at < 300; at += 1) await put(`cilium/state/services/v1/east/prod/s${at}`);
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.phase).toBe('live'));
  const told = seen.freshness.length;
  stop.abort();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(60_000);
  expect([seen.records.length, seen.freshness.length]).toEqual([256, told]);
});

test('tells a card that it sees written from one that may have lain there', async () => {
  await put(keys.card, 'listed');
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.phase).toBe('live'));
  await put(keys.card, 'caught up with');
  await vi.waitFor(() => expect(seen.card.at(-1)).toBe('caught up with'));
  clock.advance(6_000);
  await put(keys.card, 'written now');
  await vi.waitFor(() => expect(seen.card).toEqual(['listed', 'caught up with', 'written now']));
  expect(seen.writtenNow).toEqual([false, false, true]);
});

test('without the last canary a peer is not synced', async () => {
  await publish();
  await store.transact([{ type: 'delete', key: keys.canaries[0] ?? '' }]);
  const link = follow();
  await vi.waitFor(() => expect(link.state.phase).toBe('live'));
  expect(link.state).toMatchObject({ synced: false, unsynced: [keys.canaries[0]] });
  await put(keys.canaries[0] ?? '');
  await vi.waitFor(() => expect(link.state.synced).toBe(true));
});

test('a card that is written after the link was made is taken, and the peer is plain no more', async () => {
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', plain: true }));
  await put(keys.card, '{"name":"east"}');
  await vi.waitFor(() => expect(link.state.plain).toBe(false));
  expect(seen.card.at(-1)).toBe('{"name":"east"}');
});

test('an etcd that hides the card key is a plain Cilium cluster', async () => {
  hiddenCard = true;
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', plain: true }));
  expect(seen.card).toEqual([undefined]);
});

test('the bundle of a peer is followed once its card says that there is one, and not before', async () => {
  const card = (trust: object) => put(keys.card, JSON.stringify({ name: 'east', id: 2, trust }));
  await publish();
  await card({ spkiPins: [] });
  await put(keys.bundle, 'bundle 1');
  const link = follow();
  await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', plain: false }));
  expect(seen.bundles).toEqual([]);
  // An upgrade: the card says so while the link stands.
  await card({ spkiPins: [], bundle: true });
  await vi.waitFor(() => {
    clock.advance(1_000);
    expect(seen.bundles).toEqual(['bundle 1']);
  });
  await put(keys.bundle, 'bundle 2');
  await vi.waitFor(() => expect(seen.bundles).toEqual(['bundle 1', 'bundle 2']));
  expect(link.state.synced).toBe(true);
  // A replica of the older version answers next: the link goes on without.
  oldDoor = true;
  refuse?.();
  await vi.waitFor(() => expect(link.state.phase).not.toBe('live'));
  await put(keys.bundle, 'bundle 3');
  await put('cilium/state/services/v1/east/prod/later');
  await later(() => expect(seen.records).toContain('cilium/state/services/v1/east/prod/later'));
  expect(link.state).toMatchObject({ phase: 'live', synced: true });
  expect(seen.bundles).not.toContain('bundle 3');
});

test('silence ages a peer through stale to expired, and a heartbeat makes it fresh again', async () => {
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.phase).toBe('live'));
  for (const [passMs, freshness] of [
    [11_000, 'ageing'],
    [50_000, 'stale'],
    [900_000, 'expired'],
  ] as const) {
    clock.advance(passMs);
    expect(link.state.freshness).toBe(freshness);
  }
  await put(keys.heartbeat, 'later');
  await vi.waitFor(() => expect(link.state.freshness).toBe('fresh'));
});

test('a lost connection takes nothing away', async () => {
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.phase).toBe('live'));
  const before = [...seen.records];
  store.breakStreams();
  await vi.waitFor(() => expect(link.state.phase).toBe('reconnecting'));
  expect(seen.records).toEqual(before);
  expect(link.state.synced).toBe(true);
});

test('a list that was made anew brings all records, and no sign of life that was seen before', async () => {
  await put('cilium/state/services/v1/east/prod/gone');
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true }));
  clock.advance(11_000);
  expect(link.state.freshness).toBe('ageing');
  seen.retained = [];
  seen.records = [];
  seen.config = [];
  store.breakStreams();
  await store.transact([{ type: 'delete', key: 'cilium/state/services/v1/east/prod/gone' }]);
  await put('cilium/state/services/v1/east/prod/new');
  store.compact();
  await later(() => expect(seen.retained).toHaveLength(1));
  const now = ['cilium/state/services/v1/east/prod/echo', 'cilium/state/services/v1/east/prod/new'];
  expect(seen).toMatchObject({ retained: [now], records: now, config: [] });
  expect(link.state.freshness).toBe('ageing');
});

test('what a peer deletes while it is not whole goes once it is whole again, unless it came back', async () => {
  const [gone, back] = ['gone', 'back'].map((name) => `cilium/state/services/v1/east/prod/${name}`) as [string, string];
  await put(gone);
  await put(back);
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.synced).toBe(true));
  seen.records = [];
  await store.transact([{ type: 'delete', key: keys.canaries[0] ?? '' }]);
  await vi.waitFor(() => expect(link.state.unsynced).toEqual([keys.canaries[0]]));
  await store.transact([gone, back].map((key) => ({ type: 'delete', key })));
  await put(back);
  await put(keys.canaries[0] ?? '');
  await vi.waitFor(() => expect(link.state.unsynced).toEqual([]));
  clock.advance(1_000);
  expect(seen.records).toEqual([back]);
  clock.advance(10_000);
  expect(seen.records).toEqual([back, `-${gone}`]);
});

test('a peer whose etcd was emptied loses nothing until it is whole again, and then what it no longer has', async () => {
  await put('cilium/state/services/v1/east/prod/gone');
  await publish();
  const link = follow();
  await vi.waitFor(() => expect(link.state.synced).toBe(true));
  seen = { records: [], card: [], writtenNow: [], config: [], freshness: [], retained: [], bundles: [] };
  store.wipe('00000000000000bb');
  // A store that stands behind what is known could be a replica that lags, and is given time.
  for (let revision = 0; revision < 20; revision += 1) await put('elsewhere');
  await vi.waitFor(() => expect(link.state).toMatchObject({ storeId: '00000000000000bb', unsynced: keys.canaries }));
  expect(seen.freshness.at(-1)?.historyLost?.after).toMatch('00000000000000bb@');
  await publish();
  await vi.waitFor(() => expect(link.state.unsynced).toEqual([]));
  clock.advance(1_000);
  expect(seen.records).toEqual(['cilium/state/services/v1/east/prod/echo']);
  expect(seen.retained).toEqual([]);
  clock.advance(10_000);
  expect(seen.retained).toEqual([['cilium/state/services/v1/east/prod/echo']]);
  expect(seen.freshness.at(-1)?.historyLost).toBeDefined();
  clock.advance(30_000);
  expect(seen.freshness.at(-1)?.historyLost).toBeUndefined();
});

describe('how the peer exports its services', () => {
  const SPEC = `${keys.specs.prefix}prod/echo`;
  const CARD = JSON.stringify({ schema: 'clustermesh/v1', name: 'east', id: 2, capabilities: ['service-specs'] });
  const OLD_CARD = JSON.stringify({ schema: 'clustermesh/v1', name: 'east', id: 2, capabilities: [] });

  test('is asked for where the card offers it, and waited for', async () => {
    await put(keys.card, CARD);
    await put(SPEC);
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state.phase).toBe('live'));
    expect(link.state).toMatchObject({ synced: false, unsynced: [keys.specs.canary] });
    expect(seen.records).toContain(SPEC);
    await put(keys.specs.canary);
    await vi.waitFor(() => expect(link.state).toMatchObject({ synced: true, unsynced: [] }));
  });

  test.each([
    ['a plain Cilium cluster', undefined],
    ['an older version', OLD_CARD],
  ])('is not asked of %s, whose state is complete without', async (_, card) => {
    if (card !== undefined) await put(keys.card, card);
    await put(SPEC);
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, unsynced: [] }));
    expect(seen.records).toEqual(['cilium/state/services/v1/east/prod/echo']);
  });

  test('is not asked of a replica that refuses it, whatever the card of its cluster says, until one answers', async () => {
    oldDoor = true;
    await put(keys.card, CARD);
    await put(SPEC);
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, unsynced: [] }));
    expect(seen.records).not.toContain(SPEC);
    await put(keys.card, CARD);
    await vi.waitFor(() => expect(seen.card.length).toBeGreaterThan(1));
    expect(seen.records).not.toContain(SPEC);
    oldDoor = false;
    await put(keys.card, CARD);
    await later(() => expect(seen.records).toContain(SPEC));
    expect(link.state.synced).toBe(true);
  });

  test('comes with an upgrade, and goes with its end, and costs nothing else', async () => {
    await put(keys.card, OLD_CARD);
    await put(SPEC);
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true }));
    await put(keys.card, CARD);
    await later(() => expect(seen.records).toContain(SPEC));
    expect(seen.retained.at(-1)).toEqual(['cilium/state/services/v1/east/prod/echo', SPEC]);
    // The door that answers is of the older version again.
    oldDoor = true;
    refuse?.();
    await later(() => expect(seen.retained.at(-1)).toEqual(['cilium/state/services/v1/east/prod/echo']));
    expect(link.state).toMatchObject({ synced: true, freshness: 'fresh' });
  });
});

describe('services in pieces', () => {
  const WHOLE = 'cilium/state/services/v1/east/prod/echo';
  const [SLICE, HEAD] = [`${SLICES}prod/echo/a`, `${HEADS}prod/echo`];
  const card = (...capabilities: readonly string[]) =>
    put(keys.card, JSON.stringify({ schema: 'clustermesh/v1', name: 'east', id: 2, capabilities }));
  const publishPieces = async () => {
    for (const key of [HEAD, SLICE, ...keys.pieces.canaries]) await put(key);
  };

  test('are asked for instead of whole ones, and heads are taken in after their slices', async () => {
    await card('service-pieces');
    await publishPieces();
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, inPieces: true }));
    expect(seen.records).toEqual([SLICE, HEAD]);
  });

  test('are asked for when all of them are there, and whole ones until then', async () => {
    await card('service-pieces');
    await put(HEAD);
    await put(keys.pieces.canaries[0] ?? '');
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, inPieces: false }));
    expect(seen.retained.at(-1)).toEqual([WHOLE]);
    await publishPieces();
    await card('service-pieces');
    await later(() => expect(link.state).toMatchObject({ synced: true, inPieces: true }));
    expect(seen.retained.at(-1)).toEqual([HEAD, SLICE]);
  });

  test('are not asked for where they are withheld, whatever the card says', async () => {
    await card('service-pieces');
    await publishPieces();
    await publish();
    const link = follow('service-pieces');
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, inPieces: false }));
    await card('service-pieces');
    await later(() => expect(seen.card).toHaveLength(2));
    expect(seen.records).toEqual([WHOLE]);
  });

  test('are not asked of a replica that refuses them', async () => {
    oldDoor = true;
    await card('service-pieces');
    await publishPieces();
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, inPieces: false }));
    expect(seen.records).toEqual([WHOLE]);
  });

  test.each([
    ['the card offers them no longer', () => card()],
    [
      'the door that answers is of an older version',
      async () => {
        oldDoor = true;
        refuse?.();
      },
    ],
  ])('are followed until %s, and then whole ones', async (_, end) => {
    await card('service-pieces');
    await publishPieces();
    await publish();
    const link = follow();
    await vi.waitFor(() => expect(link.state).toMatchObject({ phase: 'live', synced: true, inPieces: true }));
    await end();
    await later(() => expect(link.state).toMatchObject({ synced: true, inPieces: false, freshness: 'fresh' }));
    expect(seen.retained.at(-1)).toEqual([WHOLE]);
  });
});
