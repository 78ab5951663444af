// The cases that decide whether a mirror can be trusted, told message by message by a scripted etcd.

import { expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { Meanings, storeFailure } from './failures.ts';
import { createMirror } from './mirror.ts';
import type { MirrorSource, Page, PageRequest, WatchListener, WatchMessage, WatchStream } from './mirror-port.ts';
import type { KeyValue, MirrorBatch, MirrorOptions, StoreEvent } from './port.ts';

const STORE = '00000000000000aa';

const entry = (key: string, modRevision: number): KeyValue => ({
  key,
  value: Buffer.from(`${key} at ${modRevision}`),
  createRevision: modRevision,
  modRevision,
  version: 1,
  lease: '0',
});
const put = (key: string, revision: number): StoreEvent => ({ type: 'put', kv: entry(key, revision) });
const created = (watchId: number, revision: number): WatchMessage => ({
  type: 'created',
  watchId,
  storeId: STORE,
  revision,
});
const events = (watchId: number, list: readonly StoreEvent[], complete = true): WatchMessage => {
  const last = list.at(-1);
  const lastRevision = last === undefined ? 0 : last.type === 'put' ? last.kv.modRevision : last.modRevision;
  return { type: 'events', watchId, storeId: STORE, events: list, lastRevision, complete };
};
const progress = (watchId: number, revision: number): WatchMessage => ({
  type: 'progress',
  watchId,
  storeId: STORE,
  revision,
  requested: watchId === -1,
});
const broken = () => storeFailure(Meanings.unreachable, { operation: 'watch', reason: 'cut' });

/** An etcd that has `listed` and what its streams said, which is what the test says. */
class ScriptedEtcd implements MirrorSource {
  readonly streams: { readonly starts: number[]; progressAsked: number; closed: boolean; listener: WatchListener }[] =
    [];
  listed: readonly KeyValue[] = [entry('a/1', 5), entry('a/2', 6), entry('b/1', 7)];
  standsAt = 10;
  lists = 0;
  failPage: (page: number) => Error | undefined = () => undefined;
  #pages = 0;

  async readPage(request: PageRequest): Promise<Page> {
    return this.#answer([request])[0] as Page;
  }

  async readPages(requests: readonly PageRequest[]): Promise<readonly Page[]> {
    return this.#answer(requests);
  }

  #answer(requests: readonly PageRequest[]): readonly Page[] {
    const failure = this.failPage(this.#pages++);
    if (failure !== undefined) throw failure;
    if (requests.some(({ revision }) => revision === 0)) this.lists += 1;
    return requests.map((request) => this.#page(request));
  }

  #page({ range, revision, limit }: PageRequest): Page {
    if (revision > this.standsAt) {
      throw storeFailure(Meanings.futureRevision, { operation: 'read', reason: 'a future revision' });
    }
    const start = Buffer.from(range.start).toString();
    const end = Buffer.from(range.end).toString();
    const inRange = this.listed.filter(({ key }) => (end === '' ? key === start : key >= start && key < end));
    const entries = inRange.slice(0, limit);
    const next = inRange[limit];
    return {
      position: { storeId: STORE, revision: this.standsAt as Revision },
      entries,
      rest: next === undefined ? undefined : { start: Buffer.from(next.key), end: range.end },
    };
  }

  openWatch(listener: WatchListener): WatchStream {
    const stream = { starts: [] as number[], progressAsked: 0, closed: false, listener };
    this.streams.push(stream);
    return {
      create: (_, startRevision) => void stream.starts.push(startRevision),
      requestProgress: () => void stream.progressAsked++,
      close() {
        stream.closed = true;
      },
    };
  }

  say(...messages: readonly WatchMessage[]): void {
    for (const message of messages) {
      if (message.type === 'events') this.standsAt = Math.max(this.standsAt, message.lastRevision);
      if (message.type === 'progress') this.standsAt = Math.max(this.standsAt, message.revision);
      for (const event of message.type === 'events' ? message.events : []) {
        if (event.type === 'put') this.listed = [...this.listed.filter(({ key }) => key !== event.kv.key), event.kv];
      }
      this.streams.at(-1)?.listener.onMessage(message);
    }
  }

  cut(): void {
    this.streams.at(-1)?.listener.onEnd(broken());
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(options: Partial<MirrorOptions> = {}, etcd = new ScriptedEtcd()) {
  const clock = new ManualClock();
  const batches: MirrorBatch[] = [];
  const observer = { onBatch: (batch: MirrorBatch) => void batches.push(batch) };
  const mirror = createMirror(
    { source: etcd, clock, random: seededRandom(1), log: silentLog },
    { prefixes: ['a/', 'b/'], observer, limits: { pageKeys: 1 }, ...options },
  );
  const stop = new AbortController();
  const running = mirror.run(stop.signal);
  /** Lets the pause after a failure pass. */
  const retry = async (): Promise<void> => {
    await turn();
    clock.advance(10_000);
    await turn();
  };
  return { etcd, clock, batches, mirror, stop, running, retry };
}

const spanning = { spanning: true };

test('resumes behind what was delivered, whatever the created answers say', async () => {
  const { etcd, batches, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/1', 11)]));
  etcd.cut();
  await retry();
  // The other side stands at 20 and is cut off before the history arrives. Twice.
  etcd.say(created(0, 20));
  etcd.cut();
  await retry();
  etcd.say(created(0, 30), progress(-1, 30));
  etcd.cut();
  await retry();
  expect(etcd.streams.map(({ starts }) => starts)).toEqual([[11], [12], [12], [12]]);
  expect(batches.map(({ position }) => position.revision)).toEqual([10, 11]);
});

test('goes on over another connection without a disconnect, and without missing or repeating anything', async () => {
  const { etcd, batches, mirror, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/1', 11)]));
  mirror.resume();
  await turn();
  expect(etcd.streams.map(({ starts, closed }) => [starts, closed])).toEqual([
    [[11], true],
    [[12], false],
  ]);
  expect(mirror.state).toMatchObject({ phase: 'live', disconnects: 0, lastError: undefined });
  etcd.say(created(0, 30), events(0, [put('a/2', 30)]));
  expect(batches.map(({ position, relisted }) => [position.revision, relisted])).toEqual([
    [10, true],
    [11, false],
    [30, false],
  ]);
  expect(etcd.lists).toBe(1);
  // The other connection is no good: that is a disconnect like any other.
  mirror.resume();
  await turn();
  etcd.cut();
  await retry();
  expect(etcd.streams.at(-1)?.starts).toEqual([31]);
  expect(mirror.state.disconnects).toBe(1);
});

test('progress of a watch is a place to resume from', async () => {
  const { etcd, batches, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), progress(0, 25));
  etcd.cut();
  await retry();
  expect(etcd.streams.at(-1)?.starts).toEqual([26]);
  expect(batches.at(-1)).toMatchObject({ position: { revision: 25 }, events: [], relisted: false });
});

test('with a watch per prefix, the position is the lowest that all have passed, and each resumes from its own', async () => {
  const { etcd, batches, mirror, retry } = start();
  await turn();
  etcd.say(created(3, 10), created(4, 10), events(3, [put('a/1', 15)]));
  expect(mirror.state.position?.revision).toBe(10);
  expect(mirror.entries.get('a/1')?.modRevision).toBe(15);
  etcd.say(progress(4, 12));
  expect(mirror.state.position?.revision).toBe(12);
  etcd.say(events(4, [put('b/1', 20)]));
  expect(mirror.state.position?.revision).toBe(15);
  etcd.cut();
  await retry();
  expect(etcd.streams.at(-1)?.starts).toEqual([16, 21]);
  expect(batches.map(({ position }) => position.revision)).toEqual([10, 10, 12, 15]);
});

test.each([
  { trust: false, position: 10 },
  { trust: true, position: 40 },
])(
  'an answer to a progress request moves the position only when it is trusted: $trust',
  async ({ trust, position }) => {
    const { etcd, mirror } = start({ trustRequestedProgress: trust });
    await turn();
    etcd.say(created(0, 10), created(1, 10), progress(-1, 40));
    expect(mirror.state.position?.revision).toBe(position);
  },
);

test('another replica that lags is waited for: nothing is taken back', async () => {
  const { etcd, batches, mirror, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/3', 20)]));
  etcd.cut();
  etcd.standsAt = 15;
  const lagging = etcd.listed;
  etcd.listed = [entry('a/1', 5)];
  await retry();
  expect(mirror.state).toMatchObject({ phase: 'connecting', lastError: { code: 'STORE_FUTURE_REVISION' } });
  etcd.standsAt = 21;
  etcd.listed = lagging;
  await retry();
  expect(etcd.streams.at(-1)?.starts).toEqual([21]);
  expect(batches.filter(({ relisted }) => relisted)).toHaveLength(1);
  expect([...mirror.entries.keys()]).toContain('a/3');
});

test('a list is not taken from a replica that lags either', async () => {
  const { etcd, mirror, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/3', 20)]));
  etcd.say({ type: 'canceled', watchId: 0, compactRevision: 99, reason: '' });
  etcd.standsAt = 15;
  etcd.listed = [entry('a/1', 5)];
  await retry();
  expect(mirror.state.lastError).toMatchObject({ code: 'STORE_FUTURE_REVISION' });
  expect(mirror.entries.size).toBe(4);
});

test('an etcd that stays behind has lost history: what it has is listed', async () => {
  const { etcd, batches, mirror, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/3', 20)]));
  etcd.cut();
  etcd.standsAt = 15;
  etcd.listed = [entry('a/1', 5)];
  for (let patience = 0; patience < 3; patience++) await retry();
  expect(batches.at(-1)).toMatchObject({ relisted: true, position: { revision: 15 } });
  expect([...mirror.entries.keys()]).toEqual(['a/1']);
});

test('a list that breaks in the middle changes nothing', async () => {
  const { etcd, batches, mirror, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), { type: 'canceled', watchId: 0, compactRevision: 99, reason: '' });
  etcd.listed = [entry('a/2', 100), entry('a/3', 101), entry('b/9', 102)];
  let answered = 1;
  etcd.failPage = () => (answered-- > 0 ? undefined : broken());
  await retry();
  expect(mirror.state).toMatchObject({ phase: 'connecting', listed: 1, lastError: { code: 'STORE_UNREACHABLE' } });
  expect([...mirror.entries.keys()]).toEqual(['a/1', 'a/2', 'b/1']);
  expect(batches).toHaveLength(1);
  etcd.failPage = () => undefined;
  await retry();
  const summary = batches[1]?.events.map((event) => `${event.type} ${event.type === 'put' ? event.kv.key : event.key}`);
  expect(summary).toEqual(['put a/2', 'put a/3', 'put b/9', 'delete a/1', 'delete b/1']);
  expect(batches[1]).toMatchObject({ relisted: true, position: { revision: 10 } });
});

test('fragments of one message arrive as one batch, after the last of them', async () => {
  const { etcd, batches } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/1', 11)], false), events(0, [put('a/2', 11)], false));
  expect(batches).toHaveLength(1);
  etcd.say(events(0, [put('b/1', 11), put('b/2', 12)]));
  expect(batches[1]?.events.map((event) => event.type === 'put' && event.kv.key)).toEqual(['a/1', 'a/2', 'b/1', 'b/2']);
  expect(batches[1]?.position.revision).toBe(12);
});

test('fragments that a break cut short are not delivered, and come again', async () => {
  const { etcd, batches, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/1', 11)], false));
  etcd.cut();
  await retry();
  expect(batches).toHaveLength(1);
  expect(etcd.streams.at(-1)?.starts).toEqual([11]);
});

test('a refused watch is told with its prefix, and tried again', async () => {
  const { etcd, mirror, retry } = start();
  await turn();
  const reason = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';
  etcd.say(created(0, 10), { type: 'canceled', watchId: -1, compactRevision: 0, reason });
  await turn();
  expect(mirror.state.lastError).toMatchObject({ code: 'STORE_DENIED', subject: 'b/' });
  await retry();
  etcd.say(created(0, 10), created(1, 10));
  expect(mirror.state).toMatchObject({ phase: 'live', lastError: undefined, disconnects: 0 });
});

test('a side that has answered progress requests and goes silent is taken for broken', async () => {
  const { etcd, clock, mirror } = start(spanning);
  await turn();
  etcd.say(created(0, 10), progress(-1, 10));
  for (let second = 0; second < 9; second++) clock.advance(1000);
  await turn();
  expect(etcd.streams[0]).toMatchObject({ closed: true, progressAsked: 3 });
  expect(mirror.state).toMatchObject({ staleSince: 0, lastError: { code: 'STORE_UNREACHABLE' }, disconnects: 1 });
});

test('who was busy for a minute has not heard a minute of silence', async () => {
  const { etcd, clock, mirror } = start(spanning);
  await turn();
  etcd.say(created(0, 10), progress(-1, 10));
  clock.advance(3000);
  // Everything stands still; the look that is overdue comes before what arrived meanwhile is read.
  clock.stall(60_000);
  etcd.say(progress(-1, 10));
  clock.advance(3000);
  await turn();
  expect(mirror.state.phase).toBe('live');
});

test('a side that never answers progress requests may be quiet', async () => {
  const { etcd, clock, mirror } = start(spanning);
  await turn();
  etcd.say(created(0, 10));
  clock.advance(60_000);
  await turn();
  expect(mirror.state.phase).toBe('live');
});

test('watches that are not confirmed in time are given up', async () => {
  const { etcd, clock, mirror } = start();
  await turn();
  etcd.say(created(0, 10));
  clock.advance(10_000);
  await turn();
  expect(mirror.state).toMatchObject({ phase: 'connecting', lastError: { code: 'STORE_UNREACHABLE' } });
  expect(etcd.streams[0]?.closed).toBe(true);
});

test('history that does not fit into one message is listed in pages instead', async () => {
  const { etcd, retry } = start(spanning);
  await turn();
  etcd.say(created(0, 10));
  const tooLarge = storeFailure(Meanings.answerTooLarge, { operation: 'watch', reason: 'message larger than max' });
  etcd.streams[0]?.listener.onEnd(tooLarge);
  const listsBefore = etcd.lists;
  await retry();
  expect(etcd.lists).toBeGreaterThan(listsBefore);
});

test('an observer that throws is a bug: run rejects with it', async () => {
  const observer = {
    onBatch: (batch: MirrorBatch) => {
      if (!batch.relisted) throw new TypeError('a bug');
    },
  };
  const { etcd, running } = start({ ...spanning, observer });
  await turn();
  etcd.say(created(0, 10), events(0, [put('a/1', 11)]));
  await expect(running).rejects.toThrow('a bug');
  expect(etcd.streams[0]?.closed).toBe(true);
});

test('stops at once when told, in whatever it does', async () => {
  const { etcd, running, stop } = start(spanning);
  await turn();
  etcd.say(created(0, 10));
  stop.abort();
  await expect(running).resolves.toBeUndefined();
  expect(etcd.streams[0]?.closed).toBe(true);
});

test('a long list counts in one moment, once it is known what is other than before', async () => {
  const many = (modRevision: number) => Array.from({ length: 10_000 }, (_, at) => entry(`a/${at}`, modRevision));
  const etcd = new ScriptedEtcd();
  etcd.listed = many(5);
  const { batches, clock, mirror } = start({ ...spanning, limits: { pageKeys: 20_000 } }, etcd);
  await turn();
  etcd.say(created(0, 10), { type: 'canceled', watchId: 0, compactRevision: 99, reason: '' });
  etcd.listed = many(100);
  await turn();
  const revisions = () => new Set([...mirror.entries.values()].map(({ modRevision }) => modRevision));
  const seen: { readonly batches: number; readonly revisions: ReadonlySet<number> }[] = [];
  for (let passed = 0; passed < 1_000 && batches.length < 2; passed += 1) {
    clock.advance(passed === 0 ? 10_000 : 0);
    await turn();
    seen.push({ batches: batches.length, revisions: revisions() });
  }
  expect(seen.length).toBeGreaterThan(3);
  expect(seen.pop()).toEqual({ batches: 2, revisions: new Set([100]) });
  for (const meanwhile of seen) expect(meanwhile).toEqual({ batches: 1, revisions: new Set([5]) });
  expect(batches[1]?.events).toHaveLength(10_000);
});
