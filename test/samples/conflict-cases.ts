// A mesh with one thing wrong in it, for each code of the catalogue that is judged over what clusters say. The peer that is wrong is called
// `late`. What the report, the quarantine and an agent make of each is in the tests that go through these.

import type { Severity } from '../../mesh/conflict/finding.ts';
import { type AdmittedMesh, deleteEvent, putEvent } from './admission.ts';
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
} from './mesh.ts';

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

export interface ConflictCase {
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

export const CONFLICT_CASES: readonly ConflictCase[] = [
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
    ([code, theirs]): ConflictCase => ({
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
