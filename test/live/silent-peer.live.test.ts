// Given two clusters, when the API server of one is frozen, then the other keeps its backends while it counts as fresh, prefers
// its own once it is stale, never gives up the last ones that there are, says so (CM-FRESH-001), and takes everything back when
// it is heard again. Needs root, etcd, cgroup2, bpffs, a kernel that takes the programs, and the built programs (npm run build).
// Takes about a minute.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LabService } from '../../lab/service.ts';
import type { Traffic } from '../../lab/traffic.ts';
import type { Finding } from '../../mesh/conflict/finding.ts';
import { desiredRows, kernelRows } from './kernel-rows.ts';
import {
  bringUp,
  dialEverywhere,
  emptyMesh,
  failuresOf,
  nodeOf,
  remove,
  serviceOf,
  skipped,
  spec,
  untilWhole,
  WHOLE_WITHIN_MS,
} from './mesh-of.ts';

/** A heartbeat comes every three seconds; one that is late on a busy machine must not count as silence. */
const FRESHNESS = { ageingMs: 8_000, staleMs: 14_000, expiredMs: 600_000 };
const SILENT = 'CM-FRESH-001';

describe.skipIf(skipped)('a peer that is silent', () => {
  const stop = new AbortController();
  const mesh = emptyMesh();
  let only: LabService;
  let traffic: readonly Traffic[];

  beforeAll(async () => {
    await bringUp(mesh, [{ ...spec('west', 1), tuning: { freshness: FRESHNESS } }, spec('east', 2)], stop.signal);
    const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    only = west.addService({ namespace: 'demo', name: 'only-east', port: 80 });
    const there = east.addService({ namespace: 'demo', name: 'only-east', port: 80 });
    there.announce(await there.startBackend(nodeOf(east).at));
    await untilWhole(mesh);
    const dialsOnly = await mesh.startTraffic(nodeOf(west), only.url, 50);
    traffic = [...(await dialEverywhere(mesh, 50)), dialsOnly];
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test('its backends stay, then come last, and are back when it is heard', async () => {
    const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    const whole = desiredRows(mesh, west);
    const own = serviceOf(west).backends.map(({ address }) => `${address}:8080`);
    const [frontend, onlyFrontend] = [serviceOf(west), only].map(({ spec }) => `${spec.clusterIP}:${spec.port}`);
    const silentPeer = async (): Promise<Finding | undefined> =>
      (await west.conflicts()).findings.find(({ code, subject }) => code === SILENT && subject.cluster === 'east');
    const freshness = async () => (await west.status()).peers.map((peer) => peer.freshness);

    east.apiServer.process?.freeze();
    const frozenAt = performance.now();
    await vi.waitFor(async () => expect(await freshness()).toEqual(['ageing']), { timeout: WHOLE_WITHIN_MS });
    expect((await kernelRows(nodeOf(west))).services).toEqual(whole.services);

    const deprioritised = { ...whole.services, [frontend ?? '']: own };
    await vi.waitFor(
      async () => {
        expect((await kernelRows(nodeOf(west))).services).toEqual(deprioritised);
        expect(await silentPeer()).toBeDefined();
      },
      { timeout: WHOLE_WITHIN_MS, interval: 50 },
    );
    expect(await freshness()).toEqual(['stale']);
    expect(performance.now() - frozenAt).toBeGreaterThan(FRESHNESS.staleMs - FRESHNESS.ageingMs);
    expect(deprioritised[onlyFrontend ?? '']).toHaveLength(1);

    east.apiServer.process?.thaw();
    await untilWhole(mesh);
    await vi.waitFor(async () => expect(await silentPeer()).toBeUndefined(), { timeout: WHOLE_WITHIN_MS });
    expect(await freshness()).toEqual(['fresh']);
    expect(failuresOf(traffic)).toEqual([]);
  }, 150_000);
});
