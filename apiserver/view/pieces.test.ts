import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { localHeadKey, localPiecesCanary } from '../../mesh/wire/local-slice.ts';
import { composeService } from '../../mesh/wire/service-pieces.ts';
import {
  cached,
  cachedAs,
  cart,
  fedView,
  head,
  inPieces,
  LOCAL_IN_PIECES,
  local,
  localHead,
  localSlice,
  onHttp,
  slice,
  west,
  whole,
} from './rig.ts';

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
});

type SliceOf = (named: string, addresses: readonly string[]) => Readonly<Record<string, Uint8Array>>;

test.each<[string, number, Readonly<Record<string, Uint8Array>>, SliceOf]>([
  [
    'a peer',
    // One that is written as our publisher writes it is read without (wire/plain-slice.ts).
    0,
    { ...local('cart', []), ...head('east', 'cart'), ...inPieces('east') },
    (named, addresses) => slice('east', 'cart', named, onHttp(addresses)),
  ],
  [
    'the own cluster',
    1,
    { ...localHead('cart'), ...LOCAL_IN_PIECES },
    (named, addresses) => localSlice('cart', named, addresses),
  ],
])(
  '5,000 backends of %s step by the one that changed, and no other slice is read',
  async (_, parses, around, sliceOf) => {
    const { view, published, feed } = fedView();
    const changeable = (at: number, hosts: readonly number[]) =>
      sliceOf(
        `s-${at}`,
        hosts.map((host) => `10.2.${at}.${host}`),
      );
    const hosts = Array.from({ length: 100 }, (_, host) => host);
    const slices = Array.from({ length: 50 }, (_, at) => changeable(at, hosts));
    feed(1, Object.assign({}, around, ...slices), { relisted: true });
    await view.settled();
    // What is there of the others can be read as nothing any more.
    for (const bytes of slices.flatMap((one) => Object.values(one))) bytes.fill(0);
    const parse = vi.spyOn(JSON, 'parse');
    feed(2, changeable(7, [...hosts.slice(1), 200]));
    await view.settled();
    expect(parse).toHaveBeenCalledTimes(parses);
    parse.mockRestore();
    const [step] = published.at(-1)?.delta?.changed ?? [];
    expect([step?.spec, step?.upserted.length, step?.removed.length]).toEqual([undefined, 1, 1]);
  },
);
