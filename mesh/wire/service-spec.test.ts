// What the record of an export must fit, what is said of one that does not, and that the own kind never mixes with Cilium's.

import { describe, expect, test } from 'vitest';
import type { ClusterId, ClusterName } from '../model/names.ts';
import { CILIUM_KIND_NAMES, cacheKeyOf, RECORD_KIND_NAMES, sourceOfCacheKey } from './record-kinds.ts';
import { serviceSpecKind } from './service-spec.ts';
import { isCacheKey, isStateKey, kindOfKey } from './state-keys.ts';

const CONTEXT = { cluster: 'west' as ClusterName, clusterId: 2 as ClusterId, maxConnectedClusters: 255 } as const;
const KEY = 'clustermesh/v1/services/west/shop/cart';
const GOOD = {
  ...{ cluster: 'west', namespace: 'shop', name: 'cart', type: 'ClusterSetIP', sessionAffinity: 'None' },
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
};

/** `field: reason` of each problem, or why it is no value at all. */
function complaints(value: object, key = KEY): readonly string[] {
  const read = serviceSpecKind.decode(new TextEncoder().encode(JSON.stringify(value)));
  if (!read.ok) return [read.error];
  const problems = serviceSpecKind.validate(read.value, { ...CONTEXT, key });
  expect(problems.every(({ code }) => code === 'CM-REC-001')).toBe(true);
  return problems.map(({ field, reason }) => `${field}: ${reason}`);
}

describe('an export against its key, its cluster and the choices that there are', () => {
  test.each<[change: object, complaints: readonly string[]]>([
    [{}, []],
    [{ type: 'Headless', ports: null, ipFamilies: ['IPv6', 'IPv4'], sessionAffinityConfig: null }, []],
    [{ later: { field: 1 }, trafficDistribution: 'PreferSomething', internalTrafficPolicy: '', labels: null }, []],
    [{ cluster: 'east' }, ['cluster: is "east", not west']],
    [{ name: 'other' }, ['name: shop/other is not what the key names, shop/cart']],
    [{ type: 'ClusterIP' }, ['type: "ClusterIP" is none of ClusterSetIP, Headless']],
    [{ sessionAffinity: '' }, ['sessionAffinity: "" is none of None, ClientIP']],
    [{ internalTrafficPolicy: 'Node' }, ['internalTrafficPolicy: "Node" is none of Cluster, Local']],
    [{ ipFamilies: ['IPv4', 'ipv6'] }, ['ipFamilies[1]: "ipv6" is none of IPv4, IPv6']],
    [{ ipFamilies: ['IPv4', 'IPv4'] }, ['ipFamilies[1]: "IPv4" is twice in the list']],
    [{ exportCreationTimestamp: '2026-01-01' }, ['exportCreationTimestamp: "2026-01-01": not an RFC 3339 time']],
    [
      {
        ports: [
          { protocol: 'TCP', port: 80 },
          { name: null, protocol: 'ICMP', port: 0 },
        ],
      },
      [
        'ports[1].name: "" is twice in the list',
        'ports[1].protocol: "ICMP" is not TCP, UDP or SCTP',
        'ports[1].port: is 0',
      ],
    ],
    [{ ports: [{ name: 'http' }] }, ['ports[0].protocol is missing']],
    [
      { ports: [{ name: 'http', protocol: 'TCP', port: 65_536 }] },
      ['ports[0].port is not a whole number from 0 to 65535'],
    ],
    [
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } },
      ['sessionAffinityConfig.clientIP.timeoutSeconds is not a whole number from 0 to 86400'],
    ],
    [{ type: 1 }, ['type is not a text']],
    [{ Type: 'Headless' }, ['Type differs from type in upper and lower case only']],
  ])('%j → %j', (change, expected) => {
    expect(complaints({ ...GOOD, ...change })).toEqual(expected);
  });

  test.each([
    ['clustermesh/v1/services/east/shop/cart', 'key: names cluster east, not west'],
    ['clustermesh/v1/cache/services/east/shop/cart', 'key: names cluster east, not west'],
    ['clustermesh/v1/services/west', 'key: names no cluster'],
    ['clustermesh/v1/services/west/', 'key: names no record'],
    ['cilium/state/services/v1/west/shop/cart', 'key: not a key of specs'],
  ])('under %s', (key, complaint) => {
    expect(complaints(GOOD, key)).toEqual([complaint]);
  });
});

describe('the own kind', () => {
  test('is no kind of Cilium, whose canaries everybody waits for', () => {
    expect(RECORD_KIND_NAMES.filter((name) => !(CILIUM_KIND_NAMES as readonly string[]).includes(name))).toEqual([
      'specs',
      'heads',
      'slices',
    ]);
  });

  test.each([
    ['clustermesh/v1/services/west/shop/cart', 'specs', 'state'],
    ['clustermesh/v1/cache/services/west/shop/cart', 'specs', 'cache'],
    ['cilium/state/services/v1/west/shop/cart', 'services', 'state'],
    ['cilium/cache/services/v1/west/shop/cart', 'services', 'cache'],
    ['cilium/state/specs/v1/west/shop/cart', undefined, 'state'],
    ['clustermesh/v1/cards/west', undefined, 'neither'],
    ['clustermesh/v1/local/services/shop/cart', undefined, 'neither'],
    ['clustermesh/v1/quarantine/west/clustermesh/v1/services/west/shop/cart', undefined, 'neither'],
    ['clustermesh/v1/services', undefined, 'neither'],
  ])('%s is of kind %s, %s', (key, kind, place) => {
    expect(kindOfKey(key)).toBe(kind);
    expect(isStateKey(key) ? 'state' : isCacheKey(key) ? 'cache' : 'neither').toBe(place);
  });

  test('has its copies apart from the states, and they lead back', () => {
    expect(cacheKeyOf('west', KEY)).toBe('clustermesh/v1/cache/services/west/shop/cart');
    expect(cacheKeyOf('west', 'clustermesh/v1/cache/services/west/shop/cart')).toBeUndefined();
    expect(sourceOfCacheKey('clustermesh/v1/cache/services/west/shop/cart')).toEqual({ peer: 'west', key: KEY });
    expect(sourceOfCacheKey(KEY)).toBeUndefined();
  });
});
