// Given two clusters that export one service with different session affinities, when they are peers, then both say so with the same winner and
// the other properties pass; each has the other's record under a root of its own; and when they are made alike the finding goes.
// Needs etcd, and `npm run build` before.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import { systemClock } from '../../runtime/clock.ts';
import { etcdctl } from './etcdctl.ts';
import { remove, spec } from './mesh-of.ts';

const CODE = 'CM-SVC-003';
const COMPARED = ['004', '005', '006', '007', '008', '009'].map((number) => `CM-SVC-${number}`);
const SEEN_WITHIN = { timeout: 30_000, interval: 200 };

describe.skipIf(skippedWithout('etcd', 'etcdctl'))('a service that two clusters export', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    await mesh.open();
    [west, east] = (await mesh.addClusters([spec('west', 1), spec('east', 2)], new AbortController().signal)) as [
      LabCluster,
      LabCluster,
    ];
    exportFrom(west, { created: '2026-01-05T00:00:00Z', affinity: 'None' });
    exportFrom(east, { created: '2026-01-02T00:00:00Z', affinity: 'ClientIP' });
    await mesh.connect([west, east]);
  }, 120_000);
  afterAll(() => remove(mesh), 60_000);

  test('in two ways, until they are alike', { timeout: 120_000 }, async () => {
    const differing = await Promise.all([west, east].map((cluster) => findingOf(cluster)));
    for (const finding of differing) {
      expect(finding).toMatchObject({
        severity: 'warning',
        subject: { cluster: 'west', key: 'shop/web', value: 'None' },
        other: { cluster: 'east', value: 'ClientIP' },
        evidence: { reason: 'SessionAffinityConflict', oldest_export: '2026-01-02T00:00:00Z' },
        winner: 'east',
        fingerprint: differing[0]?.fingerprint,
      });
    }
    expect(await statusesOf(west, COMPARED)).toEqual(['passed']);
    expect(await keysOf(west, 'clustermesh/v1/')).toEqual([
      'clustermesh/v1/cache/services/east/shop/web',
      'clustermesh/v1/services/west/shop/web',
    ]);

    exportFrom(west, { created: '2026-01-05T00:00:00Z', affinity: 'ClientIP' });
    for (const cluster of [west, east]) {
      await vi.waitFor(
        async () => expect(await statusesOf(cluster, [CODE, ...COMPARED])).toEqual(['passed']),
        SEEN_WITHIN,
      );
    }
    // What is not shared any more is not exported either, and of no cluster is anything left elsewhere.
    exportFrom(east, { created: '2026-01-02T00:00:00Z', affinity: 'ClientIP', shared: false });
    await vi.waitFor(
      async () => expect(await keysOf(west, 'clustermesh/v1/')).toEqual(['clustermesh/v1/services/west/shop/web']),
      SEEN_WITHIN,
    );
  });
});

interface Export {
  readonly created: string;
  readonly affinity: 'None' | 'ClientIP';
  readonly shared?: boolean;
}

function exportFrom(cluster: LabCluster, { created, affinity, shared = true }: Export): void {
  const [range = ''] = cluster.plan.spec.serviceCIDRs;
  writeFileSync(
    join(cluster.folder.manifests, 'web.yaml'),
    `apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  creationTimestamp: "${created}"
  annotations: {service.cilium.io/global: "true", service.cilium.io/shared: "${shared}"}
spec:
  clusterIP: ${range.replace(/0\/\d+$/, '200')}
  sessionAffinity: ${affinity}
  ports: [{name: http, port: 80}]
`,
  );
}

const findingOf = (cluster: LabCluster) =>
  vi.waitFor(async () => {
    const found = (await cluster.conflicts()).findings.find(({ code }) => code === CODE);
    expect(found, cluster.name).toBeDefined();
    return found;
  }, SEEN_WITHIN);

async function statusesOf(cluster: LabCluster, codes: readonly string[]): Promise<readonly string[]> {
  const checks = (await cluster.conflicts()).checks.filter(({ code }) => codes.includes(code));
  return [...new Set(checks.map(({ status, reason }) => (status === 'passed' ? status : `${status}: ${reason}`)))];
}

async function keysOf(cluster: LabCluster, prefix: string): Promise<readonly string[]> {
  const keys = await etcdctl(cluster, ['get', '--prefix', prefix, '--keys-only']);
  return keys.split('\n').filter((key) => /^clustermesh\/v1\/(cache\/)?services\//.test(key));
}
