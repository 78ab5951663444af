// What the codecs promise for any bytes, and what a value must fit: its key, its cluster, the cluster's range of identities.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { ClusterId, ClusterName } from '../model/names.ts';
import { CARD_BYTES_MAX, decodeCard } from './card.ts';
import { decodeClusterConfig, encodeClusterConfig } from './cluster-config.ts';
import { type ClusterServiceRecord, clusterServiceKind, withBackends } from './cluster-service.ts';
import { identityKind } from './identity.ts';
import { ipIdentityKind } from './ip-identity.ts';
import { decodeLocalService } from './local-service.ts';
import { decodeLocalSlice } from './local-slice.ts';
import { allocationPrefixes, networkPrefix, networkValue, nodeKind } from './node.ts';
import { decodePeerRecord } from './peer-record.ts';
import { decodeQuarantined } from './quarantine.ts';
import { type RecordContext, VALUE_BYTES_MAX } from './record.ts';
import { RECORD_KINDS } from './record-kinds.ts';
import { serviceHeadKind } from './service-head.ts';
import { serviceSliceKind } from './service-slice.ts';
import { serviceSpecKind } from './service-spec.ts';
import { parseTime } from './time.ts';

/** Others may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000 });

const CONTEXT = { cluster: 'west' as ClusterName, clusterId: 2 as ClusterId, maxConnectedClusters: 255 } as const;
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

const KINDS = Object.values(RECORD_KINDS) as readonly (typeof RECORD_KINDS)['services'][];
const DECODERS = [
  ...KINDS.map((kind) => kind.decode),
  ...[decodeCard, decodeClusterConfig, decodeLocalService, decodeLocalSlice, decodePeerRecord, decodeQuarantined],
];

type Path = readonly (string | number)[];

function pathsOf(value: unknown): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [];
  const names = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return names.flatMap((name) => [
    [name],
    ...pathsOf((value as Record<string | number, unknown>)[name]).map((path) => [name, ...path]),
  ]);
}

function replaceAt(value: unknown, [name, ...rest]: Path, replacement: unknown): void {
  if (typeof value !== 'object' || value === null || name === undefined) return;
  const fields = value as Record<string | number, unknown>;
  if (rest.length === 0) fields[name] = replacement;
  else replaceAt(fields[name], rest, replacement);
}

describe('for any bytes', () => {
  const almostJson = fc.json().map((text) => bytes(text));
  const cutJson = fc.tuple(fc.json(), fc.nat()).map(([text, at]) => bytes(text.slice(0, at % (text.length + 1))));

  test('no decoder throws, and what it accepts can be validated and written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), almostJson, cutJson), fc.string(), (value, key) => {
        for (const decode of DECODERS) expect(typeof decode(value).ok).toBe('boolean');
        for (const kind of KINDS) {
          const record = kind.decode(value);
          expect(typeof kind.parseKey(key).ok).toBe('boolean');
          if (!record.ok) continue;
          kind.validate(record.value, { ...CONTEXT, key: `${kind.statePrefix}${key}` });
          expect(kind.decode(kind.encode(record.value))).toEqual(record);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a good value with any part of it replaced is refused, or can be validated and written', () => {
    const port = { Protocol: 'TCP', Port: 80 };
    const network = { IP: '10.0.0.0', Mask: '/w==' };
    const good = {
      ...{ cluster: 'w', namespace: 'n', name: 's', frontends: { '10.0.0.1': { http: port } }, labels: { a: 'b' } },
      ...{ backends: { '10.0.0.1': { http: port } }, zones: { '10.0.0.1': {} }, shared: true, clusterID: 1 },
      ...{ Name: 'n', Cluster: 'w', IPAddresses: [{ Type: 'InternalIP', IP: '10.0.0.1' }], IPv4AllocCIDR: network },
      ...{ IPv6SecondaryAllocCIDRs: [network], Labels: { a: 'b' }, ClusterID: 1, IPv4HealthIP: '10.0.0.1' },
      ...{ namespace: 'n', name: 's', exportCreationTimestamp: '2026-01-01T00:00:00Z', type: 'Headless' },
      ...{ ports: [{ name: 'n', protocol: 'TCP', port: 1 }], sessionAffinity: 'None', ipFamilies: ['IPv4'] },
      ...{ sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } }, annotations: { a: 'b' } },
      ...{ IP: '10.0.0.1', Mask: null, HostIP: '', ID: 5, NamedPorts: [{ Name: 'n', Port: 1, Protocol: 'TCP' }] },
      ...{ id: 1, capabilities: { cached: true }, podCIDRs: ['10.0.0.0/8'], datapath: { mode: 'tunnel' }, trust: {} },
      ...{ key: 'n/s', ports: [], global: true, affinity: 'none', selector: {}, freshness: 'fresh', synced: true },
    };
    const paths = pathsOf(good);
    fc.assert(
      fc.property(fc.subarray([...paths], { minLength: 1, maxLength: 3 }), fc.jsonValue(), (places, replacement) => {
        const value = JSON.parse(JSON.stringify(good));
        for (const place of places) replaceAt(value, place, structuredClone(replacement));
        for (const decode of DECODERS) decode(bytes(value));
        for (const kind of KINDS) {
          const read = kind.decode(bytes(value));
          if (!read.ok) continue;
          kind.validate(read.value, { ...CONTEXT, key: kind.stateKey('west', 'n/s') });
          expect(kind.decode(kind.encode(read.value)).ok).toBe(true);
        }
        const node = nodeKind.decode(bytes(value));
        if (node.ok) allocationPrefixes(node.value);
      }),
      { numRuns: 2000 },
    );
  });

  test('a value beyond its limit is refused before it is looked at', () => {
    const huge = new Uint8Array(VALUE_BYTES_MAX + 1).fill(0x20);
    for (const kind of KINDS) expect(kind.decode(huge)).toMatchObject({ ok: false, error: /more than the limit/ });
    const card = new Uint8Array(CARD_BYTES_MAX + 1).fill(0x20);
    expect(decodeCard(card)).toMatchObject({ ok: false, error: /more than the limit/ });
  });
});

const isFilled = (value: object): boolean => Object.keys(value).length > 0;

describe('read and written again', () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/);
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  const label = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ unit: 'grapheme' }), {
    maxKeys: 5,
  });
  const port = fc.record({
    Protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
    Port: fc.integer({ min: 0, max: 65_535 }),
  });
  const ports = fc.dictionary(address, fc.dictionary(fc.string({ maxLength: 5 }), port, { maxKeys: 3 }), {
    maxKeys: 5,
  });
  /** Fields that a later version may add. */
  const unknown = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8 }).map((field) => `x-${field}`),
    fc.jsonValue(),
    { maxKeys: 3 },
  );
  const service = fc.record({
    ...{ cluster: name, namespace: name, name, frontends: ports, backends: ports, labels: label, selector: label },
    ...{ includeExternal: fc.boolean(), shared: fc.boolean(), clusterID: fc.integer({ min: 0, max: 511 }) },
  });
  const endpoint = fc.record(
    {
      ...{
        IP: address,
        Mask: fc.constant(null),
        HostIP: address,
        ID: fc.nat(),
        Key: fc.nat(255),
        Metadata: fc.string(),
      },
      ...{ K8sNamespace: name, K8sPodName: name, K8sPodUID: fc.uuid(), K8sServiceAccount: name },
      NamedPorts: fc.array(
        fc.record({ Name: name, Port: fc.integer({ min: 0, max: 65_535 }), Protocol: fc.string() }),
        {
          minLength: 1,
        },
      ),
    },
    { requiredKeys: ['IP', 'HostIP', 'ID', 'Key', 'Metadata'] },
  );

  /** Fields that are not written where they are empty are not empty. */
  const filled = fc.string({ minLength: 1 });
  const exported = fc.record(
    {
      ...{ cluster: name, name, namespace: name, annotations: label.filter(isFilled), labels: label.filter(isFilled) },
      exportCreationTimestamp: fc.constant('2026-01-01T00:00:00Z'),
      ports: fc.array(
        fc.record(
          { name, protocol: fc.string(), appProtocol: filled, port: fc.integer({ min: 0, max: 65_535 }) },
          { requiredKeys: ['protocol', 'port'] },
        ),
      ),
      ...{ type: fc.string(), sessionAffinity: fc.string(), trafficDistribution: filled },
      sessionAffinityConfig: fc.record({
        clientIP: fc.record({ timeoutSeconds: fc.integer({ min: 1, max: 86_400 }) }),
      }),
      ...{ ipFamilies: fc.array(fc.string(), { minLength: 1 }), internalTrafficPolicy: filled },
    },
    { requiredKeys: ['cluster', 'name', 'namespace', 'ports', 'type', 'sessionAffinity'] },
  );

  const slice = fc.record({
    ...{ cluster: name, namespace: name, name, slice: name, backends: ports },
    clusterID: fc.integer({ min: 0, max: 511 }),
  });

  test.each([
    ['services', clusterServiceKind, service] as const,
    ['heads', serviceHeadKind, service] as const,
    ['slices', serviceSliceKind, slice] as const,
    ['ip', ipIdentityKind, endpoint] as const,
    ['specs', serviceSpecKind, exported] as const,
  ])('%s: nothing is lost, unknown fields neither, and equal values have equal bytes', (_, kind, values) => {
    const codec = kind as unknown as (typeof RECORD_KINDS)['services'];
    fc.assert(
      fc.property(values, unknown, (value, extra) => {
        const whole = JSON.parse(JSON.stringify({ ...extra, ...value }));
        const read = codec.decode(bytes(whole));
        expect(read).toEqual({ ok: true, value: whole });
        if (!read.ok) return;
        const written = codec.encode(read.value);
        expect(codec.decode(written)).toEqual(read);
        const shuffled = Object.fromEntries(Object.entries(read.value).reverse()) as unknown as ClusterServiceRecord;
        if (Object.keys(extra).length < 2) expect(codec.encode(shuffled)).toEqual(written);
      }),
    );
  });

  test('maps are written in the order of their bytes, whatever JavaScript makes of their names', () => {
    const labels = { '10': 'a', '9': 'b', '\u{1f600}': 'c', '\uff5e': 'd', __proto__x: 'e' };
    const value = { cluster: 'w', namespace: 'n', name: 'n', labels, 'x-later': [1, { b: 1 }] };
    const read = clusterServiceKind.decode(bytes(value));
    const written = read.ok ? new TextDecoder().decode(clusterServiceKind.encode(read.value)) : '';
    expect(written).toContain('"labels":{"10":"a","9":"b","__proto__x":"e","\uff5e":"d","\u{1f600}":"c"}');
    expect(written).toMatch(/,"clusterID":0,"x-later":\[1,\{"b":1\}\]\}$/);
  });

  test('networks and their masks', () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(fc.ipV4(), fc.nat(32)), fc.tuple(fc.ipV6(), fc.nat(128))), ([ip, ones]) => {
        const width = ip.includes(':') ? 16 : 4;
        const mask = Uint8Array.from({ length: width }, (_, at) => 0xff00 >> Math.max(0, Math.min(8, ones - at * 8)));
        const prefix = networkPrefix({ IP: ip, Mask: Buffer.from(mask).toString('base64') });
        if (!prefix.ok) throw new Error(prefix.error);
        expect(prefix.value.length).toBe(ones);
        expect(networkPrefix(networkValue(prefix.value))).toEqual(prefix);
      }),
    );
    for (const Mask of ['//8A/w==', '////////', '*', '', 'AP//']) {
      expect(networkPrefix({ IP: '10.0.0.0', Mask }).ok).toBe(false);
    }
  });
});

describe('a value that other readers would read differently is refused', () => {
  const SERVICE = '{"cluster":"west","namespace":"n","name":"s"';
  test.each([
    ['a field twice', `${SERVICE},"backends":{"10.9.9.9":{}},"backends":{}}`, /names a field twice/],
    ['a nested field twice', `${SERVICE},"labels":{"a":"b" , "\\u0061" :"c"}}`, /names a field twice/],
    ['a field in other case', `${SERVICE},"Backends":{"10.9.9.9":{}}}`, /Backends differs from backends/],
    ['a nested one', `${SERVICE},"backends":{"10.9.9.9":{"":{"Protocol":"TCP","Port":1,"PORT":2}}}}`, /PORT differs/],
    ['a letter that Go folds', `${SERVICE},"bac\u212aends":{}}`, /differs from backends/],
    ['a nesting without end', `${SERVICE},"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, /nested deeper/],
    [
      'a port that is none',
      `${SERVICE},"backends":{"10.9.9.9":{"":{"Protocol":"TCP","Port":65536}}}}`,
      /Port is not a whole/,
    ],
    ['text behind it', `${SERVICE}} {}`, /not JSON/],
  ])('%s', (_, text, reason) => {
    expect(clusterServiceKind.decode(bytes(text))).toMatchObject({ ok: false, error: expect.stringMatching(reason) });
  });

  test('texts that look like fields are texts', () => {
    const text = `${SERVICE},"labels":{"a":"\\"x\\":","b":"y\\\\"},"x":"cluster"}`;
    expect(clusterServiceKind.decode(bytes(text)).ok).toBe(true);
  });
});

describe('null and absence are the same', () => {
  test('in services, nodes and the cluster-config', () => {
    const service = { cluster: 'west', namespace: 'n', name: 's' };
    const nulls = { frontends: null, backends: null, labels: null, selector: null, clusterID: null };
    expect(clusterServiceKind.decode(bytes({ ...service, ...nulls }))).toEqual(
      clusterServiceKind.decode(bytes(service)),
    );
    expect(nodeKind.decode(bytes({ Name: 'n', Cluster: 'west' }))).toMatchObject({
      value: { ClusterID: 0, Labels: null },
    });
    expect(decodeClusterConfig(bytes({ id: 2, capabilities: { cached: null, later: 1 } }))).toEqual({
      ok: true,
      value: { id: 2, capabilities: { later: 1 } },
    });
    expect(new TextDecoder().decode(encodeClusterConfig({ id: 2, capabilities: { cached: false } }))).toBe(
      '{"id":2,"capabilities":{}}',
    );
  });
});

interface Case {
  readonly key: string;
  readonly value: unknown;
  /** `code field`, none when the value fits. */
  readonly problems: readonly string[];
}

function problemsOf(kind: (typeof KINDS)[number], { key, value }: Case): readonly string[] {
  const read = kind.decode(bytes(value));
  if (!read.ok) throw new Error(read.error);
  const context: RecordContext = { ...CONTEXT, key };
  return kind.validate(read.value, context).map(({ code, field }) => `${code} ${field}`);
}

describe('a value against its key and its cluster', () => {
  const service = { cluster: 'west', namespace: 'shop', name: 'cart', clusterID: 2 };
  const at = (ip: string, protocol = 'TCP') => ({ [ip]: { http: { Protocol: protocol, Port: 80 } } });
  const serviceKey = 'cilium/state/services/v1/west/shop/cart';
  test.each<Case>([
    { key: serviceKey, value: { ...service, backends: at('10.0.0.1') }, problems: [] },
    { key: serviceKey, value: { ...service, cluster: 'east' }, problems: ['CM-REC-001 cluster'] },
    { key: serviceKey, value: { ...service, clusterID: 3 }, problems: ['CM-REC-001 clusterID'] },
    { key: serviceKey, value: { ...service, name: 'other' }, problems: ['CM-REC-001 name'] },
    { key: 'cilium/state/services/v1/east/shop/cart', value: service, problems: ['CM-REC-001 key'] },
    { key: 'cilium/cache/services/v1/east/shop/cart', value: service, problems: ['CM-REC-001 key'] },
    { key: 'cilium/state/services/v1/west', value: service, problems: ['CM-REC-001 key'] },
    { key: `${serviceKey}/x`, value: { ...service, name: 'cart/x' }, problems: ['CM-REC-001 name'] },
    { key: serviceKey, value: { ...service, backends: at('10.0.0.01') }, problems: ['CM-REC-001 backends'] },
    { key: serviceKey, value: { ...service, backends: at('fe80::1%eth0') }, problems: ['CM-REC-001 backends'] },
    { key: serviceKey, value: { ...service, frontends: at('10.0.0.1', 'ICMP') }, problems: ['CM-REC-001 frontends'] },
    {
      key: serviceKey,
      value: { ...service, backends: { ...at('10.0.0.1'), ...at('::ffff:10.0.0.1') } },
      problems: ['CM-REC-001 backends'],
    },
  ])('services: $key $value → $problems', (given) => {
    expect(problemsOf(clusterServiceKind, given)).toEqual(given.problems);
  });

  const node = { Name: 'n1', Cluster: 'west', ClusterID: 2 };
  const nodeKey = 'cilium/state/nodes/v1/west/n1';
  const network = { IP: '10.2.0.0', Mask: '//8AAA==' };
  test.each<Case>([
    {
      key: nodeKey,
      value: { ...node, IPv4AllocCIDR: network, IPAddresses: [{ Type: 'InternalIP', IP: '10.0.0.1' }] },
      problems: [],
    },
    { key: nodeKey, value: { ...node, Name: 'n2' }, problems: ['CM-REC-001 Name'] },
    {
      key: nodeKey,
      value: { ...node, Cluster: 'east', ClusterID: 9 },
      problems: ['CM-REC-001 Cluster', 'CM-REC-001 ClusterID'],
    },
    { key: `${nodeKey}/x`, value: { ...node, Name: 'n1/x' }, problems: ['CM-REC-001 Name'] },
    {
      key: nodeKey,
      value: { ...node, IPAddresses: [{ Type: 'InternalIP', IP: '10.1' }] },
      problems: ['CM-REC-001 IPAddresses'],
    },
    { key: nodeKey, value: { ...node, IPv6AllocCIDR: network }, problems: ['CM-REC-001 IPv6AllocCIDR'] },
    {
      key: nodeKey,
      value: { ...node, IPv4SecondaryAllocCIDRs: [{ ...network, Mask: '/wD/AA==' }] },
      problems: ['CM-REC-001 IPv4SecondaryAllocCIDRs'],
    },
    { key: nodeKey, value: { ...node, IPv4HealthIP: 'no' }, problems: ['CM-REC-001 IPv4HealthIP'] },
  ])('nodes: $key $value → $problems', (given) => {
    expect(problemsOf(nodeKind as unknown as typeof clusterServiceKind, given)).toEqual(given.problems);
  });

  const labels = (cluster: string) => `k8s:app=x;k8s:io.cilium.k8s.policy.cluster=${cluster};`;
  const identityKey = 'cilium/state/identities/v1/id/131073';
  test.each<Case>([
    { key: identityKey, value: labels('west'), problems: [] },
    { key: 'cilium/cache/identities/v1/west/id/131073', value: labels('west'), problems: [] },
    { key: 'cilium/state/identities/v1/id/131072', value: labels('west'), problems: [] },
    { key: 'cilium/state/identities/v1/id/196607', value: labels('west'), problems: [] },
    { key: 'cilium/state/identities/v1/id/196608', value: labels('west'), problems: ['CM-IDENT-001 key'] },
    { key: 'cilium/state/identities/v1/id/131071', value: labels('west'), problems: ['CM-IDENT-001 key'] },
    { key: 'cilium/state/identities/v1/id/6', value: labels('west'), problems: ['CM-IDENT-001 key'] },
    { key: identityKey, value: labels('east'), problems: ['CM-IDENT-003 labels'] },
    { key: identityKey, value: `${labels('west')}${labels('east')}`, problems: ['CM-IDENT-003 labels'] },
    { key: identityKey, value: 'k8s:app=x;', problems: ['CM-IDENT-003 labels'] },
    { key: 'cilium/state/identities/v1/id/0131073', value: labels('west'), problems: ['CM-REC-001 key'] },
    { key: 'cilium/state/identities/v1/id/-1', value: labels('west'), problems: ['CM-REC-001 key'] },
    { key: 'cilium/cache/identities/v1/east/id/131073', value: labels('west'), problems: ['CM-REC-001 key'] },
  ])('identities: $key $value → $problems', (given) => {
    expect(problemsOf(identityKind as unknown as typeof clusterServiceKind, given)).toEqual(given.problems);
  });

  const endpoint = { IP: '10.2.0.5', HostIP: '192.168.0.1', ID: 131073 };
  const ipKey = 'cilium/state/ip/v1/default/10.2.0.5';
  test.each<Case>([
    { key: ipKey, value: endpoint, problems: [] },
    { key: 'cilium/cache/ip/v1/west/10.2.0.5', value: { ...endpoint, Mask: null }, problems: [] },
    { key: 'cilium/state/ip/v1/default/10.2.0.0/16', value: { ...endpoint, ...network }, problems: [] },
    { key: 'cilium/state/ip/v1/default/10.2.0.0/16', value: { ...endpoint, IP: '10.2.0.0/16' }, problems: [] },
    { key: 'cilium/state/ip/v1/default/fd00::5', value: { ...endpoint, IP: 'fd00::5', HostIP: '' }, problems: [] },
    { key: ipKey, value: { ...endpoint, IP: '10.2.0.6' }, problems: ['CM-REC-001 IP'] },
    { key: ipKey, value: { ...endpoint, ...network }, problems: ['CM-REC-001 IP'] },
    {
      key: 'cilium/state/ip/v1/default/10.2.0.5/16',
      value: { ...endpoint, IP: '10.2.0.5/16' },
      problems: ['CM-REC-001 IP'],
    },
    { key: 'cilium/state/ip/v1/default/FD00::5', value: { ...endpoint, IP: 'FD00::5' }, problems: ['CM-REC-001 IP'] },
    { key: ipKey, value: { ...endpoint, HostIP: 'host' }, problems: ['CM-REC-001 HostIP'] },
    { key: ipKey, value: { ...endpoint, ID: 65536 * 3 }, problems: ['CM-IDENT-001 ID'] },
    ...[1, 4, 6, 7, 8].map((ID) => ({ key: ipKey, value: { ...endpoint, ID }, problems: [] })),
    ...[0, 2, 3, 5, 9, 100, 255].map((ID) => ({
      key: ipKey,
      value: { ...endpoint, ID },
      problems: ['CM-IDENT-002 ID'],
    })),
    { key: 'cilium/cache/ip/v1/east/10.2.0.5', value: endpoint, problems: ['CM-REC-001 key'] },
    { key: 'cilium/state/ip/v1/other/10.2.0.5', value: endpoint, problems: ['CM-REC-001 key'] },
  ])('ip: $key $value → $problems', (given) => {
    expect(problemsOf(ipIdentityKind as unknown as typeof clusterServiceKind, given)).toEqual(given.problems);
  });
});

test('allocation ranges of a node, without those that cannot be read', () => {
  const read = nodeKind.decode(
    bytes({
      ...{ Name: 'n', Cluster: 'west', IPv4AllocCIDR: { IP: '10.2.1.0', Mask: '////AA==' } },
      IPv4SecondaryAllocCIDRs: [{ IP: '10.3.0.0', Mask: 'x' }],
      IPv6AllocCIDR: {
        IP: 'fd00::',
        Mask: Buffer.from(`${'ff'.repeat(6)}${'00'.repeat(10)}`, 'hex').toString('base64'),
      },
    }),
  );
  expect(read.ok && allocationPrefixes(read.value).map(({ text }) => text)).toEqual(['10.2.1.0/24', 'fd00::/48']);
});

test('a service without some backends', () => {
  const read = clusterServiceKind.decode(
    bytes({ cluster: 'w', namespace: 'n', name: 's', backends: { '10.0.0.1': {}, '10.0.0.2': {} } }),
  );
  if (!read.ok) throw new Error(read.error);
  expect(withBackends(read.value, () => true)).toBe(read.value);
  expect(Object.keys(withBackends(read.value, (ip) => ip === '10.0.0.2').backends)).toEqual(['10.0.0.2']);
});

describe('a card is read leniently', () => {
  const card = { schema: 'clustermesh/v1', name: 'west', id: 2 };
  test.each([
    [
      { ...card, podCIDRs: ['10.2.0.0/16', 5, 'fd00::/48'] },
      ['podCIDRs[1]'],
      { podCIDRs: ['10.2.0.0/16', 'fd00::/48'] },
    ],
    [{ ...card, podCIDRs: '10.2.0.0/16' }, ['podCIDRs'], { podCIDRs: [] }],
    [{ ...card, joinedAt: 'yesterday', time: '2026-01-05' }, ['joinedAt', 'time'], { joinedAt: null, time: '' }],
    [{ ...card, maxConnectedClusters: 256 }, ['maxConnectedClusters'], { maxConnectedClusters: 255 }],
    [{ ...card, schema: 'clustermesh/v2' }, ['schema'], { schema: 'clustermesh/v1' }],
    [
      { ...card, datapath: { mode: 'tunnel', tunnelPort: 70_000, encryption: 'rot13', later: 1 } },
      ['datapath.tunnelPort', 'datapath.encryption'],
      { datapath: { mode: 'tunnel', encryption: 'none', later: 1 } },
    ],
    [{ ...card, later: { a: 1 } }, [], { later: { a: 1 } }],
  ])('%j', (value, fields, kept) => {
    const read = decodeCard(bytes(value));
    if (!read.ok) throw new Error(read.error);
    expect(read.value.problems.map(({ field }) => field)).toEqual(fields);
    expect(read.value.card).toMatchObject({ name: 'west', id: 2, ...kept });
  });

  test.each([{ schema: 'clustermesh/v1', id: 2 }, { name: 'west' }, { name: 'west', id: 2.5 }, [], 'card'])(
    'there is no card in %j',
    (value) => {
      expect(decodeCard(bytes(value)).ok).toBe(false);
    },
  );
});

test.each([
  ['2026-01-01T00:00:00Z', Date.UTC(2026, 0, 1)],
  ['2026-01-01T01:00:00.5+01:00', Date.UTC(2026, 0, 1) + 500],
  ['2026-01-01', undefined],
  ['2026-01-01T00:00:00', undefined],
  ['2026-13-01T00:00:00Z', undefined],
  ['Thu, 01 Jan 2026 00:00:00 GMT', undefined],
])('time %s', (text, expected) => {
  const read = parseTime(text);
  expect(read.ok ? read.value : undefined).toBe(expected);
});
