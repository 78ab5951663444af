import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClusterName, Revision, ServiceKey } from '../../mesh/model/names.ts';
import type { MeshService } from '../../mesh/model/service.ts';
import type { AckReport } from '../../mesh/snapshot/ack.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { Health } from '../../runtime/health.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import type { FrontendName } from '../desired/names.ts';
import { backend, service } from '../desired/sample.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { MAP_NAMES } from '../maps/port.ts';
import type { ChangedServices, SnapshotListener } from '../upstream/port.ts';
import { READER_GRACE_MS } from './image.ts';
import { Programmer, VERIFY_INTERVAL_MS } from './programmer.ts';
import { sizesOf } from './sizes.ts';
import { desiredOf, verify } from './verify.ts';

/** An API server in hand: publishes what the test says, and keeps the acknowledgements. */
class Hand {
  readonly acks: AckReport[] = [];
  #listener: SnapshotListener | undefined;
  #current: MeshSnapshot | undefined;

  onSnapshot(listener: SnapshotListener): () => void {
    this.#listener = listener;
    if (this.#current !== undefined) listener(this.#current, 'all');
    return () => {
      this.#listener = undefined;
    };
  }

  acknowledge(ack: AckReport): void {
    this.acks.push(ack);
  }

  publish(revision: number, services: readonly MeshService[], changed: ChangedServices = 'all'): MeshSnapshot {
    this.#current = {
      position: { storeId: '00000000000000aa', revision: revision as Revision },
      cluster: 'west' as ClusterName,
      clusters: new Map(),
      services: new Map(services.map((each) => [each.key, each])),
    };
    this.#listener?.(this.#current, changed);
    return this.#current;
  }
}

const cart = service({ key: 'shop/cart', frontends: ['172.20.0.10'], backends: ['10.1.0.1', '10.2.0.1'] });
const mail = service({ key: 'shop/mail', frontends: ['172.20.0.11'], backends: ['10.1.0.2'] });

let maps: MemoryMaps;
let clock: ManualClock;
let hand: Hand;
let health: Health;
let stop: AbortController;
let running: Promise<void>;
let programmer: Programmer;

function start(): void {
  stop = new AbortController();
  health = new Health(clock);
  const deps = { upstream: hand, maps, clock, random: seededRandom(1), health, log: silentLog };
  programmer = new Programmer({ ...deps, pause: () => undefined });
  running = programmer.run(stop.signal);
}
beforeEach(() => {
  maps = new MemoryMaps();
  clock = new ManualClock();
  hand = new Hand();
});
afterEach(async () => {
  stop.abort();
  await running;
});

const acked = (revision: number) =>
  vi.waitFor(() => {
    const last = hand.acks.at(-1);
    expect(last?.position.revision).toBe(revision);
    return last as AckReport;
  });
const state = () => health.entries.get('maps')?.state;
const differences = async (snapshot: MeshSnapshot) => verify(maps, await desiredOf(snapshot, sizesOf(maps)));

test('a snapshot is programmed, acknowledged, and makes the agent ready', async () => {
  start();
  expect(state()).toBe('starting');
  const snapshot = hand.publish(7, [cart, mail]);
  expect(await acked(7)).toMatchObject({ services: 2, backends: 3, refused: [], datapath: 'memory' });
  expect(await differences(snapshot)).toEqual([]);
  expect(state()).toBe('ok');
});

test('a snapshot that changes nothing is acknowledged as well', async () => {
  start();
  hand.publish(7, [cart]);
  await acked(7);
  hand.publish(8, [cart], new Set());
  await acked(8);
});

test('only the services named as changed are looked at', async () => {
  start();
  hand.publish(7, [cart, mail]);
  await acked(7);
  const fewer = service({ ...cart, backends: [backend('10.1.0.1')] });
  hand.publish(8, [fewer, service({ ...mail, backends: [] })], new Set([cart.key]));
  await acked(8);
  expect(programmer.desired.get('172.20.0.10:80/TCP' as FrontendName)?.count).toBe(1);
  expect(programmer.desired.get('172.20.0.11:80/TCP' as FrontendName)?.count).toBe(1);
});

test('snapshots that come while one is programmed are not lost', async () => {
  start();
  for (let revision = 1; revision <= 20; revision += 1) {
    hand.publish(revision, revision % 2 === 0 ? [cart] : [cart, mail], new Set([mail.key]));
    if (revision % 3 === 0) await Promise.resolve();
  }
  const last = hand.publish(21, [mail], new Set([cart.key, mail.key]));
  await acked(21);
  clock.advance(READER_GRACE_MS);
  await vi.waitFor(async () => expect((await maps.dump('services')).length).toBe(2));
  clock.advance(READER_GRACE_MS);
  await vi.waitFor(async () => expect(await differences(last)).toEqual([]));
});

describe('on maps that a predecessor left', () => {
  beforeEach(async () => {
    start();
    hand.publish(7, [cart, mail]);
    await acked(7);
    stop.abort();
    await running;
    maps = maps.reopen();
    hand = new Hand();
  });
  const rows = async () => (await Promise.all(MAP_NAMES.map((map) => maps.dump(map)))).flat().length;

  test('nothing changes before the first snapshot', async () => {
    const before = await rows();
    start();
    await vi.waitFor(() => expect(programmer.reconciler.image).toBeDefined());
    clock.advance(10 * VERIFY_INTERVAL_MS);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await rows()).toBe(before);
    expect(hand.acks).toEqual([]);
  });

  test('the first snapshot takes away what is gone', async () => {
    start();
    hand.publish(8, [mail]);
    await acked(8);
    clock.advance(READER_GRACE_MS);
    await vi.waitFor(async () => expect((await maps.dump('services')).length).toBe(2));
  });
});

test('somebody else’s changes are found within the interval, and put right', async () => {
  start();
  const snapshot = hand.publish(7, [cart, mail]);
  await acked(7);
  await maps.remove(
    'backends',
    (await maps.dump('backends')).map(({ key }) => key),
  );
  clock.advance(VERIFY_INTERVAL_MS);
  await vi.waitFor(async () => expect(await differences(snapshot)).toEqual([]));
  expect(programmer.reconciler.counters.drift).toBe(3);
});

test('maps that cannot be read make the agent wait, and it goes on by itself', async () => {
  maps.fault = () => ({ code: 'MAP_FAILED', reason: 'made to fail', errno: 1 });
  start();
  hand.publish(7, [cart]);
  await vi.waitFor(() => expect(health.entries.get('maps')?.reason).toBe('made to fail'));
  maps.fault = undefined;
  clock.advance(200);
  await acked(7);
  expect(state()).toBe('ok');
});

test('what does not fit is refused in the acknowledgement, and the agent is degraded', async () => {
  maps = new MemoryMaps({ sizes: { backends: 2 } });
  start();
  hand.publish(7, [cart, mail]);
  const ack = await acked(7);
  expect(ack).toMatchObject({ services: 1, backends: 2 });
  expect(ack.refused).toEqual([
    {
      service: 'shop/mail' as ServiceKey,
      code: 'CM-KERN-001',
      reason: 'the backends map has 2 entries and all services together need 3; raise datapath.sizes.backends',
    },
  ]);
  expect(state()).toBe('degraded');
});

test('a row that fails for good refuses its service, and the rest goes on', async () => {
  maps.fault = (operation, map, key) =>
    operation === 'update' && map === 'services' && key?.[3] === 10
      ? { code: 'MAP_FAILED', reason: 'made to fail', errno: 22 }
      : undefined;
  start();
  hand.publish(7, [cart, mail]);
  await vi.waitFor(() => expect(health.entries.get('maps')?.reason).toContain('made to fail'));
  clock.advance(200);
  const ack = await acked(7);
  expect(ack.services).toBe(1);
  expect(ack.refused.map(({ service }) => service)).toEqual(['shop/cart']);
});
