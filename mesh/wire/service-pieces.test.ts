// A service in pieces says what the whole one says, whoever cuts it and in whatever order the pieces come; what pieces must fit; and
// what an address means that two slices name.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ClusterId, ClusterName, ServiceKey } from '../model/names.ts';
import { publishesPieces, SERVICE_PIECES } from './card.ts';
import type { ClusterServiceRecord } from './cluster-service.ts';
import type { RecordKind } from './record.ts';
import { serviceHeadKey, serviceHeadKind } from './service-head.ts';
import { composeService, headOf, splitService } from './service-pieces.ts';
import { parseSliceName, type ServiceSliceRecord, serviceSliceKey, serviceSliceKind } from './service-slice.ts';
import { isCacheKey, isStateKey, kindOfKey } from './state-keys.ts';

const CONTEXT = { cluster: 'west' as ClusterName, clusterId: 2 as ClusterId, maxConnectedClusters: 255 } as const;
const NAMES = { cluster: 'west', namespace: 'shop', name: 'cart', clusterID: 2 };
const port = (number: number) => ({ Protocol: 'TCP', Port: number });

const address = fc.integer({ min: 1, max: 40 }).map((host) => `10.2.0.${host}`);
const ports = fc.dictionary(fc.constantFrom('http', 'dns', ''), fc.integer({ min: 1, max: 3 }).map(port));
const backends = fc.dictionary(address, ports, { maxKeys: 20 });
const service = fc
  .tuple(backends, fc.dictionary(fc.string(), fc.string()))
  .map(([own, labels]): ClusterServiceRecord => {
    // Host names and zones of some of the addresses, and not there where they are of none.
    const said = (host: string) => {
      const of = Object.keys(own).filter((text) => text.endsWith(host));
      return of.length === 0 ? undefined : Object.fromEntries(of.map((text) => [text, `of ${text}`]));
    };
    const [hostnames, zones] = [said('1'), said('2')];
    return {
      ...NAMES,
      ...{ frontends: { '10.96.0.1': { http: port(80) } }, backends: own, labels, selector: {} },
      ...{ includeExternal: true, shared: true, ...(hostnames && { hostnames }), ...(zones && { zones }) },
    };
  });
const slice = fc
  .tuple(fc.constantFrom('a', 'b', 'c'), backends)
  .map(([name, own]): ServiceSliceRecord => ({ ...NAMES, slice: `cart-${name}`, backends: own }));
const slices = fc.uniqueArray(slice, { selector: (one) => one.slice });
const HEAD = headOf({
  ...{ ...NAMES, frontends: {}, backends: {}, labels: {}, selector: {}, includeExternal: true, shared: true },
});

describe('head and slices', () => {
  test('say together what the whole service says, however it is cut', () => {
    fc.assert(
      fc.property(service, fc.integer({ min: 1, max: 9 }), (whole, count) => {
        const pieces = splitService(whole, (_, at) => `cart-${at % count}`);
        expect(composeService(pieces.head, pieces.slices)).toEqual(whole);
        for (const one of pieces.slices) {
          const key = serviceSliceKey(CONTEXT.cluster, { service: 'shop/cart' as ServiceKey, slice: one.slice });
          expect(serviceSliceKind.validate(one, { ...CONTEXT, key })).toEqual([]);
        }
        const key = serviceHeadKey(CONTEXT.cluster, 'shop/cart' as ServiceKey);
        expect(serviceHeadKind.validate(pieces.head, { ...CONTEXT, key })).toEqual([]);
      }),
    );
  });

  test('mean the same in any order', () => {
    fc.assert(
      fc.property(
        slices.chain((one) => fc.tuple(fc.constant(one), fc.shuffledSubarray(one, { minLength: one.length }))),
        ([some, shuffled]) => {
          expect(composeService(HEAD, shuffled)).toEqual(composeService(HEAD, some));
        },
      ),
    );
  });

  test('name each address once, with every port that a slice gives it, in the meaning of the first', () => {
    fc.assert(
      fc.property(slices, (some) => {
        const sorted = [...some].sort((a, b) => (a.slice < b.slice ? -1 : 1));
        const expected: Record<string, Record<string, unknown>> = {};
        for (const one of sorted) {
          for (const [at, own] of Object.entries(one.backends)) {
            expected[at] = { ...own, ...expected[at] };
          }
        }
        expect(composeService(HEAD, some).backends).toEqual(expected);
      }),
    );
  });

  test('an address on its way from one slice to another', () => {
    const old = { slice: 'cart-b', backends: { '10.2.0.1': { http: port(80), dns: port(53) } } };
    const moved = {
      ...{ slice: 'cart-a', backends: { '10.2.0.1': { http: port(8080) } } },
      ...{ hostnames: { '10.2.0.1': 'new' }, zones: { '10.2.0.1': { zone: 'z1' } } },
    };
    const whole = composeService(HEAD, [{ ...old, hostnames: { '10.2.0.1': 'old' } }, moved]);
    expect(whole.backends).toEqual({ '10.2.0.1': { http: port(8080), dns: port(53) } });
    expect([whole.hostnames, whole.zones]).toEqual([{ '10.2.0.1': 'new' }, { '10.2.0.1': { zone: 'z1' } }]);
  });
});

/** `field: reason` of each problem, or why it is no value at all. */
function complaints<T>(kind: RecordKind<T>, key: string, value: object): readonly string[] {
  const read = kind.decode(new TextEncoder().encode(JSON.stringify(value)));
  if (!read.ok) return [read.error];
  return kind.validate(read.value, { ...CONTEXT, key }).map(({ field, reason }) => `${field}: ${reason}`);
}

describe('pieces against their keys and their cluster', () => {
  const KEY = 'clustermesh/v1/slices/west/shop/cart/cart-a';
  const GOOD = { ...NAMES, slice: 'cart-a', backends: { '10.2.0.1': { http: port(80) } } };

  test.each<[change: object, complaints: readonly string[]]>([
    [{}, []],
    [{ backends: {}, hostnames: null, later: [1] }, []],
    [{ cluster: 'east' }, ['cluster: is "east", not west']],
    [{ clusterID: 3 }, ['clusterID: is 3, not 2']],
    [{ name: 'other' }, ['name: shop/other/cart-a is not what the key names, shop/cart/cart-a']],
    [{ slice: 'cart-b' }, ['name: shop/cart/cart-b is not what the key names, shop/cart/cart-a']],
    [{ slice: undefined }, ['slice is missing']],
    [{ backends: null }, ['backends is missing']],
    [{ backends: { 'fd00::0:1': {} } }, ['backends: "fd00::0:1" is not how fd00::1 is written']],
    [{ backends: { here: {} } }, ['backends: "here": "here" is not four decimal octets']],
    [
      { backends: { '10.2.0.1': { http: { Protocol: 'ICMP', Port: 1 } } } },
      ['backends: 10.2.0.1, port "http": protocol "ICMP" is not TCP, UDP or SCTP'],
    ],
  ])('slice %j → %j', (change, expected) => {
    expect(complaints(serviceSliceKind, KEY, { ...GOOD, ...change })).toEqual(expected);
  });

  test('a slice whose name is none', () => {
    const key = 'clustermesh/v1/slices/west/shop/cart/Cart';
    expect(complaints(serviceSliceKind, key, { ...GOOD, slice: 'Cart' })).toEqual([
      'slice: "Cart" is not an RFC 1123 subdomain',
    ]);
  });

  test('a head has no backends, nor anything that is said of them', () => {
    const key = 'clustermesh/v1/heads/west/shop/cart';
    const head = { ...NAMES, frontends: {}, backends: {}, shared: true };
    expect(complaints(serviceHeadKind, key, head)).toEqual([]);
    expect(complaints(serviceHeadKind, key, { ...head, backends: GOOD.backends, zones: { '10.2.0.1': 1 } })).toEqual([
      'backends: is not empty: backends are for slices',
      'zones: is not empty: backends are for slices',
    ]);
    expect(complaints(serviceHeadKind, 'cilium/state/services/v1/west/shop/cart', head)).toEqual([
      'key: not a key of heads',
    ]);
  });

  test('names of slices', () => {
    expect(parseSliceName('shop/cart/cart-a.b')).toEqual({
      ok: true,
      value: { service: 'shop/cart', slice: 'cart-a.b' },
    });
    for (const bad of ['', 'shop', 'shop/cart', 'shop/cart/', 'shop/cart/Cart', 'shop/cart/a/b', '/cart/a']) {
      expect(parseSliceName(bad).ok).toBe(false);
    }
  });
});

test('are offered by a card that says so', () => {
  expect([undefined, { capabilities: [] }, { capabilities: [SERVICE_PIECES] }].map(publishesPieces)).toEqual([
    ...[false, false, true],
  ]);
});

test.each([
  ['clustermesh/v1/heads/west/shop/cart', 'heads', 'state'],
  ['clustermesh/v1/slices/west/shop/cart/cart-a', 'slices', 'state'],
  ['clustermesh/v1/cache/heads/west/shop/cart', 'heads', 'cache'],
  ['clustermesh/v1/cache/slices/west/shop/cart/cart-a', 'slices', 'cache'],
  ['clustermesh/v1/local/slices/shop/cart/cart-a', undefined, 'neither'],
])('%s is of kind %s, %s', (key, kind, place) => {
  expect(kindOfKey(key)).toBe(kind);
  expect(isStateKey(key) ? 'state' : isCacheKey(key) ? 'cache' : 'neither').toBe(place);
});
