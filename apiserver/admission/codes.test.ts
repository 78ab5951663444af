// Given a mesh with one thing wrong in it, one for each code, when it is admitted, then the report names it, the quarantine has what is
// withheld and nothing else, and what is left of the peer is admitted. A code that is judged elsewhere says where.

import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../mesh/conflict/catalogue.ts';
import type { Severity } from '../../mesh/conflict/finding.ts';
import { AdmittedMesh, deleteEvent, putEvent } from '../../test/samples/admission.ts';
import {
  bytesOf,
  endpoint,
  identity,
  identityNumber,
  labelsOf,
  node,
  type SampleCluster,
  service,
  spec,
  wholeCluster,
} from '../../test/samples/mesh.ts';

const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2);
const ip = (address: string) => `cilium/state/ip/v1/default/${address}`;
const WEB = 'cilium/state/services/v1/late/shop/web';
const CART = 'cilium/state/services/v1/late/shop/cart';
const OWN = (of: string, id: number) => wholeCluster(of, id).records?.map(({ key }) => key) ?? [];
const late = (more: Partial<SampleCluster> = {}) => wholeCluster('late', 9, more);
const cart = (...backends: readonly string[]) => service({ cluster: 'late', id: 9, name: 'shop/cart', backends });

/** How a service keeps its clients, where it does. */
const STICKY = { sessionAffinity: 'ClientIP' };

interface Case {
  readonly code: string;
  readonly clusters: readonly SampleCluster[];
  /** Something that comes after everybody has joined. */
  readonly after?: (mesh: AdmittedMesh) => void;
  readonly severity: Severity;
  /** Of the peer `late`: the keys that are withheld, in part or whole. */
  readonly withheld: readonly string[];
  /** And those of which nothing is admitted. */
  readonly missing: readonly string[];
}

const CASES: readonly Case[] = [
  {
    code: 'CM-CIDR-001',
    clusters: [
      west,
      central,
      late({
        card: { podCIDRs: ['10.9.0.0/16', '10.2.64.0/18'] },
        records: [endpoint('10.2.64.1', 6), cart('10.2.64.1', '10.9.0.5')],
      }),
    ],
    severity: 'error',
    withheld: [ip('10.2.64.1'), CART],
    missing: [ip('10.2.64.1')],
  },
  {
    code: 'CM-CIDR-002',
    clusters: [
      west,
      late({
        card: { podCIDRs: ['10.9.0.0/16', '172.1.9.0/24'] },
        records: [endpoint('172.1.9.1', 6), cart('172.1.9.1')],
      }),
    ],
    severity: 'error',
    withheld: [CART],
    missing: [],
  },
  {
    code: 'CM-CIDR-003',
    clusters: [
      west,
      late({ card: { podCIDRs: ['10.9.0.0/16', '192.168.1.0/25'] }, records: [endpoint('192.168.1.9', 6)] }),
    ],
    severity: 'error',
    withheld: [ip('192.168.1.9')],
    missing: [ip('192.168.1.9')],
  },
  {
    code: 'CM-CIDR-005',
    clusters: [west, central, late()],
    after(mesh) {
      mesh.card(late(), { podCIDRs: ['10.9.0.0/16', '10.2.64.0/18'] });
      mesh.say('late', putEvent(endpoint('10.2.64.1', 6)));
    },
    severity: 'error',
    withheld: [ip('10.2.64.1')],
    missing: [ip('10.2.64.1')],
  },
  {
    code: 'CM-CIDR-006',
    clusters: [west, late({ records: [endpoint('8.8.8.8', 6), cart('8.8.4.4', '10.9.0.5')] })],
    severity: 'error',
    withheld: [ip('8.8.8.8'), CART],
    missing: [ip('8.8.8.8')],
  },
  {
    code: 'CM-CIDR-007',
    clusters: [
      west,
      { ...central, plain: true },
      late({ plain: true, records: [endpoint('10.2.0.5', 6), endpoint('10.77.0.1', 6)] }),
    ],
    severity: 'error',
    withheld: [ip('10.2.0.5')],
    missing: [ip('10.2.0.5')],
  },
  {
    code: 'CM-ID-001',
    clusters: [west, central, wholeCluster('late', 2, { joinedDay: 9, card: { podCIDRs: ['10.9.0.0/16'] } })],
    severity: 'blocking',
    withheld: OWN('late', 2),
    missing: OWN('late', 2),
  },
  {
    code: 'CM-ID-002',
    clusters: [west, { ...wholeCluster('east', 9), name: 'late', card: { name: 'east' } }],
    severity: 'blocking',
    withheld: OWN('east', 9),
    missing: OWN('east', 9),
  },
  {
    code: 'CM-ID-003',
    clusters: [west, late({ card: { maxConnectedClusters: 511 }, records: [] })],
    severity: 'blocking',
    // In a mesh of 511 its numbers are those of another cluster, too.
    withheld: OWN('late', 9),
    missing: OWN('late', 9),
  },
  {
    code: 'CM-ID-004',
    clusters: [west, late()],
    after(mesh) {
      mesh.card(late(), { uid: 'after the rebuild' });
      mesh.say('late', putEvent(endpoint('10.9.0.6', 6)), deleteEvent(WEB));
    },
    severity: 'error',
    withheld: [ip('10.9.0.6'), WEB],
    missing: [ip('10.9.0.6')],
  },
  {
    code: 'CM-TRUST-008',
    clusters: [west, late({ card: { trust: { spkiPins: ['sha256/old'] } } })],
    after(mesh) {
      mesh.card(late(), { trust: { spkiPins: ['sha256/new'] } });
      mesh.say('late', putEvent(endpoint('10.9.0.6', 6)), deleteEvent(WEB));
    },
    severity: 'blocking',
    withheld: [ip('10.9.0.6'), WEB],
    missing: [ip('10.9.0.6')],
  },
  {
    code: 'CM-IDENT-001',
    clusters: [west, late({ records: [endpoint('10.9.0.6', identityNumber(1, 7))] })],
    severity: 'error',
    withheld: [ip('10.9.0.6')],
    missing: [ip('10.9.0.6')],
  },
  {
    code: 'CM-IDENT-002',
    clusters: [west, late({ records: [endpoint('10.9.0.6', 2)] })],
    severity: 'error',
    withheld: [ip('10.9.0.6')],
    missing: [ip('10.9.0.6')],
  },
  {
    code: 'CM-IDENT-003',
    clusters: [
      west,
      late({
        records: [identity('late', identityNumber(9, 2), labelsOf('west')), endpoint('10.9.0.6', identityNumber(9, 2))],
      }),
    ],
    severity: 'error',
    withheld: [`cilium/state/identities/v1/id/${identityNumber(9, 2)}`, ip('10.9.0.6')],
    missing: [`cilium/state/identities/v1/id/${identityNumber(9, 2)}`, ip('10.9.0.6')],
  },
  {
    code: 'CM-IDENT-004',
    clusters: [west, late({ records: [endpoint('10.9.0.6', identityNumber(9, 2))] })],
    severity: 'warning',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-IDENT-005',
    clusters: [west, late({ records: [identity('late', identityNumber(9), labelsOf('late', 'k8s:app=other'))] })],
    severity: 'warning',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-CFG-001',
    clusters: [west, late({ card: { datapath: { mode: 'native', encryption: 'wireguard' } } })],
    severity: 'error',
    withheld: [ip('10.9.0.5'), 'cilium/state/nodes/v1/late/n1', WEB],
    missing: [ip('10.9.0.5')],
  },
  {
    code: 'CM-CFG-002',
    clusters: [west, late({ card: { versions: { software: '0.1.0', protocol: 3 } } })],
    severity: 'error',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-CFG-003',
    clusters: [west, late({ card: { capabilities: ['service-exports'] } })],
    severity: 'warning',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-CFG-004',
    clusters: [west, late()],
    after: (mesh) => mesh.card(late(), { time: '2026-01-31T23:58:00Z' }, true),
    severity: 'warning',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-SVC-001',
    clusters: [
      west,
      late({
        records: [
          service({
            cluster: 'late',
            id: 9,
            backends: ['10.9.0.5'],
            frontendPorts: { http: { Protocol: 'TCP', Port: 81 }, admin: { Protocol: 'TCP', Port: 9000 } },
          }),
        ],
      }),
    ],
    severity: 'error',
    withheld: [WEB],
    missing: [],
  },
  {
    code: 'CM-SVC-002',
    clusters: [west, late({ records: [service({ cluster: 'late', id: 9, backends: ['10.9.0.5'], frontend: null })] })],
    severity: 'error',
    withheld: [WEB],
    missing: [],
  },
  ...Object.entries({
    'CM-SVC-003': { sessionAffinity: 'ClientIP' },
    'CM-SVC-004': { ...STICKY, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
    'CM-SVC-005': { annotations: { team: 'b' } },
    'CM-SVC-006': { labels: { tier: 'api' } },
    'CM-SVC-007': { internalTrafficPolicy: 'Local' },
    'CM-SVC-008': { trafficDistribution: 'PreferClose' },
    'CM-SVC-009': { ipFamilies: ['IPv6'] },
  }).map(
    ([code, theirs]): Case => ({
      code,
      clusters: [
        wholeCluster('west', 1, { records: [spec('west', code === 'CM-SVC-004' ? STICKY : {})] }),
        late({ records: [spec('late', theirs)] }),
      ],
      severity: 'warning',
      // How a service is exported is told and never held against it: the spec and the service are there as they were sent.
      withheld: [],
      missing: [],
    }),
  ),
  {
    code: 'CM-SVC-010',
    clusters: [
      west,
      late({ records: [service({ cluster: 'late', id: 9, backends: ['10.9.0.5'], more: { shared: false } })] }),
    ],
    severity: 'info',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-SVC-011',
    clusters: [
      { ...west, records: [service({ cluster: 'west', id: 1, backends: [] })] },
      late({ freshness: { state: 'expired', synced: true } }),
    ],
    severity: 'warning',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-FRESH-001',
    clusters: [west, late({ freshness: { state: 'stale', synced: true } })],
    severity: 'warning',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-FRESH-002',
    clusters: [west, late({ freshness: { state: 'fresh', synced: false } })],
    severity: 'info',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-FRESH-003',
    clusters: [
      west,
      late({ freshness: { state: 'fresh', synced: true, historyLost: { before: 'a@9', after: 'b@1' } } }),
    ],
    severity: 'error',
    withheld: [],
    missing: [],
  },
  {
    code: 'CM-REC-001',
    clusters: [
      west,
      late({
        records: [{ key: ip('10.9.0.6'), bytes: bytesOf('{"IP":') }, node('late', 9, '192.168.9.2', undefined, 'n2')],
      }),
    ],
    severity: 'error',
    withheld: [ip('10.9.0.6')],
    missing: [ip('10.9.0.6')],
  },
  {
    code: 'CM-REC-002',
    clusters: [west, late({ records: Array.from({ length: 20 }, (_, at) => endpoint(`10.9.1.${at}`, 6)) })],
    severity: 'error',
    // What is beyond the quota is not even looked at; it is counted in the finding.
    withheld: [],
    missing: Array.from({ length: 8 }, (_, at) => ip(`10.9.1.${at + 12}`)),
  },
];

/** Judged by others, and tested there. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'CM-TRUST':
    'pki/trust, but for 008: what chains and stores say; a peer whose chain does not verify has no link at all',
  'CM-KERN': 'mesh/conflict/kernel.test.ts: what agents report; nothing of a peer is withheld for it',
};

describe('every code', () => {
  test.each(CASES.map((row) => [row.code, row] as const))(
    '%s',
    (code, { clusters, after, severity, withheld, missing }) => {
      const mesh = new AdmittedMesh(clusters, { quota: { records: 16, bytes: 1_000_000 } });
      after?.(mesh);
      const { findings, checks } = mesh.report;
      const found = findings.filter((finding) => finding.code === code);
      expect(found.length, JSON.stringify(findings)).toBeGreaterThan(0);
      expect(found.map((finding) => finding.severity)).toContain(severity);
      expect(checks.find((check) => check.code === code)?.status).toBe('failed');

      const quarantine = mesh.withheld('late');
      expect(Object.keys(quarantine)).toEqual([...withheld].sort());
      for (const codes of Object.values(quarantine)) expect(codes).toContain(code);

      // Everything that is not withheld whole is there, and what is withheld in part is not what it was.
      const sent = new Map(
        clusters.find(({ name }) => name === 'late')?.records?.map(({ key, bytes }) => [key, bytes]),
      );
      for (const key of missing) expect(mesh.admitted('late', key), key).toBeUndefined();
      for (const [key, bytes] of sent) {
        if (missing.includes(key)) continue;
        const admitted = mesh.engine.admitted('late' as never).get(key);
        expect(admitted, key).toBeDefined();
        if (['CM-ID-004', 'CM-TRUST-008', 'CM-IDENT-004'].includes(code)) continue;
        expect(Buffer.compare(admitted ?? Buffer.alloc(0), bytes) === 0, key).toBe(!withheld.includes(key));
      }
    },
  );

  test('is here, or says where it is', () => {
    const here = new Set(CASES.map(({ code }) => code));
    const nowhere = [...CATALOGUE.keys()].filter(
      (code) => !here.has(code) && ELSEWHERE[code.slice(0, code.lastIndexOf('-'))] === undefined,
    );
    expect(nowhere).toEqual([]);
    expect([...here].filter((code) => !CATALOGUE.has(code))).toEqual([]);
  });
});
