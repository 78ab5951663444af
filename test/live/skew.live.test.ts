// Given a cluster of an older version, by what it is told to do without, as peer of a newer one; a newer agent at the older API server, and
// an older agent at the newer one. Then both kernels hold the backends of both and follow changes, services travel whole in both
// directions, nothing flaps, and each report says what differs and what that costs. When the older one is upgraded, and downgraded
// again, the links change over without a backend missing anywhere. Needs root, etcd and the kernel, and `npm run build && make -C bpf` before.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import type { TrustDocument } from '../../apiserver/bundles/trust-document.ts';
import { WITHHOLDABLE } from '../../apiserver/withheld.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import { writeYaml } from '../../lab/yaml-file.ts';
import { ADDRESS_STREAM, TOLD_CERTIFICATES } from '../../mesh/wire/mesh-method.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { etcdctl } from './etcdctl.ts';
import { namedAddresses } from './kernel-rows.ts';
import {
  bringUp,
  emptyMesh,
  nodeOf,
  remove,
  SERVICE,
  serviceOf,
  skipped,
  spec,
  untilWhole,
  witnessNoLoss,
} from './mesh-of.ts';

const WITHIN = { timeout: 20_000, interval: 100 };
/** Longer than anything that is tried again waits, but for the card, which is written once a minute. */
const QUIET_MS = 6_000;
const LATER = ['service-pieces', 'service-specs', 'trust-bundle'];

describe.skipIf(skipped)('a mesh of two versions', () => {
  const mesh = emptyMesh();
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    const newer = { ...spec('west', 1), tuning: { agentsWithhold: [ADDRESS_STREAM, TOLD_CERTIFICATES] } };
    const older = { ...spec('east', 2), tuning: { withhold: WITHHOLDABLE } };
    await bringUp(mesh, [newer, older], new AbortController().signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
  }, 120_000);
  afterAll(() => remove(mesh), 60_000);

  const links = () =>
    Promise.all(
      [west, east].map(async (cluster) => {
        const { peers } = await cluster.status();
        return peers.map(({ name, phase, synced, inPieces, disconnects, failures }) => ({
          ...{ name, phase, synced, inPieces, disconnects, failures },
        }));
      }),
    );
  const agents = async (cluster: LabCluster) =>
    (await cluster.status()).agents.map(({ node, connected, lag }) => ({ node, connected, lag }));
  const trustOf = (cluster: LabCluster) => getJsonOver<TrustDocument>(cluster.apiServer.socket, '/v1/trust');
  const linesOf = async (path: string, text: string) =>
    (await readFile(path, 'utf8')).split('\n').filter((line) => line.includes(text)).length;
  /** How services of the peer were copied into the cluster's own etcd. */
  const copiesOf = async (cluster: LabCluster, peer: LabCluster) => {
    const keys = await etcdctl(cluster, ['get', '--prefix', 'c', '--keys-only']);
    const own = [
      `cilium/cache/services/v1/${peer.name}/`,
      ...['heads', 'slices', 'services'].map((kind) => `clustermesh/v1/cache/${kind}/${peer.name}/`),
    ];
    return own.filter((prefix) => keys.split('\n').some((key) => key.startsWith(prefix)));
  };
  const skewOf = async (cluster: LabCluster) => {
    const { findings, verdict } = await cluster.conflicts();
    return { verdict, found: findings.filter(({ code }) => code === 'CM-CFG-003') };
  };

  /** Ends the API server as an upgrade does, and starts it with what the other version can do. */
  async function becomes(cluster: LabCluster, withhold: readonly string[]): Promise<void> {
    const { apiServer } = cluster;
    writeYaml(apiServer.configFile, { ...parse(await readFile(apiServer.configFile, 'utf8')), withhold });
    await apiServer.process?.stop();
    await apiServer.start();
    await apiServer.ready();
  }

  const reads = async (inPieces: boolean) =>
    vi.waitFor(async () => {
      expect(await links()).toMatchObject([
        [{ name: 'east', phase: 'live', synced: true, inPieces }],
        [{ name: 'west', phase: 'live', synced: true, inPieces }],
      ]);
      for (const cluster of [west, east]) expect((await agents(cluster))[0]).toMatchObject({ connected: true, lag: 0 });
    }, WITHIN);

  test('exchanges whole services in both directions, and stays as it is', { timeout: 60_000 }, async () => {
    await reads(false);
    for (const [cluster, peer] of [
      [west, east],
      [east, west],
    ] as const) {
      expect(await copiesOf(cluster, peer), cluster.name).toEqual([`cilium/cache/services/v1/${peer.name}/`]);
      const added = await serviceOf(peer).startBackend(nodeOf(peer).at);
      serviceOf(peer).announce(added);
    }
    await untilWhole(mesh);

    const before = await links();
    await sleep(systemClock, QUIET_MS);
    expect(await links()).toEqual(before);
    expect(before.flat().map(({ disconnects }) => disconnects)).toEqual([0, 0]);
    for (const cluster of [west, east]) expect(await linesOf(nodeOf(cluster).logFile, 'API server lost')).toBe(0);
  });

  test('says what differs and what it costs', async () => {
    for (const cluster of [west, east]) {
      const { verdict, found } = await skewOf(cluster);
      expect(found, cluster.name).toMatchObject([
        {
          severity: 'warning',
          evidence: { only_one_side: LATER, missing: { east: LATER } },
          effect: { withheld: { backends: 0, endpoints: 0 } },
        },
      ]);
      expect(Object.keys(found[0]?.evidence.cost ?? {})).toEqual(LATER);
      expect(verdict).toBe('ok');
    }
    // Nobody announces to whom would not look.
    expect((await trustOf(west)).peers).toMatchObject([{ name: 'east', announced: null, current: false }]);
    expect((await trustOf(east)).peers).toMatchObject([{ name: 'west', announced: null, current: false }]);
    // The older agent at the newer server does not say what it shows; the newer one at the older server knows no pod's name, and says why once.
    expect((await trustOf(west)).agents).toEqual([{ node: 'west-1', certificate: null, authorities: null }]);
    expect(await namedAddresses(nodeOf(east))).toEqual([]);
    expect(await linesOf(nodeOf(east).logFile, 'UPSTREAM_OLDER')).toBe(1);
  });

  test('changes over when the older one is upgraded, and back, and no backend is missing', {
    timeout: 90_000,
  }, async () => {
    const witness = witnessNoLoss(mesh);
    await becomes(east, []);
    await reads(true);
    await vi.waitFor(async () => {
      for (const cluster of [west, east]) {
        expect((await skewOf(cluster)).found).toEqual([]);
        expect((await trustOf(cluster)).peers).toMatchObject([{ current: true, refusal: null }]);
      }
      expect(await copiesOf(west, east)).toContain('clustermesh/v1/cache/heads/east/');
    }, WITHIN);
    expect(
      await etcdctl(east, ['get', `clustermesh/v1/cache/heads/west/${SERVICE.namespace}/${SERVICE.name}`]),
    ).not.toBe('');

    await becomes(east, WITHHOLDABLE);
    await reads(false);
    await vi.waitFor(async () => {
      expect(await copiesOf(west, east)).toEqual(['cilium/cache/services/v1/east/']);
      expect(await copiesOf(east, west)).toEqual(['cilium/cache/services/v1/west/']);
    }, WITHIN);
    await untilWhole(mesh);
    expect(await witness.end()).toEqual([]);
  });
});
