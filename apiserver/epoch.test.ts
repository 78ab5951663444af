import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { EPOCH_KEY } from '../mesh/wire/epoch.ts';
import { CILIUM_KIND_NAMES } from '../mesh/wire/record-kinds.ts';
import { cacheSyncedKey, syncedKey } from '../mesh/wire/synced.ts';
import { silentLog } from '../runtime/log.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { EpochRecord } from './epoch.ts';
import { MemoryStore } from './store/memory-store.ts';

const [west, east] = ['west' as ClusterName, 'east' as ClusterName];
const FENCE = 'clustermesh/v1/election/writer';

let store: MemoryStore;
let clock: ManualClock;
let stop: AbortController;
let reflected: boolean;
let leading: Promise<void>[];

beforeEach(() => {
  store = new MemoryStore();
  clock = new ManualClock();
  stop = new AbortController();
  reflected = true;
  leading = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(leading);
});

const put = (...keys: readonly string[]) =>
  store.transact(keys.map((key) => ({ type: 'put', key, value: Buffer.from('x') })));
const canaries = (of: (kind: (typeof CILIUM_KIND_NAMES)[number]) => string) => CILIUM_KIND_NAMES.map(of);
const ownCanaries = canaries((kind) => syncedKey(west, kind));
const eastCanaries = canaries((kind) => cacheSyncedKey(east, kind));

/** A replica that leads; `epoch` is what it would write. */
async function lead(epoch: string): Promise<void> {
  const mirror = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], observer: { onBatch() {} } });
  void mirror.run(stop.signal);
  const record = new EpochRecord({
    self: west,
    store,
    observed: mirror.entries,
    peers: { known: true, names: () => [east] },
    reflected: () => reflected,
    newEpoch: () => epoch,
    clock,
    log: silentLog,
  });
  const { modRevision } = (await store.get(FENCE)) ?? { modRevision: 0 };
  leading.push(record.lead(stop.signal, { key: FENCE, modRevision }));
}

const epoch = async () => Buffer.from((await store.get(EPOCH_KEY))?.value ?? []).toString();
/** Lets `ms` pass in small steps, so that whoever waits gets to look. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 25) {
    clock.advance(25);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('an etcd gets its epoch once the own cluster and every peer have been written', async () => {
  await put(FENCE);
  await lead('1111111111111111');
  await pass(500);
  await put(...ownCanaries);
  await pass(500);
  expect(await epoch()).toBe('');
  reflected = false;
  await put(...eastCanaries);
  await pass(500);
  expect(await epoch()).toBe('');
  reflected = true;
  await vi.waitFor(async () => {
    await pass(100);
    expect(await epoch()).toBe('1111111111111111');
  });
});

test('a peer that cannot be reached is not waited for forever; the own cluster is', async () => {
  await put(FENCE);
  await lead('1111111111111111');
  await pass(20_000);
  expect(await epoch()).toBe('');
  await put(...ownCanaries);
  await pass(500);
  expect(await epoch()).toBe('1111111111111111');
});

test('of two that believe to lead, one decides, and who was overtaken writes nothing', async () => {
  await put(FENCE);
  await lead('1111111111111111');
  await put(FENCE);
  await lead('2222222222222222');
  await lead('3333333333333333');
  await put(...ownCanaries, ...eastCanaries);
  await pass(500);
  const decided = await epoch();
  expect(['2222222222222222', '3333333333333333']).toContain(decided);
  await pass(5_000);
  expect(await epoch()).toBe(decided);
});

test('one that was taken away, or cannot be read, is replaced', async () => {
  await put(FENCE, ...ownCanaries, ...eastCanaries, EPOCH_KEY);
  await lead('1111111111111111');
  await pass(500);
  expect(await epoch()).toBe('1111111111111111');
  await store.transact([{ type: 'delete', key: EPOCH_KEY }]);
  await pass(2_000);
  expect(await epoch()).toBe('1111111111111111');
});
