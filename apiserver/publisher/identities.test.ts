import { expect, test } from 'vitest';
import { identityRange } from '../../mesh/model/identity.ts';
import type { ClusterId, NumericIdentity } from '../../mesh/model/names.ts';
import { IDENTITY_ALLOCATIONS_PREFIX } from '../../mesh/wire/identity-allocation.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { IDENTITY_GRACE_MS, Identities } from './identities.ts';
import { IDENTITY_LABELS_PREFIX } from './identity-records.ts';

const signal = new AbortController().signal;
const range = (min: number, max: number) => ({ min: min as NumericIdentity, max: max as NumericIdentity });

function allocator(store: MemoryStore, options: Partial<ConstructorParameters<typeof Identities>[0]> = {}) {
  const known = new Map<number, string>();
  const identities = new Identities({
    store,
    range: identityRange(3 as ClusterId, 255),
    clock: new ManualClock(),
    fence: undefined,
    remembered: new Map(),
    onChange: (number, labels) => (labels === undefined ? known.delete(number) : known.set(number, labels)),
    ...options,
  });
  return { identities, known };
}

const stored = (store: MemoryStore) =>
  Object.fromEntries(
    [...store.content(IDENTITY_ALLOCATIONS_PREFIX)].map(([key, { value }]) => [
      Number(key.slice(IDENTITY_ALLOCATIONS_PREFIX.length)),
      Buffer.from(value).toString(),
    ]),
  );
const sets = (count: number, name = 'set') => Array.from({ length: count }, (_, index) => `k8s:${name}=${index};`);

test.each([
  [255, 3, 196_608, 262_143],
  [511, 3, 98_304, 131_071],
  [511, 400, 13_107_200, 13_139_967],
] as const)('numbers of a mesh of %i clusters, for cluster %i, are from %i to %i', async (max, id, first, last) => {
  const { identities } = allocator(new MemoryStore(), { range: identityRange(id as ClusterId, max) });
  expect(await identities.allocate(sets(300), signal)).toEqual(new Set());
  const numbers = [...identities.numbers.values()];
  expect(new Set(numbers).size).toBe(300);
  expect(Math.min(...numbers)).toBe(first);
  expect(Math.max(...numbers)).toBeLessThanOrEqual(last);
});

test('numbers are the same after a restart, and known to whoever publishes them', async () => {
  const store = new MemoryStore();
  const first = allocator(store);
  await first.identities.allocate(sets(200), signal);
  const second = allocator(store);
  await second.identities.load(signal);
  expect(second.identities.numbers).toEqual(first.identities.numbers);
  await second.identities.allocate([...sets(200), 'k8s:new=1;'], signal);
  expect(second.identities.numbers.size).toBe(201);
  expect(second.identities.numbers.get(sets(1)[0] ?? '')).toBe(first.identities.numbers.get(sets(1)[0] ?? ''));
  expect(Object.fromEntries(second.known)).toEqual(stored(store));
});

test('two replicas that allocate at once agree: one number per label set, one label set per number', async () => {
  const store = new MemoryStore();
  const replicas = [allocator(store), allocator(store), allocator(store)].map(({ identities }) => identities);
  const wanted = [sets(150), sets(100).reverse(), [...sets(80, 'other'), ...sets(50)]];
  await Promise.all(replicas.map((identities, index) => identities.allocate(wanted[index] ?? [], signal)));
  const records = stored(store);
  expect(new Set(Object.values(records)).size).toBe(Object.values(records).length);
  expect(Object.keys(records)).toHaveLength(230);
  for (const { numbers } of replicas) {
    for (const [labels, number] of numbers) expect(records[number]).toBe(labels);
  }
  expect(store.content(IDENTITY_LABELS_PREFIX).size).toBe(230);
});

test('when all numbers are given, that is said for each set, and one that is collected is given again', async () => {
  const store = new MemoryStore();
  const clock = new ManualClock();
  const { identities } = allocator(store, { range: range(100, 103), clock });
  expect(await identities.allocate(sets(6), signal)).toEqual(new Set(sets(6).slice(4)));
  expect(Object.keys(stored(store))).toEqual(['100', '101', '102', '103']);
  const isUsed = (labels: string) => labels !== sets(6)[1];
  await identities.collect(isUsed, signal);
  clock.advance(IDENTITY_GRACE_MS);
  await identities.collect(isUsed, signal);
  expect(await identities.allocate(sets(6).slice(2), signal)).toEqual(new Set(sets(6).slice(5)));
  expect(stored(store)[101]).toBe(sets(6)[4]);
});

test('an unused number is kept for the grace period, counted from the last use', async () => {
  const store = new MemoryStore();
  const clock = new ManualClock();
  const { identities, known } = allocator(store, { clock });
  await identities.allocate(sets(1), signal);
  let used = false;
  const pass = (ms: number) => {
    clock.advance(ms);
    return identities.collect(() => used, signal);
  };
  await pass(0);
  await pass(IDENTITY_GRACE_MS - 1);
  used = true;
  await pass(0);
  used = false;
  await pass(0);
  await pass(IDENTITY_GRACE_MS - 1);
  expect(known.size).toBe(1);
  await pass(1);
  expect(known.size).toBe(0);
  expect(store.content('clustermesh/').size).toBe(0);
});

test('a number is not given to others right after it was collected', async () => {
  const store = new MemoryStore();
  const clock = new ManualClock();
  const { identities } = allocator(store, { clock });
  await identities.allocate(['k8s:a=1;'], signal);
  const number = identities.numbers.get('k8s:a=1;');
  await identities.collect(() => false, signal);
  clock.advance(IDENTITY_GRACE_MS);
  await identities.collect(() => false, signal);
  await identities.allocate(['k8s:b=1;'], signal);
  expect(identities.numbers.get('k8s:b=1;')).toBe((number ?? 0) + 1);
});

test('an etcd that was wiped gives everybody the number they had', async () => {
  const { identities } = allocator(new MemoryStore());
  await identities.allocate(sets(10), signal);
  const after = allocator(new MemoryStore(), { remembered: new Map(identities.numbers) });
  await after.identities.allocate(['k8s:new=1;', ...sets(10).reverse()], signal);
  for (const [labels, number] of identities.numbers) expect(after.identities.numbers.get(labels)).toBe(number);
});

test('an allocation whose answer was lost is found again, and costs no number', async () => {
  const store = new MemoryStore();
  const { identities } = allocator(store, { range: range(100, 101) });
  const transact = store.transact.bind(store);
  let carriedOut = true;
  store.transact = async (...call) => {
    if (carriedOut) await transact(...call);
    store.fail();
    return transact(...call);
  };
  await expect(identities.allocate(['k8s:a=1;'], signal)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  store.recover();
  carriedOut = false;
  await expect(identities.allocate(['k8s:b=1;'], signal)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  store.recover();
  store.transact = transact;
  expect(await identities.allocate(['k8s:a=1;', 'k8s:b=1;'], signal)).toEqual(new Set());
  expect(stored(store)).toEqual({ 100: 'k8s:a=1;', 101: 'k8s:b=1;' });
});

test('a replica that no longer leads is refused', async () => {
  const store = new MemoryStore();
  const { identities } = allocator(store, { fence: { key: 'leader', modRevision: 7 } });
  await expect(identities.allocate(sets(1), signal)).rejects.toMatchObject({ code: 'PUBLISHER_FENCED' });
  expect(store.content('clustermesh/').size).toBe(0);
});

test('records that are damaged by hand give nobody another number', async () => {
  const store = new MemoryStore();
  const before = allocator(store);
  await before.identities.allocate(sets(2), signal);
  const [byLabels] = store.content(IDENTITY_LABELS_PREFIX).keys();
  await store.transact([
    { type: 'delete', key: byLabels ?? '' },
    { type: 'put', key: `${IDENTITY_ALLOCATIONS_PREFIX}x`, value: Buffer.from('k8s:x=1;') },
  ]);
  const after = allocator(store);
  await after.identities.load(signal);
  expect(after.identities.numbers).toEqual(before.identities.numbers);
  expect(store.content(IDENTITY_LABELS_PREFIX).size).toBe(2);
});
