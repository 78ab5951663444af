// Whole reports, as people and tools get them, for a few meshes that are worth reading about. `UPDATE_GOLDEN=1` writes them anew;
// commit only the differences that you understand.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  endpoint,
  identity,
  identityNumber,
  judged,
  labelsOf,
  NOW,
  node,
  type SampleCluster,
  service,
  spec,
  wholeCluster,
} from '../../test/samples/mesh.ts';
import { explain } from './explain.ts';

const FOLDER = join(import.meta.dirname, '../../test/golden/conflicts');

const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2, { records: [endpoint('10.2.129.1', identityNumber(2))] });
const east = wholeCluster('east', 3);

const MESHES: Readonly<Record<string, readonly SampleCluster[]>> = {
  'nothing-wrong': [west, central, east],
  'rogue-pod-range': [
    west,
    central,
    east,
    wholeCluster('rogue', 9, {
      card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16'] },
      records: [
        endpoint('10.2.200.1', identityNumber(9)),
        service({ cluster: 'rogue', id: 9, name: 'shop/cart', backends: ['10.2.200.1', '10.9.0.7'] }),
      ],
    }),
  ],
  'join-of-an-overlapping-cluster': [
    west,
    central,
    wholeCluster('new', 9, { joinedDay: null, card: { podCIDRs: ['10.0.0.0/8'], serviceCIDRs: ['172.1.0.0/16'] } }),
  ],
  'duplicate-id-and-name': [
    west,
    central,
    wholeCluster('twin', 2, { joinedDay: 8, card: { podCIDRs: ['10.20.0.0/16'] } }),
    { ...wholeCluster('copy', 4), name: 'fourth', card: { name: 'copy' } },
  ],
  'rebuilt-and-grown': [
    { ...west, card: { podCIDRs: ['10.1.0.0/16', '10.3.0.0/17'] }, admitted: { podCIDRs: ['10.1.0.0/16'] } },
    { ...central, admitted: { uid: 'before-the-rebuild' } },
    east,
  ],
  'borrowed-identities': [
    west,
    wholeCluster('central', 2, {
      records: [
        identity('central', identityNumber(1)),
        endpoint('10.2.0.21', identityNumber(1)),
        endpoint('10.2.0.22', 2),
        endpoint('10.2.0.23', identityNumber(2, 99)),
        identity('central', identityNumber(2, 3), labelsOf('east')),
        endpoint('8.8.8.8', identityNumber(2)),
      ],
    }),
  ],
  'random-403': [
    west,
    {
      name: 'central',
      id: 2,
      records: [
        identity('central', identityNumber(2), labelsOf('central', 'k8s:app=webshop')),
        endpoint('10.2.0.5', identityNumber(2)),
        service({ cluster: 'central', id: 2, backends: ['10.2.0.5'] }),
      ],
    },
  ],
  'plain-cilium-peer': [
    west,
    { name: 'plain', id: 7, plain: true, records: [node('plain', 7, '10.1.0.77', '10.1.9.0/24')] },
  ],
  'exported-otherwise': [
    wholeCluster('west', 1, {
      card: { capabilities: ['service-specs'] },
      records: [
        spec('west', { sessionAffinity: 'ClientIP', labels: { tier: 'web' }, trafficDistribution: 'PreferSameNode' }),
      ],
    }),
    wholeCluster('central', 2, {
      card: { capabilities: ['service-specs'] },
      records: [
        spec('central', {
          exportCreationTimestamp: '2026-01-03T00:00:00Z',
          labels: { tier: 'web', team: 'shop' },
          ipFamilies: ['IPv4', 'IPv6'],
        }),
      ],
    }),
    wholeCluster('older', 3),
    wholeCluster('plain', 7, { plain: true }),
  ],
  'a-stale-peer': [west, { ...central, freshness: { state: 'stale', lastHeartbeatAt: NOW - 75_000, synced: true } }],
};

test.each(Object.entries(MESHES))('%s', (name, clusters) => {
  const { report } = judged('west', clusters);
  const text = { report, explained: report.findings.map(explain) };
  const written = `${JSON.stringify({ ...text, report: { ...report, checks: checksText(report.checks) } }, null, 2)}\n`;
  const path = join(FOLDER, `${name}.json`);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(path, written);
  }
  expect(written).toBe(readFileSync(path, 'utf8'));
});

/** One line a check, so that the file stays readable. */
const checksText = (checks: readonly { readonly code: string; readonly status: string; readonly reason: string }[]) =>
  checks.map(({ code, status, reason }) => `${code} ${status}: ${reason}`);
