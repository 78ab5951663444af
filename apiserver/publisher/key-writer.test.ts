// The writer on a store in memory: what etcd holds after each thing that can happen to it, and in which order it got there.

import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Write } from '../store/port.ts';
import { KeyWriter, type KeyWriterDeps } from './key-writer.ts';
import { KEYS_PER_LEASE_MAX } from './lease-pool.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const CANARY = 'own/canary';

/** Others may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000 });
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 20_000, interval: 10 });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(store = new MemoryStore(), options: Partial<KeyWriterDeps> = {}) {
  const transactions: (readonly Write[])[] = [];
  const transact = store.transact.bind(store);
  store.transact = async (...call) => {
    const outcome = await transact(...call);
    if (outcome.succeeded) transactions.push(call[0]);
    return outcome;
  };
  const errors: unknown[] = [];
  const writer = new KeyWriter({
    store,
    clock: systemClock,
    random: seededRandom(1),
    prefixes: ['own/'],
    owns: (key) => key.startsWith('own/'),
    kindOf: (key) => key.slice(0, 5),
    isUrgent: (key) => key.startsWith('own/urgent'),
    goesBefore: (key) => (key === CANARY ? (other) => other.startsWith('own/r') : undefined),
    fence: undefined,
    onError: (error) => errors.push(error),
    ...options,
  });
  const stop = new AbortController();
  const mirror = store.createMirror({ prefixes: ['own/'], observer: { onBatch: (batch) => writer.observe(batch) } });
  const following = mirror.run(stop.signal);
  await writer.list(stop.signal);
  let ended: unknown;
  const running = writer.run(stop.signal).catch((error) => (ended = error));
  const end = async () => {
    stop.abort();
    await Promise.all([running, following]);
  };
  cleanups.push(end);
  const content = () =>
    Object.fromEntries([...store.content('own/')].map(([key, { value }]) => [key, Buffer.from(value).toString()]));
  const landed = () => until(() => expect(writer.depth).toBe(0));
  const set = (records: Readonly<Record<string, string | undefined>>) => {
    for (const [key, value] of Object.entries(records)) writer.set(key, value === undefined ? undefined : bytes(value));
  };
  return { store, writer, transactions, errors, content, landed, set, end, ended: () => ended };
}

const many = (count: number, value = 'v') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`own/r${String(index).padStart(5, '0')}`, value]));

test('writes in transactions of at most 128, and hangs at most 1,000 keys on a lease', async () => {
  const { store, transactions, landed, set } = await start();
  set(many(2500));
  await landed();
  expect(transactions.map((writes) => writes.length)).toEqual([...Array(19).fill(128), 68]);
  const perLease = new Map<string, number>();
  for (const { lease } of store.content('own/').values()) perLease.set(lease, (perLease.get(lease) ?? 0) + 1);
  expect(Math.max(...perLease.values())).toBe(KEYS_PER_LEASE_MAX);
  expect([...perLease.values()].reduce((sum, count) => sum + count)).toBe(2500);
  expect(perLease.has('0')).toBe(false);
});

test('of many changes of a key only the last is written, and what is there already is not', async () => {
  const { transactions, content, landed, set } = await start();
  set({ 'own/a': '1' });
  set({ 'own/a': '2' });
  set({ 'own/a': '3' });
  await landed();
  set({ 'own/a': '3', 'own/b': undefined });
  await landed();
  expect(transactions).toHaveLength(1);
  expect(content()).toEqual({ 'own/a': '3' });
});

test('a refresh writes what is there', async () => {
  const { store, writer, landed, set } = await start();
  set({ 'own/a': '1' });
  await landed();
  writer.refresh('own/a');
  await landed();
  expect(store.content('own/').get('own/a')?.version).toBe(2);
});

test('what is lost, changed or added by others is put right', async () => {
  const { store, writer, content, landed, set } = await start();
  set({ 'own/a': '1', 'own/b': '1', 'own/c': '1' });
  writer.settleLeftovers({ prune: true });
  await landed();
  await store.transact([
    { type: 'delete', key: 'own/a' },
    { type: 'put', key: 'own/b', value: bytes('other') },
    { type: 'put', key: 'own/c', value: bytes('1') },
    { type: 'put', key: 'own/d', value: bytes('stranger') },
  ]);
  await until(() => {
    expect(content()).toEqual({ 'own/a': '1', 'own/b': '1', 'own/c': '1' });
    for (const { lease } of store.content('own/').values()) expect(lease).not.toBe('0');
  });
});

test('keys of an ended lease are written again, canaries after them', async () => {
  const { store, transactions, content, landed, set } = await start();
  set({ [CANARY]: 'synced', ...many(300) });
  await landed();
  const before = content();
  transactions.length = 0;
  store.expireLease([...store.content('own/').values()][0]?.lease ?? '');
  await until(() => expect(content()).toEqual(before));
  expect(transactions.at(-1)?.at(-1)?.key).toBe(CANARY);
});

test('a canary comes after everything before it, whatever fails meanwhile', async () => {
  const { store, transactions, content, landed, set } = await start();
  store.fail();
  set(many(200));
  set({ [CANARY]: 'synced' });
  set({ 'own/r00000': 'again' });
  await until(() => expect(content()).toEqual({}));
  store.recover();
  await landed();
  const order = transactions.flatMap((writes) => writes.map(({ key }) => key));
  expect(order.at(-1)).toBe(CANARY);
  expect(content()).toEqual({ ...many(200), 'own/r00000': 'again', [CANARY]: 'synced' });
});

test('a key that changes all the time does not hold a canary back', async () => {
  const { content, set } = await start();
  let round = 0;
  const churn = () => {
    set({ 'own/r': String(round++) });
    if (round < 2_000 && content()[CANARY] === undefined) setImmediate(churn);
  };
  churn();
  set({ [CANARY]: 'synced' });
  await until(() => expect(content()[CANARY]).toBe('synced'));
  expect(round).toBeLessThan(2_000);
});

test('a value that nobody would read is refused, and holds up nothing else', async () => {
  const { content, errors, landed, set } = await start();
  set({ 'own/r1': 'x'.repeat(1024 * 1024 + 1), 'own/r2': 'small', [CANARY]: 'synced' });
  await landed();
  expect(content()).toEqual({ 'own/r2': 'small', [CANARY]: 'synced' });
  expect(errors).toMatchObject([{ code: 'PUBLISHER_VALUE_TOO_LARGE', subject: 'own/r1' }]);
});

test('large values are spread over transactions that etcd takes', async () => {
  const { transactions, landed, set } = await start();
  set(Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`own/r${index}`, 'x'.repeat(400_000)])));
  await landed();
  expect(transactions.map((writes) => writes.length)).toEqual([2, 2, 2, 2, 2]);
});

test('after a restart nothing is missing at any moment, and what is no longer wanted goes last', async () => {
  const store = new MemoryStore();
  const first = await start(store);
  first.set({ 'own/a': '1', 'own/b': '1', 'own/gone': '1' });
  await first.landed();
  await first.end();
  const before = store.content('own/').get('own/a');
  const second = await start(store);
  const missing: string[] = [];
  const watch = store.createMirror({
    prefixes: ['own/'],
    observer: {
      onBatch: ({ events }) => {
        for (const event of events) if (event.type === 'delete') missing.push(event.key);
      },
    },
  });
  const stop = new AbortController();
  void watch.run(stop.signal);
  second.set({ 'own/a': '1', 'own/b': '2' });
  await second.landed();
  expect(second.content()).toEqual({ 'own/a': '1', 'own/b': '2', 'own/gone': '1' });
  second.writer.settleLeftovers({ prune: false });
  await second.landed();
  store.expireAbandoned();
  expect(second.content()).toEqual({ 'own/a': '1', 'own/b': '2', 'own/gone': '1' });
  expect(missing).toEqual([]);
  // What was there, on a lease that is taken over, was not written again.
  expect(store.content('own/').get('own/a')).toEqual(before);
  second.writer.settleLeftovers({ prune: true });
  await second.landed();
  expect(second.content()).toEqual({ 'own/a': '1', 'own/b': '2' });
  stop.abort();
});

test('what a predecessor left on leases that have ended is written again', async () => {
  const store = new MemoryStore();
  const first = await start(store);
  first.set({ 'own/a': '1' });
  await first.landed();
  await first.end();
  store.expireAbandoned();
  const second = await start(store);
  second.set({ 'own/a': '1' });
  await second.landed();
  expect(second.content()).toEqual({ 'own/a': '1' });
  store.expireAbandoned();
  expect(second.content()).toEqual({ 'own/a': '1' });
});

test('stops when it no longer leads, and writes nothing more', async () => {
  const store = new MemoryStore();
  await store.transact([{ type: 'put', key: 'leader', value: bytes('me') }]);
  const fence = { key: 'leader', modRevision: store.position.revision };
  const { content, landed, set, ended } = await start(store, { fence });
  set({ 'own/a': '1' });
  await landed();
  await store.transact([{ type: 'put', key: 'leader', value: bytes('other') }]);
  set({ 'own/a': '2' });
  await until(() => expect(ended()).toMatchObject({ code: 'PUBLISHER_FENCED' }));
  expect(content()).toEqual({ 'own/a': '1' });
});

test.each([
  ['another etcd', '00000000000000bb'],
  ['an etcd that lost its history', undefined],
])('ends when %s answers', async (_, storeId) => {
  const { store, landed, set, ended } = await start();
  set(many(10));
  await landed();
  store.wipe(storeId);
  set({ 'own/a': '1' });
  await until(() => expect(ended()).toMatchObject({ code: 'PUBLISHER_STORE_CHANGED' }));
});
