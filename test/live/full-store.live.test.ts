// Given two clusters under traffic, when the etcd of one has no space left, then its API server says so with a code, nothing
// leaves a kernel, and what waited is written once an administrator has made room. Needs root, etcd and etcdctl, cgroup2, bpffs,
// a kernel that takes the programs, and the built programs (npm run build). Takes about ten seconds.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isInstalled } from '../../lab/installed.ts';
import type { Traffic } from '../../lab/traffic.ts';
import { etcdctl } from './etcdctl.ts';
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
  witnessNoLoss,
} from './mesh-of.ts';

const WAIT = { timeout: WHOLE_WITHIN_MS, interval: 100 };
/** Room for a small mesh, and soon filled. */
const QUOTA_BYTES = 8 * 1024 * 1024;
const FILLER_BYTES = 1024 * 1024;

describe.skipIf(skipped || (process.env.CI === undefined && !isInstalled('etcdctl')))('an etcd without space', () => {
  const stop = new AbortController();
  const mesh = emptyMesh();
  let traffic: readonly Traffic[];

  beforeAll(async () => {
    const etcdArgs = ['--quota-backend-bytes', String(QUOTA_BYTES)];
    await bringUp(mesh, [{ ...spec('west', 1), tuning: { etcdArgs } }, spec('east', 2)], stop.signal);
    traffic = await dialEverywhere(mesh, 50);
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test('is said, withdraws nothing, and takes what waited once it has room', async () => {
    const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    const witness = witnessNoLoss(mesh);
    const filler = 'x'.repeat(FILLER_BYTES);
    const full = async () => {
      for (let at = 0; ; at += 1) {
        const refused = await etcdctl(west, ['put', `filler/${at}`], filler).then(
          () => undefined,
          (error: Error) => error,
        );
        if (refused !== undefined) return refused.message;
        expect(at).toBeLessThan(QUOTA_BYTES / FILLER_BYTES);
      }
    };
    expect(await full()).toContain('database space exceeded');

    // Own changes cannot be published, and those of peers cannot be taken over.
    for (const cluster of [west, east]) {
      const service = serviceOf(cluster);
      service.announce(await service.startBackend(nodeOf(cluster).at));
    }
    const health = async () => (await west.status()).health;
    await vi.waitFor(async () => {
      const { publish, reflect } = await health();
      expect(publish).toMatchObject({ state: 'degraded', reason: expect.stringContaining('STORE_FULL') });
      expect(reflect).toMatchObject({ state: 'degraded', reason: expect.stringContaining('STORE_FULL') });
    }, WAIT);

    await etcdctl(west, ['del', '--prefix', 'filler/']);
    const [status] = JSON.parse(await etcdctl(west, ['endpoint', 'status', '-w', 'json']));
    await etcdctl(west, ['compact', String(status.Status.header.revision)]);
    await etcdctl(west, ['defrag']);
    await etcdctl(west, ['alarm', 'disarm']);

    await untilWhole(mesh);
    await vi.waitFor(async () => {
      const { publish, reflect } = await health();
      expect([publish?.state, reflect?.state]).toEqual(['ok', 'ok']);
    }, WAIT);
    expect(await witness.end()).toEqual([]);
    expect(failuresOf(traffic)).toEqual([]);
  }, 150_000);
});
