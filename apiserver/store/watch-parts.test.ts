// A message of thousands of events is told in parts of whole revisions, as if the etcd had sent so many messages.

import { beforeEach, expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { Meanings, storeFailure } from './failures.ts';
import { createMirror } from './mirror.ts';
import type { MirrorSource, WatchListener, WatchMessage } from './mirror-port.ts';
import type { Mirror, MirrorBatch, StoreEvent } from './port.ts';

const STORE = '00000000000000aa';
const PER_REVISION = 100;
const FIRST = 11;
const REVISIONS = 30;

/** Each revision writes the same keys. */
const written = (revision: number): readonly StoreEvent[] =>
  Array.from({ length: PER_REVISION }, (_, at) => {
    const facts = { createRevision: FIRST, modRevision: revision, version: 1, lease: '0' };
    return { type: 'put', kv: { key: `a/${at}`, value: Buffer.from('x'), ...facts } };
  });
const about = { watchId: 0, storeId: STORE };
const message = (from: number, to: number): WatchMessage => {
  const events = Array.from({ length: to - from + 1 }, (_, at) => written(from + at)).flat();
  return { type: 'events', ...about, events, lastRevision: to, complete: true };
};
const LONG = message(FIRST, FIRST + REVISIONS - 1);

let clock: ManualClock;
let listener: WatchListener | undefined;
let starts: number[];
let mirror: Mirror;
let batches: MirrorBatch[];
/** Revisions that the entries are of, at each batch. */
let held: ReadonlySet<number>[];

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  clock = new ManualClock();
  [starts, batches, held] = [[], [], []];
  const source: MirrorSource = {
    // Empty at first; and it still has what was followed.
    readPage: async ({ range, revision }) => {
      const followed = revision === 0 ? undefined : mirror.entries.get(Buffer.from(range.start).toString());
      const position = { storeId: STORE, revision: Math.max(10, revision) as Revision };
      return { position, entries: followed === undefined ? [] : [followed], rest: undefined };
    },
    readPages: async () => [],
    openWatch(opened) {
      listener = opened;
      return { create: (_, from) => void starts.push(from), requestProgress() {}, close() {} };
    },
  };
  const onBatch = (batch: MirrorBatch) => {
    batches.push(batch);
    held.push(new Set([...mirror.entries.values()].map(({ modRevision }) => modRevision)));
  };
  mirror = createMirror(
    { source, clock, random: seededRandom(1), log: silentLog },
    { prefixes: ['a/'], spanning: true, observer: { onBatch } },
  );
  void mirror.run(new AbortController().signal);
  await turn();
  listener?.onMessage({ type: 'created', ...about, revision: 10 });
  [batches, held] = [[], []];
});

test('others have their turn between the parts, at each of which everything is as it was at its revision', async () => {
  const taken = listener?.onMessage(LONG);
  let isTaken = false;
  void taken?.then(() => {
    isTaken = true;
  });
  expect(batches).toHaveLength(1);
  for (let passed = 0; passed < 100 && !isTaken; passed += 1) {
    // Whoever sends is held back until all is told.
    expect(mirror.state.position?.revision).toBeLessThanOrEqual(FIRST + REVISIONS - 1);
    clock.advance(0);
    await turn();
  }
  expect(batches.map(({ events }) => events.length)).toEqual([600, 600, 600, 600, 600]);
  expect(batches.map(({ position }) => position.revision)).toEqual([16, 22, 28, 34, 40]);
  expect(held).toEqual([16, 22, 28, 34, 40].map((revision) => new Set([revision])));
  expect(batches.flatMap(({ events }) => events.map(({ previous: _, ...event }) => event))).toEqual(
    LONG.type === 'events' && LONG.events,
  );
});

test('what comes behind it is told behind it', async () => {
  listener?.onMessage(LONG);
  listener?.onMessage(message(41, 41));
  listener?.onMessage({ type: 'progress', ...about, revision: 50, requested: false });
  expect(batches).toHaveLength(1);
  for (let passed = 0; passed < 20; passed += 1) {
    clock.advance(0);
    await turn();
  }
  expect(batches.map(({ position }) => position.revision)).toEqual([16, 22, 28, 34, 40, 41, 50]);
});

test('a few events are told at once', () => {
  expect(listener?.onMessage(message(11, 12))).toBeUndefined();
  expect(batches).toHaveLength(1);
});

test('a stream that ends in the middle is followed behind the last part that was told', async () => {
  listener?.onMessage(LONG);
  clock.advance(0);
  await turn();
  expect(mirror.state.position?.revision).toBe(22);
  listener?.onEnd(storeFailure(Meanings.unreachable, { operation: 'watch', reason: 'cut' }));
  await turn();
  clock.advance(10_000);
  await turn();
  await turn();
  expect(batches).toHaveLength(2);
  expect(starts).toEqual([11, 23]);
});
