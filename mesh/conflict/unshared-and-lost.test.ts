// Findings about what a cluster leaves out, and about an etcd that is not the one that was followed.

import { expect, test } from 'vitest';
import { codes, judged, NOW, only, service, wholeCluster } from '../../test/samples/mesh.ts';

const west = wholeCluster('west', 1);
const unshared = {
  ...wholeCluster('east', 3),
  records: [service({ cluster: 'east', id: 3, backends: ['10.3.0.5'], more: { shared: false } })],
};

test('CM-SVC-010: a service that some share and one only publishes is information', () => {
  const { report } = judged('west', [west, wholeCluster('central', 2), unshared]);
  expect(only(report, 'CM-SVC-010')).toMatchObject({
    severity: 'info',
    subject: { cluster: 'east', kind: 'service', key: 'shop/web' },
    other: { clusters: ['central', 'west'] },
    winner: null,
  });
  expect(report.verdict).toBe('ok');
});

test('CM-SVC-010: nobody shares it, or all do: no finding', () => {
  expect(codes(judged('west', [unshared]).report)).toEqual([]);
  expect(codes(judged('west', [west, wholeCluster('east', 3)]).report)).toEqual([]);
});

test('CM-FRESH-003: another etcd, or an older state of it, is an error as long as it is not compared', () => {
  const historyLost = { before: 'a1@90', after: 'b2@3' };
  const freshness = { state: 'fresh', lastHeartbeatAt: NOW, synced: true } as const;
  const lost = judged('west', [west, { ...wholeCluster('east', 3), freshness: { ...freshness, historyLost } }]).report;
  expect(only(lost, 'CM-FRESH-003')).toMatchObject({ severity: 'error', evidence: historyLost });
  const found = judged('west', [west, { ...wholeCluster('east', 3), freshness }]).report;
  expect(found.checks.find(({ code }) => code === 'CM-FRESH-003')).toMatchObject({ status: 'passed' });
});
