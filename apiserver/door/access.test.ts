import { describe, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Withholdable } from '../withheld.ts';
import { accessOf, type ClientKind } from './access.ts';
import { byteKeyOf, holdsKey, requestedInterval, singleKey } from './byte-key.ts';

const west = 'west' as ClusterName;
const check = (kind: ClientKind, key: string, end = '') =>
  accessOf(kind, west).check(requestedInterval(Buffer.from(key), Buffer.from(end, 'latin1')));

test('a peer is refused what is withheld, and nothing else', () => {
  const allowed = (...withheld: readonly Withholdable[]) =>
    ['services', 'heads', 'slices', 'bundles', 'cards'].filter((kind) => {
      const key = `clustermesh/v1/${kind}/west`;
      const single = kind === 'bundles' || kind === 'cards';
      const interval = requestedInterval(Buffer.from(single ? key : `${key}/`), Buffer.from(single ? '' : `${key}0`));
      return accessOf('peer', west, new Set(withheld)).check(interval).ok;
    });
  expect(allowed()).toEqual(['services', 'heads', 'slices', 'bundles', 'cards']);
  expect(allowed('service-pieces')).toEqual(['services', 'bundles', 'cards']);
  expect(allowed('service-specs', 'trust-bundle')).toEqual(['heads', 'slices', 'cards']);
});

type Row = readonly [key: string, end: string, who: string];

// Who may read from `key` up to `end` ('' for the one key): p(eer), l(ocal), a(dmin).
const ROWS: readonly Row[] = [
  ['cilium/state/', 'cilium/state0', 'p a'],
  ['cilium/state/nodes/v1/west/n1', '', 'p a'],
  ['cilium/state/nodes/v1/', 'cilium/state/nodes/v10', 'p a'],
  ['cilium/state', 'cilium/state0', ''],
  ['cilium/state/', 'cilium/state0\0', ''],
  ['cilium/state/', '\0', ''],
  ['cilium/state/', 'cilium/synced/', ''],
  ['cilium/state/', '\xff', ''],
  ['cilium/statement', '', ''],
  ['cilium/cache/', 'cilium/cache0', 'l a'],
  ['cilium/cluster-config/', 'cilium/cluster-config0', 'l a'],
  ['cilium/cluster-config/west', '', 'p l a'],
  ['cilium/cluster-config/west', 'cilium/cluster-config/west\0', 'p l a'],
  // As a prefix this takes in the configuration of a cluster named west2.
  ['cilium/cluster-config/west', 'cilium/cluster-config/wesu', 'l a'],
  ['cilium/cluster-config/east', '', 'l a'],
  ['cilium/synced/west/', 'cilium/synced/west0', 'p l a'],
  ['cilium/synced/west', 'cilium/synced/wesu', 'l a'],
  ['cilium/synced/east/', 'cilium/synced/east0', 'l a'],
  ['cilium/.heartbeat', '', 'p l a'],
  ['cilium/.heartbeat', 'cilium/.heartbeau', 'p l a'],
  ['cilium/.', 'cilium/.heartbeau', ''],
  ['clustermesh/v1/cards/west', '', 'p l a'],
  ['clustermesh/v1/cards/', 'clustermesh/v1/cards0', 'l a'],
  ['clustermesh/v1/bundles/west', '', 'p'],
  ['clustermesh/v1/bundles/east', '', ''],
  ['clustermesh/v1/cards/east', '', 'l a'],
  ['clustermesh/v1/services/west/', 'clustermesh/v1/services/west0', 'p a'],
  ['clustermesh/v1/services/west', 'clustermesh/v1/services/wesu', 'a'],
  ['clustermesh/v1/services/east/', 'clustermesh/v1/services/east0', 'a'],
  ['clustermesh/v1/cache/services/', 'clustermesh/v1/cache/services0', 'a'],
  ['clustermesh/v1/heads/west/', 'clustermesh/v1/heads/west0', 'p a'],
  ['clustermesh/v1/heads/east/', 'clustermesh/v1/heads/east0', 'a'],
  ['clustermesh/v1/slices/west/', 'clustermesh/v1/slices/west0', 'p a'],
  ['clustermesh/v1/slices/west/shop/cart/', 'clustermesh/v1/slices/west/shop/cart0', 'p a'],
  ['clustermesh/v1/slices/', 'clustermesh/v1/slices0', 'a'],
  ['clustermesh/v1/cache/heads/', 'clustermesh/v1/cache/heads0', 'a'],
  ['clustermesh/v1/cache/slices/', 'clustermesh/v1/cache/slices0', 'a'],
  ['clustermesh/v1/local/slices/', 'clustermesh/v1/local/slices0', ''],
  ['clustermesh/v1/cache/', 'clustermesh/v1/cache0', ''],
  ['clustermesh/v1/local/services/', 'clustermesh/v1/local/services0', ''],
  ['clustermesh/v1/quarantine/east/x', '', ''],
  ['clustermesh/v1/', 'clustermesh/v10', ''],
  ['cilium/', 'cilium0', ''],
  ['\0', '\0', ''],
  ['health', '', 'p l a'],
];

describe('access', () => {
  test.each(ROWS)('[%j, %j) is for: %s', (key, end, who) => {
    const may = (['peer', 'local', 'admin'] as const).filter((kind) => check(kind, key, end).ok);
    expect(may.map((kind) => kind[0]).join(' ')).toBe(who);
  });

  test('the refusal names what was asked for and what is allowed', () => {
    expect(check('peer', 'cilium/\n', '\0')).toEqual({
      ok: false,
      error:
        '["cilium/\\n", the last key) is not within one of cilium/state/*, clustermesh/v1/services/west/*, clustermesh/v1/heads/west/*, clustermesh/v1/slices/west/*, ' +
        'cilium/cluster-config/west, cilium/synced/west/*, cilium/.heartbeat*, clustermesh/v1/cards/west, clustermesh/v1/bundles/west, health',
    });
  });

  test('no interval that is allowed holds a key that is not', () => {
    // Every name that grants start with, and what stands just before and behind it.
    const names = ['cilium/', ...['state', 'cache', 'synced', 'cluster-config'].map((name) => `cilium/${name}/`)];
    const single = [
      ...['services', 'heads', 'slices'].flatMap((kind) => [
        `clustermesh/v1/${kind}/west/`,
        `clustermesh/v1/cache/${kind}/`,
      ]),
      'cilium/cluster-config/west',
      'cilium/synced/west/',
      'cilium/.heartbeat',
      'clustermesh/v1/cards/west',
    ];
    const around = (name: string) => {
      const last = name.charCodeAt(name.length - 1);
      return [name, name.slice(0, -1), `${name}\0`, `${name}x`, name.slice(0, -1) + String.fromCharCode(last + 1)];
    };
    const edges = ['\0', '\xff', ...[...names, ...single, 'clustermesh/v1/cards/'].flatMap(around)];
    const latin1 = (text: string) => Buffer.from(text, 'latin1');
    const keys = edges.map((edge) => byteKeyOf(latin1(edge)));
    for (const kind of ['peer', 'local', 'admin'] as const) {
      const access = accessOf(kind, west);
      const open = new Set(keys.filter((key) => access.check(singleKey(key)).ok));
      expect(open.size).toBeGreaterThan(5);
      for (const start of edges) {
        for (const end of edges) {
          const interval = requestedInterval(latin1(start), latin1(end));
          const reached = access.check(interval).ok ? keys.filter((key) => holdsKey(interval, key)) : [];
          const shut = reached.filter((key) => !open.has(key));
          if (shut.length > 0) expect(shut, `${kind} reads [${start}, ${end})`).toEqual([]);
        }
      }
    }
  });
});
