import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { ClusterId, ClusterName, IpAddress, Revision } from '../../mesh/model/names.ts';
import { serviceKey } from '../../mesh/model/names.ts';
import type { Affinity } from '../../mesh/model/service.ts';
import { check } from '../../mesh/snapshot/consistent.ts';
import { applyDelta } from '../../mesh/snapshot/delta.ts';
import { localServiceKey } from '../../mesh/wire/local-service.ts';
import type { PeerFreshnessName } from '../../mesh/wire/peer-record.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { VIEW_PREFIXES } from './inputs.ts';
import {
  cached,
  cart,
  fedView,
  head,
  inPieces,
  LOCAL_IN_PIECES,
  local,
  localHead,
  localSlice,
  onHttp,
  peer,
  STORE,
  slice,
  toBytes,
} from './rig.ts';

describe('what is published', () => {
  test('is nothing before the first complete list, and then all of it', async () => {
    const { view, published, feed, addresses } = fedView();
    feed(3, local('cart', ['10.1.0.1']));
    await view.settled();
    expect(view.current).toBeUndefined();
    feed(4, { ...local('cart', ['10.1.0.1']), ...cached('east', 'cart', ['10.2.0.1']) }, { relisted: true });
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1', '10.1.0.1']);
    expect(published.map(({ next, delta }) => [next.position.revision, delta])).toEqual([[4, undefined]]);
    expect(view.current?.clusters).toEqual(
      new Map([
        ['west', 1],
        ['east', 2],
      ]),
    );
  });

  test('is an empty snapshot when etcd is empty', async () => {
    const { view, feed } = fedView();
    feed(1, {}, { relisted: true });
    await view.settled();
    expect([view.current?.services.size, view.current?.position.revision]).toEqual([0, 1]);
  });

  test('is a step to each snapshot from the one before', async () => {
    const { view, published, feed } = fedView();
    feed(1, local('cart', ['10.1.0.1']), { relisted: true });
    await view.settled();
    for (const [index, changes] of [
      cached('east', 'cart', ['10.2.0.1', '10.2.0.2']),
      cached('east', 'cart', ['10.2.0.2']),
      { ...local('cart', ['10.1.0.1', '10.1.0.2']), ...local('till', ['10.1.0.9']) },
      { 'clustermesh/v1/local/services/shop/till': undefined },
      { 'cilium/cache/services/v1/east/shop/cart': undefined },
    ].entries()) {
      feed(2 + index, changes);
      await view.settled();
    }
    expect(published).toHaveLength(6);
    for (const [index, { next, delta }] of published.entries()) {
      const before = published[index - 1]?.next;
      expect(check(next)).toEqual([]);
      if (before === undefined || delta === undefined) continue;
      const applied = applyDelta(before, delta);
      expect(applied.ok && new Map(applied.value.services)).toEqual(new Map(next.services));
    }
    expect(new Map(view.current?.services ?? []).size).toBe(1);
  });

  test('keeps what did not change, down to the backend', async () => {
    const { view, published, feed } = fedView();
    feed(1, { ...local('cart', ['10.1.0.1', '10.1.0.2']), ...local('till', ['10.1.0.9']) }, { relisted: true });
    await view.settled();
    feed(2, local('cart', ['10.1.0.1', '10.1.0.3']));
    await view.settled();
    const [first, second] = published.map(({ next }) => next.services);
    expect(second?.get(serviceKey('shop', 'till'))).toBe(first?.get(serviceKey('shop', 'till')));
    const [before] = first?.get(cart)?.backends ?? [];
    const [after] = second?.get(cart)?.backends ?? [];
    expect(after).toBeDefined();
    expect(after).toBe(before);
  });

  test('is one snapshot for many batches that come together', async () => {
    const { view, published, feed } = fedView();
    feed(1, {}, { relisted: true });
    await view.settled();
    for (let revision = 2; revision <= 500; revision += 1) feed(revision, local('cart', [`10.1.0.${revision % 250}`]));
    await view.settled();
    expect(view.current?.position.revision).toBe(500);
    expect(published.length).toBeLessThan(5);
  });

  test('nothing, when nothing of it changed; but how far it reaches is known', async () => {
    const { view, published, feed } = fedView();
    feed(1, local('cart', ['10.1.0.1']), { relisted: true });
    feed(7, local('cart', ['10.1.0.1']));
    feed(9, { 'cilium/.heartbeat': toBytes('now') });
    await view.settled();
    expect(published).toHaveLength(1);
    expect([view.current?.position.revision, view.reached?.revision]).toEqual([
      published[0]?.next.position.revision,
      9,
    ]);
    const at = (revision: number) => view.at({ storeId: STORE, revision: revision as Revision });
    expect(at(9)).toBe(view.current);
    expect(at(10)).toBeUndefined();
  });
});

describe('peers', () => {
  test('a stale peer is used only when nothing fresh is left', async () => {
    const { view, feed, addresses } = fedView();
    feed(
      1,
      { ...local('cart', ['10.1.0.1']), ...cached('east', 'cart', ['10.2.0.1']), ...peer('east', 'fresh') },
      { relisted: true },
    );
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1', '10.1.0.1']);
    feed(2, peer('east', 'ageing'));
    feed(3, peer('east', 'stale'));
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.1']);
    feed(4, local('cart', []));
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1']);
    feed(5, { ...peer('east', 'fresh'), ...local('cart', ['10.1.0.1']) });
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1', '10.1.0.1']);
  });

  test('an id belongs to one cluster', async () => {
    const { view, feed } = fedView();
    feed(1, { ...peer('rogue', 'fresh'), ...peer('east', 'fresh') }, { relisted: true });
    await view.settled();
    expect(view.current?.clusters).toEqual(
      new Map([
        ['west', 1],
        ['east', 2],
      ]),
    );
  });
});

describe('bad values', () => {
  const CART = localServiceKey(cart);
  const REMOTE_CART = 'cilium/cache/services/v1/east/shop/cart';
  const onlyValue = (record: Readonly<Record<string, Uint8Array>>) => Object.values(record)[0] ?? new Uint8Array();
  const port = { name: 'http', protocol: 'TCP', port: 80 } as const;
  const foreign = { address: '10.9.0.1' as IpAddress, cluster: 'east' as ClusterName, clusterId: 2 as ClusterId };

  const cases: readonly [string, Readonly<Record<string, Uint8Array>>][] = [
    ['a local service that is not JSON', { [CART]: Uint8Array.of(0xff) }],
    ['a local service under the key of another', { [CART]: onlyValue(local('till', [])) }],
    ['a local service with two ports of one name', local('cart', [], { ports: [port, { ...port, port: 81 }] })],
    [
      'a local backend of another cluster',
      local('cart', [], { backends: [{ ...foreign, state: 'active', ports: [port] }] }),
    ],
    ['a remote service that is not JSON', { [REMOTE_CART]: toBytes(['x']) }],
    ['a remote service of another cluster', { [REMOTE_CART]: onlyValue(cached('north', 'cart', [])) }],
    ['a remote backend that is no address', cached('east', 'cart', ['10.2.0.1', 'nowhere'])],
    ['a remote cluster id out of range', cached('east', 'cart', [], { clusterID: 600 })],
    ['a head that is not JSON', { 'clustermesh/v1/cache/heads/east/shop/cart': toBytes(7) }],
    [
      'a slice of another service',
      { 'clustermesh/v1/cache/slices/east/shop/cart/a': onlyValue(slice('east', 'till', 'a', {})) },
    ],
    ['a peer that is not JSON', { 'clustermesh/v1/peers/east': Uint8Array.of(1, 2) }],
  ];
  test.each(cases)('%s leaves what was known', async (_, changes) => {
    const { view, published, feed } = fedView();
    const good = { ...local('cart', ['10.1.0.1']), ...cached('east', 'cart', ['10.2.0.1']), ...peer('east', 'fresh') };
    feed(1, good, { relisted: true });
    await view.settled();
    feed(2, changes);
    await view.settled();
    expect(published).toHaveLength(1);
    expect(view.reached?.revision).toBe(2);
  });

  test('an address in another spelling is the address', async () => {
    const { view, feed, addresses } = fedView();
    feed(
      1,
      { ...local('cart', ['FD00::B']), ...cached('east', 'cart', ['fd00:0::A', '::ffff:10.2.0.1']) },
      { relisted: true },
    );
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1', 'fd00::a', 'fd00::b']);
  });
});

describe('positions', () => {
  test('never go back within one etcd, and nothing is lost by waiting', async () => {
    const { view, published, feed, addresses } = fedView();
    feed(10, local('cart', ['10.1.0.1']), { relisted: true });
    await view.settled();
    feed(4, local('cart', ['10.1.0.2']), { relisted: true });
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.1']);
    feed(11, {});
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.2']);
    expect(published.map(({ next }) => next.position.revision)).toEqual([10, 11]);
  });

  test('of another etcd start afresh, without a step from the old', async () => {
    const { view, published, feed } = fedView();
    feed(10, local('cart', ['10.1.0.1']), { relisted: true });
    await view.settled();
    feed(3, {}, { relisted: true, storeId: '00000000000000bb' });
    await view.settled();
    expect(view.current?.position).toEqual({ storeId: '00000000000000bb', revision: 3 });
    expect(published.at(-1)?.delta).toBeUndefined();
    expect(published.at(-1)?.next.services.size).toBe(1);
    expect(view.at({ storeId: STORE, revision: 10 as Revision })).toBeUndefined();
  });
});

test('one endpoint of 5,000 backends is a step of that endpoint', async () => {
  const { view, published, feed } = fedView();
  const hosts = Array.from({ length: 5_000 }, (_, index) => `10.2.${index >> 8}.${index & 255}`);
  feed(1, { ...local('cart', []), ...cached('east', 'cart', hosts) }, { relisted: true });
  await view.settled();
  feed(2, cached('east', 'cart', [...hosts.slice(1), '10.2.200.1']));
  await view.settled();
  const [step] = published.at(-1)?.delta?.changed ?? [];
  expect([step?.spec, step?.upserted.length, step?.removed.length]).toEqual([undefined, 1, 1]);
});

describe('whatever the order and the batches', () => {
  const hosts = fc.subarray(['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1']);
  const name = fc.constantFrom('cart', 'till');
  const cluster = fc.constantFrom('east', 'north');
  const idOf = (cluster: string) => (cluster === 'east' ? 2 : 3);
  const removed = (record: Readonly<Record<string, Uint8Array>>) =>
    Object.fromEntries(Object.keys(record).map((key) => [key, undefined]));
  const put: fc.Arbitrary<Readonly<Record<string, Uint8Array>>> = fc.oneof(
    fc
      .tuple(name, hosts, fc.constantFrom<Affinity>('none', 'local', 'remote'), fc.boolean())
      .map(([name, addresses, affinity, global]) => local(name, addresses, { affinity, global })),
    fc
      .tuple(name, fc.constantFrom<Affinity>('none', 'local', 'remote'))
      .map(([name, affinity]) => localHead(name, { affinity })),
    fc
      .tuple(name, fc.constantFrom('a', 'b'), hosts, hosts)
      .map(([name, named, active, terminating]) => localSlice(name, named, active, terminating)),
    fc.constant(LOCAL_IN_PIECES),
    fc
      .tuple(cluster, name, hosts, fc.boolean())
      .map(([cluster, name, addresses, shared]) =>
        cached(cluster, name, addresses, { shared, clusterID: idOf(cluster) }),
      ),
    fc
      .tuple(cluster, fc.constantFrom<PeerFreshnessName>('fresh', 'stale'))
      .map(([name, freshness]) => peer(name, freshness)),
    fc
      .tuple(cluster, name, fc.boolean())
      .map(([cluster, name, shared]) => head(cluster, name, { shared, clusterID: idOf(cluster) })),
    fc
      .tuple(cluster, name, fc.constantFrom('a', 'b'), hosts)
      .map(([cluster, name, named, addresses]) => slice(cluster, name, named, onHttp(addresses), idOf(cluster))),
    cluster.map(inPieces),
  );
  const change = fc.oneof({ weight: 3, arbitrary: put }, { weight: 1, arbitrary: put.map(removed) });

  test('what changes led to is what a new list of the same content leads to', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 30 }), async (steps) => {
        const content: Record<string, Uint8Array | undefined> = {};
        const { view, published, feed } = fedView();
        feed(1, {}, { relisted: true });
        for (const [index, [changes, pause]] of steps.entries()) {
          Object.assign(content, changes);
          feed(2 + index, changes);
          if (pause) await view.settled();
        }
        await view.settled();
        const afresh = fedView();
        afresh.feed(2 + steps.length, content, { relisted: true });
        await afresh.view.settled();
        expect(new Map([...(view.current?.services ?? [])].sort())).toEqual(
          new Map([...(afresh.view.current?.services ?? [])].sort()),
        );
        for (const { next } of published) expect(check(next)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

test('follows a store through its mirror', async () => {
  const store = new MemoryStore();
  const { view, addresses } = fedView();
  const mirror = store.createMirror({ prefixes: VIEW_PREFIXES, observer: view, spanning: true });
  const stop = new AbortController();
  const running = mirror.run(stop.signal);
  const put = (record: Readonly<Record<string, Uint8Array>>) =>
    store.transact(Object.entries(record).map(([key, value]) => ({ type: 'put', key, value })));
  await put(local('cart', ['10.1.0.1']));
  await put(cached('east', 'cart', ['10.2.0.1']));
  await vi.waitFor(() => expect(addresses()).toEqual(['10.2.0.1', '10.1.0.1']));
  await put(peer('east', 'stale'));
  await vi.waitFor(() => expect(addresses()).toEqual(['10.1.0.1']));
  expect(view.current?.position).toEqual(store.position);
  stop.abort();
  await running;
});
