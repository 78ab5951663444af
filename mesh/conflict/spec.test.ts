// Given clusters that export one service, and not alike, when their exports are compared, then each that differs from the oldest
// export is found once for what it differs in, on every cluster in the same way; and what was not compared has not passed.

import { describe, expect, test } from 'vitest';
import { codes, judged, only, type SampleCluster, service, spec, wholeCluster } from '../../test/samples/mesh.ts';
import type { Report } from './report.ts';

const SPECS = { card: { capabilities: ['service-specs'] } };
const exporting = (name: string, id: number, more: object = {}, cluster: Partial<SampleCluster> = {}) =>
  wholeCluster(name, id, { ...SPECS, ...cluster, records: [spec(name, more)] });
const OLD = { exportCreationTimestamp: '2026-01-01T00:00:00Z' };

const RULES: readonly (readonly [code: string, reason: string, theirs: object, subject: string, other: string])[] = [
  ['CM-SVC-003', 'SessionAffinityConflict', { sessionAffinity: 'ClientIP' }, 'ClientIP', 'None'],
  ['CM-SVC-005', 'AnnotationsConflict', { annotations: { team: 'a' } }, 'team=a', 'none'],
  ['CM-SVC-006', 'LabelsConflict', { labels: { tier: 'web' } }, 'tier=web', 'none'],
  ['CM-SVC-007', 'InternalTrafficPolicyConflict', { internalTrafficPolicy: 'Local' }, 'Local', 'Cluster'],
  ['CM-SVC-008', 'TrafficDistributionConflict', { trafficDistribution: 'PreferSameNode' }, 'PreferSameNode', 'none'],
  ['CM-SVC-009', 'IPFamilyConflict', { ipFamilies: ['IPv6', 'IPv4'] }, 'IPv4, IPv6', 'IPv4'],
];
const CODES = ['CM-SVC-004', ...RULES.map(([code]) => code)].sort();
const checksOf = ({ checks }: Report) => checks.filter(({ code }) => CODES.includes(code));
const statuses = (report: Report) => [...new Set(checksOf(report).map(({ status }) => status))];

describe('what differs', () => {
  test.each(RULES)('%s: %s', (code, reason, theirs, subject, other) => {
    // The newer export is of the cluster that joined first: what counts is the age of the export.
    for (const local of ['west', 'central', undefined]) {
      const { report, mesh } = judged(local, [exporting('west', 1, theirs), exporting('central', 2, OLD)]);
      expect(codes(report)).toEqual([code]);
      expect(only(report, code)).toMatchObject({
        severity: 'warning',
        subject: { cluster: 'west', kind: 'service', key: 'shop/web', value: subject },
        other: { cluster: 'central', kind: 'service', key: 'shop/web', value: other },
        evidence: { reason, oldest_export: '2026-01-01T00:00:00Z', disagree: '1 of 2 clusters' },
        winner: 'central',
        effect: { withheld: { backends: 0, ports: 0, specs: 0 } },
      });
      expect([...mesh.clusters.values()].flatMap(({ held }) => [...held.keys()])).toEqual([]);
    }
  });

  test('CM-SVC-004: how long clients stay, where both keep them at all', () => {
    const sticky = (timeoutSeconds?: number) => ({
      sessionAffinity: 'ClientIP',
      ...(timeoutSeconds === undefined ? {} : { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }),
    });
    const { report } = judged('west', [
      exporting('west', 1, sticky(60)),
      exporting('central', 2, { ...OLD, ...sticky() }),
    ]);
    expect(codes(report)).toEqual(['CM-SVC-004']);
    expect(only(report, 'CM-SVC-004')).toMatchObject({
      subject: { cluster: 'west', value: 'timeoutSeconds 60' },
      other: { cluster: 'central', value: 'timeoutSeconds 10800' },
    });
    // Kubernetes writes its default out; nobody else needs to.
    expect(
      codes(judged('west', [exporting('west', 1, sticky(10_800)), exporting('central', 2, sticky())]).report),
    ).toEqual([]);
    // Where one keeps clients and the other does not, that is one finding and not two.
    expect(codes(judged('west', [exporting('west', 1, sticky(60)), exporting('central', 2)]).report)).toEqual([
      'CM-SVC-003',
    ]);
  });

  test('labels and annotations are told by what differs in them, and not at any length', () => {
    const { report } = judged('west', [
      exporting('west', 1, { ...OLD, labels: { tier: 'web', team: 'a' }, annotations: { doc: 'x'.repeat(5_000) } }),
      exporting('central', 2, { labels: { tier: 'web', team: 'b' } }),
    ]);
    expect(only(report, 'CM-SVC-006').evidence).toMatchObject({ only_in: { west: ['team=a'], central: ['team=b'] } });
    expect(JSON.stringify(only(report, 'CM-SVC-005')).length).toBeLessThan(2_000);
  });

  test.each([
    [
      'two names of one distribution',
      { trafficDistribution: 'PreferClose' },
      { trafficDistribution: 'PreferSameZone' },
    ],
    ['the order of families', { ipFamilies: ['IPv4', 'IPv6'] }, { ipFamilies: ['IPv6', 'IPv4'] }],
    ['a default that is written out', { internalTrafficPolicy: null }, { internalTrafficPolicy: 'Cluster' }],
    ['the age of the export', OLD, {}],
    ['fields of a later version', { later: 1 }, { later: 2 }],
  ])('%s is no difference', (_, ours, theirs) => {
    const { report } = judged('west', [exporting('west', 1, ours), exporting('central', 2, theirs)]);
    expect(codes(report)).toEqual([]);
    expect(statuses(report)).toEqual(['passed']);
  });

  test('one finding for each cluster that differs from the oldest export, none between those', () => {
    const policy = (internalTrafficPolicy: string) => ({ internalTrafficPolicy });
    const { report } = judged('west', [
      exporting('west', 1, policy('Local')),
      exporting('central', 2, { ...OLD, ...policy('Cluster') }),
      exporting('east', 3, policy('Local')),
      exporting('north', 4, policy('Cluster')),
    ]);
    expect(
      report.findings.map(({ code, subject, winner, evidence }) => [code, subject.cluster, winner, evidence.disagree]),
    ).toEqual([
      ['CM-SVC-007', 'east', 'central', '2 of 4 clusters'],
      ['CM-SVC-007', 'west', 'central', '2 of 4 clusters'],
    ]);
  });
});

describe('whose export counts', () => {
  const local = { internalTrafficPolicy: 'Local' };
  const winner = (...clusters: readonly SampleCluster[]) => only(judged('west', clusters).report, 'CM-SVC-007').winner;

  test('the oldest, whoever joined first', () => {
    expect(winner(exporting('west', 1), exporting('zeta', 2, { ...local, ...OLD }))).toBe('zeta');
  });

  test('of equal age, the first by name', () => {
    expect(winner(exporting('west', 1), exporting('central', 2, local))).toBe('central');
  });

  test('one of unknown age comes last', () => {
    expect(winner(exporting('west', 1, { exportCreationTimestamp: '' }), exporting('zeta', 2, local))).toBe('zeta');
  });

  test('never that of a cluster whose claims do not count', () => {
    const twin = wholeCluster('aaa', 1, {
      ...SPECS,
      joinedDay: 9,
      card: { ...SPECS.card, podCIDRs: ['10.9.0.0/16'] },
      records: [spec('aaa', { ...local, ...OLD })],
    });
    expect(winner(exporting('west', 1), twin)).toBe('west');
  });
});

describe('what was not compared has not passed', () => {
  const reasons = (report: Report) => [
    ...new Set(checksOf(report).map(({ status, reason }) => `${status}: ${reason}`)),
  ];

  test('nobody says how services are exported, or only one does', () => {
    const lonely = 'skipped: fewer than two clusters say how they export a service that they share';
    expect(reasons(judged('west', [wholeCluster('west', 1), wholeCluster('central', 2)]).report)).toEqual([lonely]);
    expect(reasons(judged('west', [exporting('west', 1), wholeCluster('central', 2)]).report)).toEqual([lonely]);
    const { report } = judged('west', [exporting('west', 1), { ...exporting('central', 2), records: [] }]);
    expect(reasons(report)).toEqual(['skipped: no service is shared by several clusters']);
  });

  test.each([
    ['a plain Cilium cluster', wholeCluster('zeta', 3, { plain: true })],
    ['a cluster of an older version', wholeCluster('zeta', 3)],
  ])('%s among others: they are compared, and the verdict does not suffer', (_, silent) => {
    const { report } = judged('west', [exporting('west', 1), exporting('central', 2), silent]);
    expect(reasons(report)).toEqual([
      'skipped: not compared with zeta: how services are exported there is not published, or not whole',
    ]);
    expect(report.verdict).toBe('ok');
    const differing = judged('west', [exporting('west', 1), exporting('central', 2, { labels: { a: 'b' } }), silent]);
    expect(only(differing.report, 'CM-SVC-006').subject.cluster).toBe('west');
  });

  test('a cluster that promises it, and of whose service it is not there', () => {
    const { report } = judged('west', [exporting('west', 1), exporting('central', 2), wholeCluster('zeta', 3, SPECS)]);
    expect(reasons(report)).toEqual(['unknown: how some shared services of zeta are exported has not been received']);
    expect(report.verdict).toBe('unknown');
  });

  test('families that one does not name', () => {
    const { report } = judged('west', [exporting('west', 1), exporting('central', 2, { ipFamilies: null })]);
    const found = Object.fromEntries(checksOf(report).map(({ code, status }) => [code, status]));
    expect(found).toMatchObject({ 'CM-SVC-003': 'passed', 'CM-SVC-009': 'skipped' });
  });

  test('families that a headless service need not name leave the check of all the others as it is', () => {
    const both = (name: string, id: number) =>
      wholeCluster(name, id, {
        ...SPECS,
        records: [
          spec(name),
          service({ cluster: name, id, backends: [`10.${id}.0.5`], name: 'shop/db' }),
          spec(name, { type: 'Headless', ports: null, ipFamilies: null }, 'shop/db'),
        ],
      });
    const { report } = judged('west', [both('west', 1), both('central', 2)]);
    expect(statuses(report)).toEqual(['passed']);
  });
});

test('an export that is none is CM-REC-001 with its place, and the one before it stays', () => {
  const bad = spec('central', { type: 'ClusterIP', ipFamilies: ['v4'] });
  const { report, mesh } = judged('west', [exporting('west', 1), { ...exporting('central', 2), records: [bad] }]);
  expect(only(report, 'CM-REC-001')).toMatchObject({
    subject: { cluster: 'central', kind: 'specs', key: bad.key },
    evidence: {
      problems: [
        { field: 'type', reason: '"ClusterIP" is none of ClusterSetIP, Headless' },
        { field: 'ipFamilies[0]', reason: '"v4" is none of IPv4, IPv6' },
      ],
      previous_value_kept: false,
    },
    effect: { withheld: { specs: 1, examples: [bad.key] } },
  });
  expect(mesh.indexes.specs.of('shop/web' as never, 'central' as never)).toBeUndefined();
});
