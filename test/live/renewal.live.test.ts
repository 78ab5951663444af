// Given a cluster whose agent follows its API server, when nothing renews what the API server shows, then it says so long before the
// end, and no more once `trust renew --watch` runs; and when every certificate is exchanged, then no stream ends. The real command
// and real programs on loopback. Needs etcd, and `npm run build` before.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { streamEvents } from '../../cli/event-stream.ts';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { getOver } from '../../lab/http.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import type { LabNode } from '../../lab/node.ts';
import { startProcess } from '../../lab/process.ts';
import { programLine } from '../../lab/programs.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import { readAuthority } from '../../pki/authority-files.ts';
import { writePair } from '../../pki/files.ts';
import { issue } from '../../pki/issue.ts';
import { LeafFolder } from '../../pki/renew/leaf-folder.ts';
import type { StandingLeaf } from '../../pki/renew/standing.ts';
import { systemClock } from '../../runtime/clock.ts';
import { remove, spec } from './mesh-of.ts';

const HOUR_MS = 3_600_000;
/** Files are read within 10 s, and judged again within 30. */
const NOTICED = { timeout: 50_000, interval: 500 };

describe.skipIf(skippedWithout('etcd'))('certificates that live a day', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let node: LabNode;
  beforeAll(async () => {
    await mesh.open();
    const signal = new AbortController().signal;
    [west = mesh.cluster('west')] = await mesh.addClusters([spec('west', 1)], signal);
    await mesh.startAgents([west], signal);
    [node = node] = west.nodes;
  });
  afterAll(() => remove(mesh));

  const http = () => `https://127.0.0.1:${west.places.control.servers[0]?.http}`;
  /** One stream of an administrator, over TLS, for as long as it lasts. */
  function followReports(signal: AbortSignal) {
    const seen: { readonly findings: string[][]; failure?: unknown } = { findings: [] };
    const follow = async () => {
      const place = { server: http(), pki: west.folder.pki };
      for await (const { value } of streamEvents(place, '/v1/conflicts?category=trust', signal)) {
        const { findings } = value as Report;
        seen.findings.push(findings.map(({ code, evidence }) => `${code} ${evidence.used_for}`));
      }
      if (!signal.aborted) throw new Error('the stream ended');
    };
    follow().catch((error: unknown) => {
      seen.failure = error;
    });
    return seen;
  }
  const trustFindings = async () =>
    (await west.conflicts()).findings
      .filter(({ category }) => category === 'trust')
      .map(({ code, subject, evidence }) => [code, subject.cluster, evidence.used_for]);
  /** Of the same names, and due for four hours. */
  async function issuedHoursAgo(hours: number, { place, certificate }: StandingLeaf): Promise<void> {
    const stored = await readAuthority(west.layout, west.plan.name);
    if (stored === undefined) throw new Error('the cluster has no authority');
    const names = certificate?.subjectAltName?.split(', ') ?? [];
    const issued = await issue({
      ...place,
      authority: stored.authority,
      dnsNames: names.includes('DNS:localhost') ? ['localhost'] : [],
      ips: names.filter((name) => name.startsWith('IP')).map((name) => name.slice('IP Address:'.length)),
      now: Date.now() - hours * HOUR_MS,
      ttlMs: 24 * HOUR_MS,
    });
    await writePair(place.paths, issued);
  }
  const metric = async (socket: string, certificate: string) => {
    const { body } = await getOver(socket, '/metrics');
    const line = new RegExp(`certificate_expiry_timestamp_seconds\\{certificate="${certificate}"\\} (\\S+)`).exec(body);
    return Number(line?.[1]) * 1_000;
  };

  test('are a finding when nothing renews them, and are renewed under open streams', { timeout: 180_000 }, async () => {
    const leaves = new LeafFolder({ dir: west.layout.dir });
    const before = await leaves.standing();
    const stop = new AbortController();
    const reported = followReports(stop.signal);
    for (const leaf of before) await issuedHoursAgo(20, leaf);
    await vi.waitFor(async () => {
      expect(await trustFindings()).toEqual(
        ['door', 'etcd', 'http', 'peer', 'rpc'].map((use) => ['CM-TRUST-005', 'west', use]),
      );
      expect(await metric(node.socket, 'agent')).toBeLessThan(Date.now() + 4.1 * HOUR_MS);
    }, NOTICED);
    expect(JSON.parse((await getOver(node.socket, '/v1/status')).body).health.tls).toMatchObject({ state: 'degraded' });
    // Who follows is told once a second at most, and renewing takes less.
    const told = expect.arrayContaining(['CM-TRUST-005 http']);
    await vi.waitFor(() => expect(reported.findings).toContainEqual(told), NOTICED);

    const events: { readonly event: string; readonly for?: string }[] = [];
    const renewer = await startProcess({
      ...programLine('cli/main', ['trust', 'renew', '--watch', '--dir', west.layout.dir, '-o', 'json']),
      name: 'renewer',
      logFile: join(west.folder.logs, 'renewer.log'),
      onLine: (line) => events.push(JSON.parse(line)),
    });
    try {
      await vi.waitFor(async () => {
        expect(await trustFindings()).toEqual([]);
        for (const use of ['door', 'etcd', 'http', 'peer', 'rpc']) {
          expect(await metric(west.apiServer.socket, use)).toBeGreaterThan(Date.now() + 23 * HOUR_MS);
        }
        expect(await metric(node.socket, 'agent')).toBeGreaterThan(Date.now() + 23 * HOUR_MS);
      }, NOTICED);
    } finally {
      expect(await renewer.stop()).toEqual({ code: 0, signal: null });
    }
    expect(events.filter(({ event }) => event === 'renewed')).toHaveLength(before.length);

    // One stream of findings, over TLS, that has seen them come and go; whoever comes anew is shown the new certificate.
    await vi.waitFor(() => expect(reported.findings.at(-1)).toEqual([]), NOTICED);
    expect(reported.failure).toBeUndefined();
    stop.abort();
    expect(await runCli(west.apiServer.socket, ['status', '--server', http(), '--pki', west.folder.pki])).toMatchObject(
      {
        status: 0,
      },
    );

    // One stream from the start to the end, which still carries what changes.
    const followed = readFileSync(node.logFile, 'utf8').match(/following API server/g);
    expect(followed).toHaveLength(1);
    const { agents } = await west.status();
    expect(agents.map(({ node, connected }) => [node, connected])).toEqual([['west-1', true]]);
    const { revision } = (await west.status()).snapshot;
    west.addService({ namespace: 'demo', name: 'later', port: 80 });
    await vi.waitFor(async () => {
      const status = await west.status();
      expect(status.snapshot.revision).toBeGreaterThan(revision ?? 0);
      expect(status.agents[0]?.lag).toBe(0);
    }, NOTICED);
  });
});
