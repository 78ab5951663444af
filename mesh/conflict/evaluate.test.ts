// Given two or three clusters that are right in everything but one thing, when the mesh is judged, then there is the one
// finding with its evidence, and what is withheld is that part and nothing else.

import { describe, expect, test } from 'vitest';
import {
  admitted,
  bytesOf,
  codes,
  endpoint,
  identity,
  identityNumber,
  jsonOf,
  judged,
  labelsOf,
  meshFacts,
  NOW,
  named,
  node,
  only,
  service,
  textOf,
  wholeCluster,
} from '../../test/samples/mesh.ts';
import { evaluate } from './evaluate.ts';
import { readConfig } from './facts.ts';

const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2);
const east = wholeCluster('east', 3);

describe('a mesh without conflicts', () => {
  test('has no findings, admits every byte as it came, and says which checks passed', () => {
    const { report, mesh } = judged('west', [west, central, east]);
    expect(codes(report)).toEqual([]);
    expect(report.verdict).toBe('ok');
    for (const { key, bytes } of central.records ?? []) expect(admitted(mesh, 'central', key)).toEqual(bytes);
    const statuses = Object.fromEntries(report.checks.map(({ code, status }) => [code, status]));
    expect(statuses).toMatchObject({
      'CM-CIDR-001': 'passed',
      'CM-ID-001': 'passed',
      'CM-CIDR-005': 'skipped',
      'CM-TRUST-001': 'skipped',
      'CM-FRESH-001': 'skipped',
    });
  });
});

describe('ranges', () => {
  const rogue = wholeCluster('rogue', 9, {
    card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16'] },
    records: [
      endpoint('10.2.200.1', identityNumber(9)),
      service({ cluster: 'rogue', id: 9, name: 'shop/cart', backends: ['10.2.200.1', '10.9.0.7'] }),
      node('rogue', 9, '192.168.9.2', '10.2.130.0/24', 'n2'),
    ],
  });
  const living = wholeCluster('central', 2, { records: [endpoint('10.2.129.1', identityNumber(2))] });

  test('CM-CIDR-001: of a later cluster only what lies in the range of an earlier one is withheld', () => {
    const { report, mesh } = judged('west', [west, living, east, rogue]);
    expect(codes(report)).toEqual(['CM-CIDR-001']);
    expect(only(report, 'CM-CIDR-001')).toMatchObject({
      severity: 'error',
      winner: 'central',
      subject: { cluster: 'rogue', kind: 'pod-cidr', value: '10.2.128.0/17' },
      other: { cluster: 'central', value: '10.2.0.0/16' },
      evidence: {
        ranges: { central: '10.2.0.0/16', rogue: '10.2.128.0/17' },
        intersection: '10.2.128.0/17',
        endpoints_inside: { central: 1, rogue: 1 },
      },
      effect: {
        withheld: { clusters: [], endpoints: 1, backends: 1, nodes: 1 },
        services: ['shop/cart'],
      },
    });
    expect(admitted(mesh, 'rogue', 'cilium/state/ip/v1/default/10.2.200.1')).toBeUndefined();
    expect(admitted(mesh, 'rogue', 'cilium/state/ip/v1/default/10.9.0.5')).toBeDefined();
    expect(jsonOf(admitted(mesh, 'rogue', 'cilium/state/services/v1/rogue/shop/cart'))).toMatchObject({
      backends: { '10.9.0.7': { http: { Protocol: 'TCP', Port: 8080 } } },
    });
    expect(textOf(admitted(mesh, 'rogue', 'cilium/state/services/v1/rogue/shop/cart'))).not.toContain('10.2.200.1');
    expect(jsonOf(admitted(mesh, 'rogue', 'cilium/state/nodes/v1/rogue/n2'))).toMatchObject({ IPv4AllocCIDR: null });
    for (const { key, bytes } of living.records ?? []) expect(admitted(mesh, 'central', key)).toEqual(bytes);
  });

  test('CM-CIDR-001 on the loser: its own state stays, the part of the winner is withheld', () => {
    const { report, mesh } = judged('rogue', [west, living, east, rogue]);
    expect(only(report, 'CM-CIDR-001')).toMatchObject({ winner: 'central', subject: { cluster: 'rogue' } });
    expect(admitted(mesh, 'central', 'cilium/state/ip/v1/default/10.2.129.1')).toBeUndefined();
    expect(admitted(mesh, 'central', 'cilium/state/ip/v1/default/10.2.0.5')).toBeDefined();
    expect(admitted(mesh, 'rogue', 'cilium/state/ip/v1/default/10.2.200.1')).toBeDefined();
  });

  test.each([
    ['equal', '10.2.0.0/16', true],
    ['nested', '10.2.3.0/24', true],
    ['around', '10.0.0.0/8', true],
    ['adjacent', '10.3.0.0/16', false],
    ['IPv4-mapped', '::ffff:10.2.0.0/112', true],
  ])('CM-CIDR-001, %s: %s against 10.2.0.0/16', (_, cidr, conflicts) => {
    const other = { name: 'other', id: 9, card: { podCIDRs: [cidr] } };
    expect(codes(judged(undefined, [{ name: 'central', id: 2 }, other]).report)).toEqual(
      conflicts ? ['CM-CIDR-001'] : [],
    );
  });

  test('CM-CIDR-001 over IPv6 in a dual stack', () => {
    const both = ['10.8.0.0/16', 'fd00:2::/48'];
    const { report } = judged(undefined, [
      { name: 'a', id: 8, card: { podCIDRs: both } },
      { name: 'b', id: 9, card: { podCIDRs: ['10.9.0.0/16', 'fd00:2:0:8000::/49'] } },
    ]);
    expect(only(report, 'CM-CIDR-001').evidence).toMatchObject({ intersection: 'fd00:2:0:8000::/49' });
  });

  test('three clusters in one range are three findings, one a pair; two of them withhold the later ones', () => {
    const same = { podCIDRs: ['10.50.0.0/16'] };
    const clusters = [1, 2, 3].map((id) => ({ name: `c${id}`, id, card: same }));
    const { report } = judged('c9', [...clusters, { name: 'c9', id: 9 }]);
    expect(report.findings.map(({ subject, winner }) => [subject.cluster, winner]).sort()).toEqual([
      ['c2', 'c1'],
      ['c3', 'c1'],
      ['c3', 'c2'],
    ]);
  });

  test('an overlap blocks while one of the two has not joined, but not with a plain peer', () => {
    const joining = { name: 'new', id: 9, joinedDay: null, card: { podCIDRs: ['10.2.0.0/20'] } };
    expect(judged('central', [central, joining]).report).toMatchObject({ verdict: 'blocked' });
    const plain = { name: 'new', id: 9, plain: true, records: [node('new', 9, '192.168.9.1', '10.2.7.0/24')] };
    const { report } = judged('central', [central, plain]);
    expect(report.verdict).toBe('degraded');
    expect(only(report, 'CM-CIDR-001')).toMatchObject({ winner: 'central', subject: { value: '10.2.7.0/24' } });
  });

  test('CM-CIDR-002: a pod range in the service range of another; only backends are withheld', () => {
    const late = wholeCluster('late', 9, {
      card: { podCIDRs: ['172.1.0.0/20', '10.9.0.0/16'] },
      records: [
        endpoint('172.1.0.9', identityNumber(9)),
        service({ cluster: 'late', id: 9, name: 'shop/cart', backends: ['172.1.0.9'] }),
      ],
    });
    const { report, mesh } = judged('west', [west, late]);
    expect(only(report, 'CM-CIDR-002')).toMatchObject({ winner: 'west', effect: { withheld: { backends: 1 } } });
    expect(admitted(mesh, 'late', 'cilium/state/ip/v1/default/172.1.0.9')).toBeDefined();
    expect(jsonOf(admitted(mesh, 'late', 'cilium/state/services/v1/late/shop/cart'))).toMatchObject({ backends: {} });
  });

  test('CM-CIDR-003: a pod range over declared or observed node addresses of another', () => {
    const declared = { name: 'late', id: 9, card: { podCIDRs: ['192.168.0.0/16'], nodeCIDRs: [] } };
    expect(only(judged('west', [west, declared]).report, 'CM-CIDR-003')).toMatchObject({
      subject: { cluster: 'late', kind: 'pod-cidr' },
      other: { kind: 'node-cidr', value: '192.168.1.0/24' },
    });
    const plain = { name: 'plain', id: 9, plain: true, records: [node('plain', 9, '10.1.0.77')] };
    const { report, mesh } = judged('west', [west, plain]);
    expect(only(report, 'CM-CIDR-003')).toMatchObject({ subject: { cluster: 'plain', value: '10.1.0.77/32' } });
    expect(admitted(mesh, 'plain', 'cilium/state/nodes/v1/plain/n1')).toBeUndefined();
  });

  test('service against service ranges and node against node ranges are no conflict', () => {
    const alike = { serviceCIDRs: ['10.96.0.0/12'], nodeCIDRs: ['192.168.0.0/16'] };
    const clusters = [1, 2].map((id) => ({ name: `c${id}`, id, card: { ...alike, podCIDRs: [`10.${id}.0.0/16`] } }));
    expect(codes(judged('c1', clusters).report)).toEqual([]);
  });

  test('CM-CIDR-005: an added range loses to what was admitted before, also that of a later cluster', () => {
    const grown = wholeCluster('west', 1, {
      card: { podCIDRs: ['10.1.0.0/16', '10.3.0.0/17'] },
      admitted: { podCIDRs: ['10.1.0.0/16'] },
      records: [endpoint('10.3.0.5', identityNumber(1)), endpoint('10.3.1.9', identityNumber(1))],
    });
    const { report, mesh } = judged('central', [grown, central, east]);
    expect(codes(report)).toContain('CM-CIDR-005');
    expect(codes(report)).not.toContain('CM-CIDR-001');
    expect(only(report, 'CM-CIDR-005')).toMatchObject({
      severity: 'error',
      winner: 'east',
      subject: { cluster: 'west', value: '10.3.0.0/17' },
    });
    expect(admitted(mesh, 'west', 'cilium/state/ip/v1/default/10.3.1.9')).toBeUndefined();
    expect(admitted(mesh, 'west', 'cilium/state/ip/v1/default/10.1.0.5')).toBeDefined();
    // The newcomer's claim to a single address loses too, although its cluster joined first.
    expect(admitted(mesh, 'east', 'cilium/state/ip/v1/default/10.3.0.5')).toBeDefined();
    expect(only(report, 'CM-CIDR-007')).toMatchObject({ winner: 'east' });
  });

  test('CM-CIDR-006: addresses outside the declared ranges, in endpoints, nodes and backends', () => {
    const stray = wholeCluster('stray', 9, {
      records: [
        endpoint('8.8.8.8', identityNumber(9)),
        node('stray', 9, '192.168.9.3', '10.200.0.0/24', 'n3'),
        service({ cluster: 'stray', id: 9, name: 'shop/cart', backends: ['8.8.4.4', '10.9.0.7'] }),
      ],
    });
    const { report, mesh } = judged('west', [west, stray]);
    expect(codes(report)).toEqual(['CM-CIDR-006', 'CM-CIDR-006', 'CM-CIDR-006']);
    expect(report.findings.map(({ subject }) => subject.value).sort()).toEqual(['10.200.0.0/24', '8.8.4.4', '8.8.8.8']);
    expect(admitted(mesh, 'stray', 'cilium/state/ip/v1/default/8.8.8.8')).toBeUndefined();
    expect(admitted(mesh, 'stray', 'cilium/state/nodes/v1/stray/n3')).toBeUndefined();
    expect(textOf(admitted(mesh, 'stray', 'cilium/state/services/v1/stray/shop/cart'))).not.toContain('8.8.4.4');
    expect(textOf(admitted(mesh, 'stray', 'cilium/state/services/v1/stray/shop/cart'))).toContain('10.9.0.7');
  });

  test("a node's own endpoints, health and ingress, are held to the ranges of pods", () => {
    const health = (cluster: string, id: number, ip: string, name: string) => {
      const { key, bytes } = node(cluster, id, `192.168.${id}.4`, `10.${id}.4.0/24`, name);
      return { key, bytes: bytesOf({ ...(jsonOf(bytes) as object), IPv4HealthIP: ip }) };
    };
    const key = (name: string) => `cilium/state/nodes/v1/late/${name}`;
    const card = { podCIDRs: ['10.9.0.0/16', '10.2.64.0/18'] };
    const records = [
      health('late', 9, '10.9.4.1', 'right'),
      health('late', 9, '10.2.64.1', 'contested'),
      health('late', 9, '8.8.8.8', 'outside'),
    ];
    const { report, mesh } = judged('west', [west, central, wholeCluster('late', 9, { card, records })]);
    expect(codes(report)).toEqual(['CM-CIDR-001', 'CM-CIDR-006']);
    expect(jsonOf(admitted(mesh, 'late', key('right')))).toMatchObject({ IPv4HealthIP: '10.9.4.1' });
    expect(jsonOf(admitted(mesh, 'late', key('contested')))).toMatchObject({ IPv4HealthIP: '' });
    expect(admitted(mesh, 'late', key('outside'))).toBeUndefined();
  });

  test('CM-CIDR-006 takes the addresses of the own nodes for declared where no node range is', () => {
    const bare = wholeCluster('bare', 9, {
      card: { nodeCIDRs: [] },
      records: [
        endpoint('192.168.9.1', 1),
        service({ cluster: 'bare', id: 9, name: 'shop/cart', backends: ['192.168.9.1'] }),
      ],
    });
    expect(codes(judged('west', [west, bare]).report)).toEqual([]);
  });

  test.each([
    ['that declares them', { card: { podCIDRs: ['10.9.0.0/16', '127.0.0.0/8', '169.254.0.0/16', 'fe80::/10'] } }],
    ['that declares nothing', { plain: true }],
  ])('CM-CIDR-006: a backend that every host has itself is withheld of a cluster %s', (_, cluster) => {
    const local = ['127.0.0.1', '169.254.169.254', 'fe80::1'];
    const backends = [...local, '10.9.0.7'];
    const stray = wholeCluster('stray', 9, {
      ...cluster,
      records: [service({ cluster: 'stray', id: 9, name: 'shop/cart', backends })],
    });
    const { report, mesh } = judged('west', [west, stray]);
    expect(only(report, 'CM-CIDR-006').subject.cluster).toBe('stray');
    const cart = textOf(admitted(mesh, 'stray', 'cilium/state/services/v1/stray/shop/cart'));
    expect(backends.filter((address) => cart?.includes(`"${address}"`))).toEqual(['10.9.0.7']);
  });

  test('CM-CIDR-007: the earlier claim stands; a backend at the address of another cluster is withheld', () => {
    const shared = '192.168.77.7';
    const plain = (name: string, id: number, ...records: Parameters<typeof wholeCluster>[2][]) =>
      wholeCluster(name, id, { plain: true, ...Object.assign({}, ...records) });
    const a = plain('a', 11, { records: [endpoint(shared, 1)] });
    const b = plain('b', 12, { records: [endpoint(shared, 1)] });
    const c = plain('c', 13, { records: [service({ cluster: 'c', id: 13, name: 'shop/cart', backends: [shared] })] });
    const { report, mesh } = judged('west', [west, b, a, c]);
    const findings = report.findings.filter(({ code }) => code === 'CM-CIDR-007');
    expect(findings.map(({ subject, winner }) => [subject.cluster, subject.kind, winner])).toEqual([
      ['b', 'address', 'a'],
      ['c', 'backend', 'a'],
      ['c', 'backend', 'b'],
    ]);
    const key = `cilium/state/ip/v1/default/${shared}`;
    expect(jsonOf(admitted(mesh, 'a', key))).toMatchObject({ ID: 6 });
    expect(admitted(mesh, 'b', key)).toBeUndefined();
    expect(jsonOf(admitted(mesh, 'c', 'cilium/state/services/v1/c/shop/cart'))).toMatchObject({ backends: {} });
  });
});

describe('who a cluster is', () => {
  test('CM-ID-001: of two clusters with one id the later is held back whole', () => {
    const twin = wholeCluster('twin', 2, { joinedDay: 20, card: { podCIDRs: ['10.20.0.0/16'] }, records: [] });
    const { report, mesh } = judged('west', [west, central, twin]);
    expect(report.verdict).toBe('blocked');
    expect(only(report, 'CM-ID-001')).toMatchObject({
      winner: 'central',
      subject: { cluster: 'twin', value: '2' },
      effect: { withheld: { clusters: ['twin'] } },
    });
    for (const record of mesh.clusters.get(named('twin'))?.records.values() ?? [])
      expect(record.admitted).toBeUndefined();
    expect(admitted(mesh, 'central', 'cilium/state/ip/v1/default/10.2.0.5')).toBeDefined();
  });

  test('CM-ID-002: a name mismatch is one finding, however many records carry the other name', () => {
    const posing = {
      ...wholeCluster('east', 3, { joinedDay: 9 }),
      name: 'configured-as',
      card: { name: 'east' },
    };
    const { report, mesh } = judged('west', [west, posing]);
    expect(codes(report)).toEqual(['CM-ID-002']);
    expect(only(report, 'CM-ID-002')).toMatchObject({
      severity: 'blocking',
      subject: { cluster: 'configured-as', value: 'east' },
      winner: null,
    });
    expect(mesh.clusters.get(named('configured-as'))?.admitted.size).toBe(0);
  });

  test('CM-ID-002: a cluster-config that is kept under another name', () => {
    const facts = meshFacts('west', [west, { ...central, plain: true }]);
    const plain = facts.clusters.get(named('central'));
    if (plain === undefined) throw new Error('no central');
    const config = readConfig('other', bytesOf({ id: 2 }));
    const clusters = new Map([...facts.clusters, [plain.name, { ...plain, config }] as const]);
    const finding = evaluate({ ...facts, clusters }).findings.find(({ code }) => code === 'CM-ID-002');
    expect(finding).toMatchObject({
      subject: { cluster: 'central', value: 'other', key: 'cilium/cluster-config/other' },
    });
  });

  test('CM-ID-003: an id out of range, and widths that differ', () => {
    expect(only(judged('west', [west, { name: 'far', id: 300 }]).report, 'CM-ID-003')).toMatchObject({
      subject: { cluster: 'far', value: '300' },
      effect: { withheld: { clusters: ['far'] } },
    });
    const wide = { name: 'wide', id: 9, card: { maxConnectedClusters: 511 as const } };
    expect(only(judged('west', [west, wide]).report, 'CM-ID-003')).toMatchObject({
      winner: 'west',
      effect: { withheld: { clusters: ['wide'] } },
    });
  });

  test('CM-ID-004: of a rebuilt cluster nothing new is admitted', () => {
    const rebuilt = { ...central, admitted: { uid: 'the-old-one' } };
    const { report, mesh } = judged('west', [west, rebuilt]);
    expect(only(report, 'CM-ID-004')).toMatchObject({
      severity: 'error',
      evidence: { admitted_uid: 'the-old-one', uid: 'uid-of-central' },
    });
    expect(mesh.clusters.get(named('central'))?.admitted.size).toBe(0);
  });
});

describe('identities', () => {
  const withRecords = (...records: ReturnType<typeof endpoint>[]) => judged('west', [west, { ...central, records }]);

  test('CM-IDENT-001: out of range, with the endpoints that use it, in one finding', () => {
    const stolen = identityNumber(1, 7);
    const { report, mesh } = withRecords(identity('central', stolen), endpoint('10.2.0.9', stolen));
    expect(only(report, 'CM-IDENT-001')).toMatchObject({
      subject: { cluster: 'central', value: String(stolen) },
      evidence: { range: '131072 to 196607', records: 2 },
      effect: { withheld: { endpoints: 1, identities: 1 } },
    });
    expect(mesh.clusters.get(named('central'))?.admitted.size).toBe(0);
  });

  test.each([
    [0, undefined],
    [1, 6],
    [2, undefined],
    [4, 4],
    [6, 6],
    [7, 7],
    [8, 8],
    [100, undefined],
  ])('CM-IDENT-002: reserved identity %i is admitted as %s', (asserted, becomes) => {
    const { report, mesh } = withRecords(endpoint('192.168.2.9', asserted));
    expect(codes(report)).toEqual(becomes === undefined ? ['CM-IDENT-002'] : []);
    const value = admitted(mesh, 'central', 'cilium/state/ip/v1/default/192.168.2.9');
    expect(value === undefined ? undefined : (jsonOf(value) as { ID: number }).ID).toBe(becomes);
  });

  test('CM-IDENT-003: the label of another cluster, and one number in two clusters', () => {
    const number = identityNumber(2);
    const lying = withRecords(identity('central', number, labelsOf('west')), endpoint('10.2.0.9', number));
    expect(only(lying.report, 'CM-IDENT-003')).toMatchObject({ effect: { withheld: { endpoints: 1, identities: 1 } } });
    expect(admitted(lying.mesh, 'central', 'cilium/state/ip/v1/default/10.2.0.9')).toBeUndefined();

    // The number lies in west's range: west keeps it, although `early` joined before.
    const early = wholeCluster('early', 9, { joinedDay: 0, records: [identity('early', identityNumber(1))] });
    const { report, mesh } = judged('central', [west, central, early]);
    expect(only(report, 'CM-IDENT-003')).toMatchObject({ winner: 'west', subject: { cluster: 'early' } });
    expect(admitted(mesh, 'west', `cilium/state/identities/v1/id/${identityNumber(1)}`)).toBeDefined();
  });

  test('CM-IDENT-004: an identity nobody has published is programmed as unknown', () => {
    const { report, mesh } = withRecords(endpoint('10.2.0.9', identityNumber(2, 77)));
    expect(only(report, 'CM-IDENT-004').severity).toBe('warning');
    expect(jsonOf(admitted(mesh, 'central', 'cilium/state/ip/v1/default/10.2.0.9'))).toMatchObject({ ID: 0 });
  });

  test('CM-IDENT-005: backends of one service with different labels, and which', () => {
    const number = identityNumber(2);
    const other = [
      identity('central', number, labelsOf('central', 'k8s:app=webshop')),
      endpoint('10.2.0.5', number),
      service({ cluster: 'central', id: 2, backends: ['10.2.0.5'] }),
    ];
    const { report, mesh } = withRecords(...other);
    expect(only(report, 'CM-IDENT-005')).toMatchObject({
      severity: 'warning',
      subject: { cluster: 'central', kind: 'service', key: 'shop/web' },
      other: { cluster: 'west' },
      evidence: { differing_labels: { central: ['k8s:app=webshop'], west: [] } },
    });
    expect(mesh.clusters.get(named('central'))?.held.size).toBe(0);
  });
});

describe('configuration, services, freshness', () => {
  test('CM-CFG-001: modes that cannot talk take the pods of the peer, and only between the two', () => {
    const tunnel = wholeCluster('tunnel', 9, {
      card: { datapath: { mode: 'tunnel', tunnelProtocol: 'vxlan', tunnelPort: 8472, encryption: 'none' } },
    });
    const here = judged('west', [west, tunnel]);
    expect(only(here.report, 'CM-CFG-001')).toMatchObject({ evidence: { differing: ['mode'] }, winner: 'west' });
    expect(admitted(here.mesh, 'tunnel', 'cilium/state/ip/v1/default/10.9.0.5')).toBeUndefined();
    const same = { ...west, card: { datapath: { mode: 'native' as const, encryption: 'wireguard' as const } } };
    expect(only(judged('west', [same, central]).report, 'CM-CFG-001').evidence).toEqual({ differing: ['encryption'] });
  });

  test.each([
    [{ software: '0.2.9', protocol: 2 }, undefined],
    [{ software: '0.3.0', protocol: 1 }, 'warning'],
    [{ software: '1.1.0', protocol: 1 }, 'warning'],
    [{ software: '0.1.0', protocol: 3 }, 'error'],
  ])('CM-CFG-002: %o beside 0.1.0 and protocol 1', (versions, severity) => {
    const { report } = judged('west', [west, { name: 'new', id: 9, card: { versions } }]);
    expect(report.findings.map((finding) => finding.severity)).toEqual(severity === undefined ? [] : [severity]);
  });

  test('CM-CFG-003 and CM-CFG-004: capabilities and clocks', () => {
    const odd = { name: 'odd', id: 9, card: { capabilities: ['service-exports'] }, clockOffsetMs: 31_000 };
    const { report } = judged('west', [west, odd]);
    expect(codes(report)).toEqual(['CM-CFG-003', 'CM-CFG-004']);
    expect(only(report, 'CM-CFG-003').evidence).toEqual({
      only_one_side: ['service-exports'],
      missing: { west: ['service-exports'] },
    });
  });

  test('CM-SVC-001: the contested port of the later cluster is withheld, its other ports are not', () => {
    const ports = { http: { Protocol: 'TCP', Port: 8000 }, admin: { Protocol: 'TCP', Port: 9000 } };
    const records = [service({ cluster: 'east', id: 3, frontendPorts: ports, backends: ['10.3.0.5'] })];
    const { report, mesh } = judged('west', [west, central, { ...east, records }]);
    expect(report.findings.filter(({ code }) => code === 'CM-SVC-001')).toHaveLength(2);
    expect(report.findings[0]).toMatchObject({
      winner: expect.stringMatching(/west|central/),
      subject: { cluster: 'east', kind: 'service', key: 'shop/web' },
      evidence: { reason: 'PortConflict', contested: { east: ['http'] } },
    });
    expect(jsonOf(admitted(mesh, 'east', 'cilium/state/services/v1/east/shop/web'))).toMatchObject({
      backends: { '10.3.0.5': { admin: { Port: 8080 } } },
    });
    expect(textOf(admitted(mesh, 'east', 'cilium/state/services/v1/east/shop/web'))).not.toContain('http');
  });

  test('CM-SVC-002: headless against not headless takes the backends of the later cluster', () => {
    const records = [service({ cluster: 'central', id: 2, frontend: null, backends: ['10.2.0.5'] })];
    const { report, mesh } = judged('west', [west, { ...central, records }]);
    expect(only(report, 'CM-SVC-002')).toMatchObject({ winner: 'west', effect: { withheld: { backends: 1 } } });
    expect(jsonOf(admitted(mesh, 'central', 'cilium/state/services/v1/central/shop/web'))).toMatchObject({
      backends: {},
    });
  });

  test('CM-SVC-011: the last backends of a local service are in a stale cluster', () => {
    const empty = { ...west, records: [service({ cluster: 'west', id: 1, backends: [] })] };
    const stale = { ...central, freshness: { state: 'stale' as const, lastHeartbeatAt: NOW - 70_000, synced: true } };
    const { report } = judged('west', [empty, stale]);
    expect(only(report, 'CM-SVC-011')).toMatchObject({ evidence: { clusters: { central: 'stale' } } });
    expect(codes(judged('west', [empty, stale, east]).report)).not.toContain('CM-SVC-011');
  });

  test.each([
    ['ageing', 'info'],
    ['stale', 'warning'],
    ['expired', 'error'],
  ] as const)('CM-FRESH-001: %s is %s, and a check over old state is not a pass', (state, severity) => {
    const { report } = judged('west', [
      west,
      { ...central, freshness: { state, lastHeartbeatAt: NOW - 1e6, synced: true } },
    ]);
    expect(only(report, 'CM-FRESH-001').severity).toBe(severity);
    const check = report.checks.find(({ code }) => code === 'CM-CIDR-001');
    expect(check?.status).toBe(state === 'ageing' ? 'passed' : 'unknown');
    expect(report.verdict).toBe({ ageing: 'ok', stale: 'unknown', expired: 'degraded' }[state]);
  });

  test('CM-FRESH-002: an incomplete list leaves checks of records unknown', () => {
    const { report } = judged('west', [west, { ...central, freshness: { state: 'fresh', synced: false } }]);
    expect(codes(report)).toEqual(['CM-FRESH-002']);
    expect(report.verdict).toBe('unknown');
  });
});

describe('records', () => {
  test('CM-REC-001: a record under another name, with another id, or unreadable', () => {
    const records = [
      service({ cluster: 'west', id: 1, name: 'shop/cart', backends: [] }),
      service({ cluster: 'central', id: 7, name: 'shop/pay', backends: [] }),
      { key: 'cilium/state/ip/v1/default/10.2.0.7', bytes: new Uint8Array([0xff, 0, 1]) },
      { key: 'cilium/state/nodes/v1/central/n9', bytes: new TextEncoder().encode('{"Name":3}') },
      { key: 'cilium/state/endpointslices/v1/central/shop/web-1', bytes: new Uint8Array([1]) },
    ];
    const { report, mesh } = judged('west', [west, { ...central, records }]);
    expect(codes(report)).toEqual(Array(4).fill('CM-REC-001'));
    expect(mesh.clusters.get(named('central'))?.admitted.size).toBe(0);
  });

  test('CM-REC-001: a range with host bits is masked with a warning, another mistake drops that range only', () => {
    const odd = { name: 'odd', id: 9, card: { podCIDRs: ['10.9.0.1/16', '010.5.0.0/16', '10.2.0.0/24'] } };
    const { report } = judged('west', [west, central, odd]);
    expect(codes(report)).toEqual(['CM-CIDR-001', 'CM-REC-001', 'CM-REC-001']);
    expect(report.findings.map(({ severity, subject }) => [severity, subject.value])).toEqual([
      ['error', '10.2.0.0/24'],
      ['error', '010.5.0.0/16'],
      ['warning', '10.9.0.1/16'],
    ]);
  });

  test('CM-REC-001: what could not even be read as a record is told too', () => {
    const facts = meshFacts('west', [west]);
    const key = 'state.jsonl line 3';
    const problem = { severity: 'error' as const, key, field: '', value: '', reason: 'not JSON' };
    const local = facts.clusters.get(named('west'));
    if (local === undefined) throw new Error('no west');
    const clusters = new Map([[local.name, { ...local, problems: [problem] }]]);
    expect(evaluate({ ...facts, clusters }).findings).toMatchObject([
      { code: 'CM-REC-001', subject: { kind: 'record', key } },
    ]);
  });

  test('local records are reported and never withheld', () => {
    const faulty = { ...west, records: [endpoint('10.1.0.9', 2), endpoint('8.8.8.8', identityNumber(1))] };
    const { report, mesh } = judged('west', [faulty, central]);
    expect(codes(report)).toEqual(['CM-CIDR-006', 'CM-IDENT-002', 'CM-IDENT-004']);
    expect(report.findings.every(({ other }) => other === null)).toBe(true);
    expect(mesh.clusters.get(named('west'))?.held.size).toBe(0);
  });
});
