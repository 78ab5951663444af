import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { ClusterId, ClusterName, IpAddress, Revision } from '../../mesh/model/names.ts';
import { serviceKey } from '../../mesh/model/names.ts';
import type { Affinity, LocalService } from '../../mesh/model/service.ts';
import { check } from '../../mesh/snapshot/consistent.ts';
import { applyDelta, type SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { type ClusterServiceRecord, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { encodeLocalService, localServiceKey } from '../../mesh/wire/local-service.ts';
import { encodeLocalSlice, localHeadKey, localPiecesCanary, localSliceKey } from '../../mesh/wire/local-slice.ts';
import { encodePeerRecord, type PeerFreshnessName, peerRecordKey } from '../../mesh/wire/peer-record.ts';
import { serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { composeService } from '../../mesh/wire/service-pieces.ts';
import { type ServiceSliceRecord, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { StoreEvent } from '../store/port.ts';
import { VIEW_PREFIXES } from './inputs.ts';
import { createView } from './view.ts';

const west = 'west' as ClusterName;
const STORE = '00000000000000aa';
const cart = serviceKey('shop', 'cart');
const toBytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A view, and a hand that feeds it as a mirror would. */
function fedView() {
  const view = createView({ cluster: { name: west, id: 1 as ClusterId }, clock: systemClock, log: silentLog });
  const published: { readonly next: MeshSnapshot; readonly delta: SnapshotDelta | undefined }[] = [];
  view.subscribe((next, delta) => published.push({ next, delta }));
  const feed = (
    revision: number,
    changes: Readonly<Record<string, Uint8Array | undefined>>,
    { relisted = false, storeId = STORE } = {},
  ) => {
    const events = Object.entries(changes).map(
      ([key, value]): StoreEvent =>
        value === undefined
          ? { type: 'delete', key, modRevision: revision }
          : { type: 'put', kv: { key, value, createRevision: 1, modRevision: revision, version: 1, lease: '0' } },
    );
    view.onBatch({ position: { storeId, revision: revision as Revision }, events, relisted });
  };
  const addresses = (service = cart) => view.current?.services.get(service)?.backends.map(({ address }) => address);
  return { view, published, feed, addresses };
}

const local = (name: string, addresses: readonly string[], more: Partial<LocalService> = {}) => ({
  [localServiceKey(serviceKey('shop', name))]: encodeLocalService({
    key: serviceKey('shop', name),
    frontends: ['10.96.0.1' as IpAddress],
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    global: true,
    shared: true,
    affinity: 'none',
    backends: addresses.map((address) => ({
      address: address as IpAddress,
      cluster: west,
      clusterId: 1 as ClusterId,
      state: 'active',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    })),
    labels: {},
    selector: {},
    ...more,
  }),
});

const localHead = (name: string, more: Partial<LocalService> = {}) => ({
  [localHeadKey(serviceKey('shop', name))]: Object.values(local(name, [], more))[0] ?? new Uint8Array(),
});

const localSlice = (name: string, named: string, active: readonly string[], terminating: readonly string[] = []) => ({
  [localSliceKey({ service: serviceKey('shop', name), slice: named })]: encodeLocalSlice({
    ...{ key: serviceKey('shop', name), slice: named, cluster: west, clusterId: 1 },
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    active: active as readonly IpAddress[],
    terminating: (terminating as readonly IpAddress[]).filter((address) => !active.includes(address)),
  }),
});

const LOCAL_IN_PIECES = { [localPiecesCanary(west)]: new TextEncoder().encode('2026-01-01T00:00:00Z') };

const onHttp = (addresses: readonly string[]) =>
  Object.fromEntries(addresses.map((address) => [address, { http: { Protocol: 'TCP', Port: 8080 } }]));

const whole = (
  cluster: string,
  name: string,
  addresses: readonly string[],
  more: Partial<ClusterServiceRecord> = {},
): ClusterServiceRecord => ({
  cluster,
  namespace: 'shop',
  name,
  frontends: {},
  backends: onHttp(addresses),
  labels: {},
  selector: {},
  includeExternal: true,
  shared: true,
  clusterID: 2,
  ...more,
});

const cachedAs = (record: ClusterServiceRecord) => ({
  [`cilium/cache/services/v1/${record.cluster}/shop/${record.name}`]: clusterServiceKind.encode(record),
});

const cached = (...record: Parameters<typeof whole>) => cachedAs(whole(...record));

const head = (cluster: string, name: string, more: Partial<ClusterServiceRecord> = {}) => ({
  [`clustermesh/v1/cache/heads/${cluster}/shop/${name}`]: serviceHeadKind.encode(whole(cluster, name, [], more)),
});

const slice = (
  cluster: string,
  name: string,
  sliceName: string,
  backends: ServiceSliceRecord['backends'],
  clusterID = 2,
) => ({
  [`clustermesh/v1/cache/slices/${cluster}/shop/${name}/${sliceName}`]: serviceSliceKind.encode({
    ...{ cluster, namespace: 'shop', name, slice: sliceName, clusterID, backends },
  }),
});

/** Says that everything of the cluster is there in pieces. */
const inPieces = (cluster: string) => ({
  [`cilium/synced/${cluster}/clustermesh/v1/cache/heads`]: new TextEncoder().encode('2026-01-01T00:00:00Z'),
});

const peer = (name: string, freshness: PeerFreshnessName) => ({
  [peerRecordKey(name as ClusterName)]: encodePeerRecord({ name, id: 2, freshness, synced: true }),
});

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
    expect(second?.get(cart)?.backends[0]).toBe(first?.get(cart)?.backends[0]);
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

describe('a service in pieces', () => {
  const east = [
    head('east', 'cart'),
    slice('east', 'cart', 'b', onHttp(['10.2.0.1'])),
    slice('east', 'cart', 'a', onHttp(['10.2.0.2'])),
  ];

  test('is its head and its slices, and nothing without the head', async () => {
    const { view, feed, addresses } = fedView();
    feed(1, Object.assign({}, local('cart', []), inPieces('east'), ...east.slice(1)), { relisted: true });
    await view.settled();
    expect(addresses()).toEqual([]);
    feed(2, head('east', 'cart'));
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1', '10.2.0.2']);
    feed(3, { 'clustermesh/v1/cache/slices/east/shop/cart/b': undefined });
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.2']);
  });

  test('counts instead of the whole one from the canary on, and until it goes', async () => {
    const { view, published, feed, addresses } = fedView();
    feed(1, { ...local('cart', []), ...cached('east', 'cart', ['10.2.0.9']) }, { relisted: true });
    feed(2, Object.assign({}, ...east));
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.9']);
    feed(3, inPieces('east'));
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.1', '10.2.0.2']);
    feed(4, cached('east', 'cart', ['10.2.0.8']));
    await view.settled();
    expect([addresses(), published.at(-1)?.next.position.revision]).toEqual([['10.2.0.1', '10.2.0.2'], 3]);
    feed(5, { 'cilium/synced/east/clustermesh/v1/cache/heads': undefined });
    await view.settled();
    expect(addresses()).toEqual(['10.2.0.8']);
  });

  test('that comes in place of the whole one, with the same backends, is no change', async () => {
    const { view, published, feed } = fedView();
    feed(1, { ...local('cart', []), ...cached('east', 'cart', ['10.2.0.1', '10.2.0.2']) }, { relisted: true });
    await view.settled();
    feed(2, Object.assign({}, ...east));
    feed(3, inPieces('east'));
    await view.settled();
    expect(published).toHaveLength(1);
  });

  const ports = fc.dictionary(
    fc.constantFrom('http', 'dns'),
    fc.record({ Protocol: fc.constantFrom('TCP', 'UDP'), Port: fc.constantFrom(80, 8080) }),
    { minKeys: 1 },
  );
  const backends = fc.dictionary(fc.constantFrom('10.2.0.1', '10.2.0.2', '10.2.0.3', 'fd00::1'), ports);

  test('is what the whole one is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom('a', 'b', 'c'), backends), async (slices) => {
        const global = local('cart', [], {
          ports: [
            { name: 'dns', protocol: 'UDP', port: 53 },
            { name: 'http', protocol: 'TCP', port: 80 },
          ],
        });
        const named = Object.entries(slices).map(([name, own]) => ({ slice: name, backends: own }));
        const [one, other] = [fedView(), fedView()];
        one.feed(1, { ...global, ...cachedAs(composeService(whole('east', 'cart', []), named)) }, { relisted: true });
        const pieces = named.map(({ slice: name, backends }) => slice('east', 'cart', name, backends));
        other.feed(1, Object.assign({}, global, head('east', 'cart'), inPieces('east'), ...pieces), { relisted: true });
        await Promise.all([one.view.settled(), other.view.settled()]);
        expect(other.view.current?.services.get(cart)).toEqual(one.view.current?.services.get(cart));
      }),
    );
  });

  test('of 5,000 backends steps by the one that changed, and reads no other slice', async () => {
    const { view, published, feed } = fedView();
    const sliceOf = (at: number, hosts: readonly number[]) =>
      slice('east', 'cart', `s-${at}`, onHttp(hosts.map((host) => `10.2.${at}.${host}`)));
    const hosts = Array.from({ length: 100 }, (_, host) => host);
    const slices = Array.from({ length: 50 }, (_, at) => sliceOf(at, hosts));
    feed(1, Object.assign({}, local('cart', []), head('east', 'cart'), inPieces('east'), ...slices), {
      relisted: true,
    });
    await view.settled();
    const parse = vi.spyOn(JSON, 'parse');
    feed(2, sliceOf(7, [...hosts.slice(1), 200]));
    await view.settled();
    expect(parse).toHaveBeenCalledTimes(1);
    parse.mockRestore();
    const [step] = published.at(-1)?.delta?.changed ?? [];
    expect([step?.spec, step?.upserted.length, step?.removed.length]).toEqual([undefined, 1, 1]);
  });
});

describe('a service of the own cluster in pieces', () => {
  test('counts from the canary on, and the whole value before it and when it goes', async () => {
    const { view, published, feed, addresses } = fedView();
    feed(1, local('cart', ['10.1.0.9']), { relisted: true });
    feed(2, { ...localSlice('cart', 'a', ['10.1.0.1']), ...localSlice('cart', 'b', ['10.1.0.2'], ['10.1.0.1']) });
    feed(3, localHead('cart'));
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.9']);
    feed(4, LOCAL_IN_PIECES);
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.1', '10.1.0.2']);
    feed(5, local('cart', ['10.1.0.8']));
    await view.settled();
    expect([addresses(), published.at(-1)?.next.position.revision]).toEqual([['10.1.0.1', '10.1.0.2'], 4]);
    feed(6, { [localPiecesCanary(west)]: undefined });
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.8']);
    feed(7, { ...LOCAL_IN_PIECES, [localHeadKey(cart)]: undefined });
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.8']);
  });

  test('of another cluster, or of another name, is not taken', async () => {
    const { view, feed, addresses } = fedView();
    const [bytes] = Object.values(localSlice('till', 'a', ['10.1.0.3']));
    feed(1, { ...localHead('cart'), ...localSlice('cart', 'a', ['10.1.0.1']), ...LOCAL_IN_PIECES }, { relisted: true });
    feed(2, { 'clustermesh/v1/local/slices/shop/cart/b': bytes });
    const [own] = Object.values(localSlice('cart', 'c', ['10.1.0.3']));
    const foreign = Buffer.from(own ?? '')
      .toString()
      .replace('"cluster":"west"', '"cluster":"east"');
    feed(3, { 'clustermesh/v1/local/slices/shop/cart/c': Buffer.from(foreign) });
    await view.settled();
    expect(addresses()).toEqual(['10.1.0.1']);
  });

  test('of 5,000 backends steps by the one that changed, and reads no other slice', async () => {
    const { view, published, feed } = fedView();
    const sliceOf = (at: number, hosts: readonly number[]) =>
      localSlice(
        'cart',
        `s-${at}`,
        hosts.map((host) => `10.1.${at}.${host}`),
      );
    const hosts = Array.from({ length: 100 }, (_, host) => host);
    const slices = Array.from({ length: 50 }, (_, at) => sliceOf(at, hosts));
    feed(1, Object.assign({}, localHead('cart'), LOCAL_IN_PIECES, ...slices), { relisted: true });
    await view.settled();
    const parse = vi.spyOn(JSON, 'parse');
    feed(2, sliceOf(7, [...hosts.slice(1), 200]));
    await view.settled();
    expect(parse).toHaveBeenCalledTimes(1);
    parse.mockRestore();
    const [step] = published.at(-1)?.delta?.changed ?? [];
    expect([step?.spec, step?.upserted.length, step?.removed.length]).toEqual([undefined, 1, 1]);
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
