import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ClusterName, serviceKey } from '../../mesh/model/names.ts';
import { clusterServiceKey, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { serviceHeadKey, serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { serviceSliceKey, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { serviceSpecKey } from '../../mesh/wire/service-spec.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Mirror } from '../store/port.ts';
import type { ReflectedPeer } from './port.ts';
import { Reflector } from './reflector.ts';

const west = 'west' as ClusterName;
const east = 'east' as ClusterName;
const bytes = (text: string) => Buffer.from(text);
const echo = clusterServiceKey(east, serviceKey('prod', 'echo'));
const FENCE = { key: 'clustermesh/v1/election/writer', modRevision: 0 };

function peerState(more: Partial<ReflectedPeer> = {}): ReflectedPeer {
  return {
    record: { name: 'east', id: 2, freshness: 'fresh', synced: true },
    admitted: new Map([[echo, bytes('service')]]),
    pieces: () => undefined,
    inPieces: false,
    quarantined: new Map(),
    config: bytes('{"id":2}'),
    card: undefined,
    complete: true,
    ...more,
  };
}

let store: MemoryStore;
let mirror: Mirror;
let reflector: Reflector;
let peers: Map<ClusterName, ReflectedPeer>;
let stop: AbortController;
let known: boolean;

beforeEach(async () => {
  store = new MemoryStore();
  stop = new AbortController();
  peers = new Map();
  known = true;
  const observer = { onBatch: (batch: Parameters<Reflector['onOwnBatch']>[0]) => reflector.onOwnBatch(batch) };
  mirror = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer });
  reflector = new Reflector({
    self: west,
    store,
    observed: mirror.entries,
    peers: {
      get known() {
        return known;
      },
      names: () => peers.keys(),
      peer: (name) => peers.get(name),
    },
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
  });
});
afterEach(() => stop.abort());

function lead(): void {
  void mirror.run(stop.signal);
  void reflector.lead(stop.signal, FENCE);
}

const value = async (key: string) => {
  const found = await store.get(key);
  return found === undefined ? undefined : Buffer.from(found.value).toString();
};
const CACHED = 'cilium/cache/services/v1/east/prod/echo';
const CANARY = 'cilium/synced/east/cilium/cache/services/v1';

test('writes what was admitted, then the canaries', async () => {
  peers.set(east, peerState());
  lead();
  await vi.waitFor(async () => expect(await value(CANARY)).toBeDefined());
  expect(await value(CACHED)).toBe('service');
  expect(await value('cilium/cluster-config/east')).toBe('{"id":2}');
  expect(JSON.parse((await value('clustermesh/v1/peers/east')) ?? '')).toMatchObject({ freshness: 'fresh' });
  const written = (await store.get(CACHED))?.modRevision ?? 0;
  expect((await store.get(CANARY))?.modRevision).toBeGreaterThan(written);
});

test('takes nothing away while a peer is incomplete, and what is left over once it is complete', async () => {
  await store.transact([{ type: 'put', key: CACHED, value: bytes('from before the restart') }]);
  peers.set(east, peerState({ admitted: new Map(), complete: false }));
  lead();
  await vi.waitFor(async () => expect(await value('clustermesh/v1/peers/east')).toBeDefined());
  expect(await value(CACHED)).toBe('from before the restart');
  peers.set(east, peerState({ admitted: new Map() }));
  reflector.onPeer(east);
  await vi.waitFor(async () => expect(await value(CACHED)).toBeUndefined());
});

test('how a peer exports a service is copied below a root of its own, and taken away from there', async () => {
  const key = serviceSpecKey(east, serviceKey('prod', 'echo'));
  const copy = 'clustermesh/v1/cache/services/east/prod/echo';
  await store.transact([
    { type: 'put', key: 'clustermesh/v1/cache/services/east/prod/gone', value: bytes('left over') },
    { type: 'put', key: 'clustermesh/v1/services/west/prod/echo', value: bytes('our own') },
  ]);
  peers.set(east, peerState({ admitted: new Map([[key, bytes('spec')]]) }));
  lead();
  await vi.waitFor(async () => expect(await value(CANARY)).toBeDefined());
  expect([...store.content('clustermesh/v1/').keys()].filter((name) => name.includes('/services/'))).toEqual([
    copy,
    'clustermesh/v1/services/west/prod/echo',
  ]);
  peers.delete(east);
  reflector.onPeer(east);
  await vi.waitFor(async () => expect(await value(copy)).toBeUndefined());
  expect(await value('clustermesh/v1/services/west/prod/echo')).toBe('our own');
  expect([...store.content('cilium/synced/').keys()]).toEqual([]);
});

describe('a service in pieces', () => {
  const service = serviceKey('prod', 'echo');
  const HEAD = 'clustermesh/v1/cache/heads/east/prod/echo';
  const PIECES_CANARY = 'cilium/synced/east/clustermesh/v1/cache/heads';
  const record = { cluster: 'east', namespace: 'prod', name: 'echo', clusterID: 2 };
  const head = serviceHeadKind.encode({
    ...record,
    ...{ frontends: {}, backends: {}, labels: {}, selector: {}, includeExternal: true, shared: true },
  });
  const sliceOf = (slice: string, addresses: readonly string[]) =>
    [
      serviceSliceKey(east, { service, slice }),
      serviceSliceKind.encode({
        ...record,
        slice,
        backends: Object.fromEntries(addresses.map((address) => [address, { http: { Protocol: 'TCP', Port: 80 } }])),
      }),
    ] as const;
  const pieces = (...slices: (readonly [string, Uint8Array])[]) =>
    new Map<string, Uint8Array>([[serviceHeadKey(east, service), head], ...slices]);
  const inPieces = (
    admitted: ReadonlyMap<string, Uint8Array>,
    more: Partial<ReflectedPeer> = {},
  ): Partial<ReflectedPeer> => ({
    admitted,
    inPieces: true,
    pieces: () => {
      const [found, ...slices] = admitted.values();
      const read = slices.flatMap((bytes) => serviceSliceKind.decode(bytes));
      const backends = read.reduce((sum, one) => sum + (one.ok ? Object.keys(one.value.backends).length : 0), 0);
      return found && { head: found, slices, backends };
    },
    ...more,
  });
  const say = (more: Partial<ReflectedPeer>, keys: readonly string[] = []) => {
    peers.set(east, peerState(more));
    reflector.onRecords(east, keys);
    reflector.onPeer(east);
  };
  const backends = async () => {
    const found = await store.get(CACHED);
    const read = found && clusterServiceKind.decode(found.value);
    return read?.ok === true ? Object.keys(read.value.backends) : undefined;
  };
  const revisionOf = async (key: string) => (await store.get(key))?.modRevision ?? 0;

  test('is copied piece by piece, then said to be complete, then composed for who reads whole ones', async () => {
    const admitted = pieces(sliceOf('a', ['10.2.0.1']), sliceOf('b', ['10.2.0.2']));
    peers.set(east, peerState(inPieces(admitted)));
    lead();
    await vi.waitFor(async () => expect(await value(CANARY)).toBeDefined());
    expect(await backends()).toEqual(['10.2.0.1', '10.2.0.2']);
    const order = await Promise.all(
      [`${HEAD.replace('heads', 'slices')}/b`, PIECES_CANARY, CACHED, CANARY].map(revisionOf),
    );
    expect([...order].sort((a, b) => a - b)).toEqual(order);
    expect(order[0]).toBeGreaterThan(0);
    peers.delete(east);
    reflector.onPeer(east);
    await vi.waitFor(() => expect([...mirror.entries.keys()].filter((key) => key.includes('east'))).toEqual([]));
  });

  test('that came whole until now keeps its copy until its pieces are read, and the other way round', async () => {
    peers.set(east, peerState({ admitted: new Map([[echo, bytes('whole')]]) }));
    lead();
    await vi.waitFor(async () => expect(await value(CANARY)).toBeDefined());
    const keys = [echo, serviceHeadKey(east, service), sliceOf('a', [])[0]];
    const readable = () =>
      mirror.entries.has(CACHED) || (mirror.entries.has(HEAD) && mirror.entries.has(PIECES_CANARY));
    const lost: number[] = [];
    const watched = setInterval(() => readable() || lost.push(Date.now()), 0);
    const admitted = pieces(sliceOf('a', ['10.2.0.1']));
    say(inPieces(admitted), keys);
    await vi.waitFor(async () =>
      expect([await backends(), await value(PIECES_CANARY)]).toEqual([['10.2.0.1'], expect.anything()]),
    );
    say({ admitted: new Map([[echo, bytes('whole')]]), inPieces: false }, keys);
    await vi.waitFor(() =>
      expect([mirror.entries.has(HEAD), mirror.entries.has(PIECES_CANARY)]).toEqual([false, false]),
    );
    clearInterval(watched);
    expect(lost).toEqual([]);
    expect(await value(CACHED)).toBe('whole');
  });

  test('with many backends is composed only now and then, and at once when it goes', async () => {
    const many = Array.from({ length: 1_000 }, (_, at) => `10.2.${at >> 8}.${at & 255}`);
    peers.set(east, peerState(inPieces(pieces(sliceOf('a', many)))));
    lead();
    await vi.waitFor(async () => expect((await backends())?.length).toBe(1_000));
    const changed = sliceOf('b', ['10.9.0.1']);
    const admitted = pieces(sliceOf('a', many), changed);
    say(inPieces(admitted), [changed[0]]);
    const copy = `${HEAD.replace('heads', 'slices')}/b`;
    await vi.waitFor(async () => expect(await value(copy)).toBeDefined());
    await vi.waitFor(() => expect(reflector.depth).toBe(0));
    expect((await backends())?.length).toBe(1_000);
    await vi.waitFor(async () => expect((await backends())?.length).toBe(1_001), { timeout: 5_000 });
    say(inPieces(new Map()), [...admitted.keys()]);
    await vi.waitFor(() => expect([...mirror.entries.keys()].filter((key) => key.includes('prod/echo'))).toEqual([]));
  });

  test('of a peer that is not complete composes nothing of what there is so far', async () => {
    await store.transact([
      { type: 'put', key: CACHED, value: bytes('of all slices') },
      { type: 'put', key: PIECES_CANARY, value: bytes('then') },
    ]);
    peers.set(east, peerState(inPieces(pieces(sliceOf('a', ['10.2.0.1'])), { complete: false })));
    lead();
    await vi.waitFor(async () => expect(await value(HEAD)).toBeDefined());
    await vi.waitFor(() => expect(reflector.depth).toBe(0));
    expect(await value(CACHED)).toBe('of all slices');
    say(inPieces(pieces(sliceOf('a', ['10.2.0.1']), sliceOf('b', ['10.2.0.2']))), [sliceOf('b', [])[0]]);
    await vi.waitFor(async () => expect(await backends()).toEqual(['10.2.0.1', '10.2.0.2']));
  });
});

test('a withheld record moves to the quarantine and back', async () => {
  peers.set(east, peerState());
  lead();
  await vi.waitFor(async () => expect(await value(CACHED)).toBe('service'));
  peers.set(east, peerState({ admitted: new Map(), quarantined: new Map([[echo, bytes('why')]]) }));
  reflector.onRecords(east, [echo]);
  await vi.waitFor(async () => expect(await value(`clustermesh/v1/quarantine/east/${echo}`)).toBe('why'));
  expect(await value(CACHED)).toBeUndefined();
  peers.set(east, peerState());
  reflector.onRecords(east, [echo]);
  await vi.waitFor(async () => expect(await value(CACHED)).toBe('service'));
  expect(await value(`clustermesh/v1/quarantine/east/${echo}`)).toBeUndefined();
});

test('a removed peer leaves nothing behind, and what is not ours stays', async () => {
  const own = ['cilium/state/services/v1/west/prod/echo', 'cilium/cluster-config/west', 'clustermesh/v1/cards/west'];
  await store.transact(own.map((key) => ({ type: 'put', key, value: bytes('own') })));
  peers.set(east, peerState());
  lead();
  await vi.waitFor(async () => expect(await value(CANARY)).toBeDefined());
  peers.delete(east);
  reflector.onPeer(east);
  await vi.waitFor(() => expect([...mirror.entries.keys()].filter((key) => key.includes('east'))).toEqual([]));
  for (const key of own) expect(await value(key)).toBe('own');
});

test('keys of clusters that are no peers are cleared only when the peers are known', async () => {
  await store.transact([{ type: 'put', key: CACHED, value: bytes('old') }]);
  known = false;
  lead();
  await vi.waitFor(() => expect(mirror.entries.has(CACHED)).toBe(true));
  await reflector.resync(new AbortController().signal);
  await vi.waitFor(() => expect(reflector.depth).toBe(0));
  expect(await value(CACHED)).toBe('old');
  known = true;
  await reflector.resync(new AbortController().signal);
  await vi.waitFor(async () => expect(await value(CACHED)).toBeUndefined());
});

test('what a peer no longer has goes, though this replica led before it knew its peers', async () => {
  const gone = CACHED.replace('/echo', '/gone');
  const north = CACHED.replace('/east/', '/north/');
  await store.transact([CACHED, gone, north].map((key) => ({ type: 'put', key, value: bytes('old') })));
  known = false;
  lead();
  await vi.waitFor(() => expect(mirror.entries.has(north)).toBe(true));
  await vi.waitFor(() => expect(reflector.depth).toBe(0));
  peers.set(east, { ...peerState(), complete: false });
  reflector.onPeer(east);
  known = true;
  reflector.onPeersKnown();
  await vi.waitFor(async () => expect(await value(north)).toBeUndefined());
  expect(await value(gone)).toBe('old');
  peers.set(east, peerState());
  reflector.onPeer(east);
  await vi.waitFor(async () => expect(await value(gone)).toBeUndefined());
  expect(mirror.entries.has(CACHED)).toBe(true);
});

test('a key that somebody else changed is put right', async () => {
  peers.set(east, peerState());
  lead();
  await vi.waitFor(async () => expect(await value(CACHED)).toBe('service'));
  await store.transact([{ type: 'put', key: CACHED, value: bytes('tampered') }]);
  await vi.waitFor(async () => expect(await value(CACHED)).toBe('service'));
  await store.transact([{ type: 'delete', key: CACHED }]);
  await vi.waitFor(async () => expect(await value(CACHED)).toBe('service'));
});

describe('while what was written is on its way back', () => {
  const say = (record: string) => {
    peers.set(east, peerState({ admitted: new Map([[echo, bytes(record)]]) }));
    reflector.onRecords(east, [echo]);
  };
  const written = async (text: string) => {
    await vi.waitFor(async () => expect(await value(CACHED)).toBe(text));
    await vi.waitFor(() => expect(reflector.depth).toBe(0));
  };
  beforeEach(async () => {
    peers.set(east, peerState());
    lead();
    await vi.waitFor(async () => expect(await value(CANARY)).toBeDefined());
    await vi.waitFor(() => expect(mirror.entries.has(CANARY)).toBe(true));
    store.hold();
    say('another');
    await written('another');
  });

  test('a record that becomes what it was is written again', async () => {
    say('service');
    await vi.waitFor(() => expect(reflector.depth).toBe(0));
    store.release();
    await written('service');
  });

  test('a peer that goes leaves nothing of it behind', async () => {
    const fresh = clusterServiceKey(east, serviceKey('prod', 'fresh'));
    const cached = CACHED.replace('/echo', '/fresh');
    peers.set(east, peerState({ admitted: new Map([[fresh, bytes('new')]]) }));
    reflector.onRecords(east, [fresh]);
    await vi.waitFor(async () => expect(await value(cached)).toBe('new'));
    peers.delete(east);
    reflector.onPeer(east);
    await vi.waitFor(() => expect(reflector.depth).toBe(0));
    store.release();
    await vi.waitFor(async () => expect(await value(cached)).toBeUndefined());
  });
});

test('a replica that no longer leads writes nothing', async () => {
  await store.transact([{ type: 'put', key: FENCE.key, value: bytes('another') }]);
  peers.set(east, peerState());
  lead();
  await vi.waitFor(() => expect(String(reflector.lastError)).toContain('LEADERSHIP_LOST'));
  expect(await value(CACHED)).toBeUndefined();
});

test('batches that take long to read leave others their turn, all of them together', async () => {
  let now = 0;
  let readInTurn = 0;
  let most = 0;
  /** Each look at a record takes a millisecond. */
  class Slow extends Map<string, Buffer> {
    override get(key: string): Buffer | undefined {
      now += 1;
      readInTurn += 1;
      most = Math.max(most, readInTurn);
      return super.get(key);
    }
  }
  const services = Array.from({ length: 500 }, (_, at) => clusterServiceKey(east, serviceKey('prod', `echo-${at}`)));
  const observer = { onBatch: () => {} };
  const own = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer });
  const slow = new Reflector({
    self: west,
    store,
    observed: own.entries,
    peers: {
      known: true,
      names: () => [east],
      peer: () => peerState({ admitted: new Slow(services.map((key) => [key, bytes('service')])) }),
    },
    clock: { now: systemClock.now, monotonic: () => now, after: systemClock.after },
    random: seededRandom(1),
    log: silentLog,
  });
  let turning = true;
  const count = () => {
    readInTurn = 0;
    if (turning) setImmediate(count);
  };
  setImmediate(count);
  try {
    void own.run(stop.signal);
    void slow.lead(stop.signal, FENCE);
    await expect.poll(() => value('cilium/cache/services/v1/east/prod/echo-499')).toBe('service');
    expect(now).toBeGreaterThanOrEqual(500);
    expect(most).toBeLessThanOrEqual(10);
  } finally {
    turning = false;
  }
});
