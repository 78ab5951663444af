// Given three clusters that have joined each other, with traffic between two of them, when one replaces its authority and every
// certificate, then no stream is dropped, no connect fails, and in the end the old authority opens no door while the new one does.
// Needs root, etcd and the kernel, and `npm run build && make -C bpf` before.

import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TrustDocument } from '../../apiserver/bundles/trust-document.ts';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { runCommand } from '../../lab/command.ts';
import { getJsonOver } from '../../lab/http.ts';
import { invite } from '../../lab/joining.ts';
import { commandAt } from '../../lab/place.ts';
import type { Pair } from '../../pki/files.ts';
import { parseToken } from '../../pki/join/token.ts';
import { spkiPins } from '../../pki/spki.ts';
import { systemClock } from '../../runtime/clock.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { emptyMesh, failuresOf, nodeOf, remove, SERVICE, serviceOf, skipped, spec, untilWhole } from './mesh-of.ts';

const WITHIN = { timeout: 30_000, interval: 100 };
const RATE = 25;

describe.skipIf(skipped)('a cluster that replaces its authority', () => {
  const mesh = emptyMesh();
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    await mesh.open();
    const signal = new AbortController().signal;
    await mesh.addClusters([spec('west', 1), spec('east', 2), { ...spec('north', 3), nodes: [] }], signal);
    const clusters = [...mesh.clusters.values()];
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    await mesh.startAgents([west, east], signal);
    await mesh.joinAll(clusters);
    for (const cluster of [west, east]) {
      const service = cluster.addService(SERVICE);
      service.announce(...(await Promise.all(cluster.nodes.map(({ at }) => service.startBackend(at)))));
    }
    await untilWhole(mesh);
  }, 180_000);
  afterAll(() => remove(mesh), 60_000);

  const trustOf = (cluster: LabCluster) => getJsonOver<TrustDocument>(cluster.apiServer.socket, '/v1/trust');
  /** On the machine of the API server, where the etcd is too. */
  const rotate = (...args: readonly string[]) =>
    runCli(
      west.apiServer.socket,
      ['trust', 'rotate-ca', '--server', httpOf(west), '--dir', west.folder.pki, ...args, '-o', 'json'],
      west.places.control.place,
    );
  /** Over TLS, whose certificates are replaced meanwhile. */
  const httpOf = ({ places: { control } }: LabCluster) => `https://${control.address}:${control.servers[0]?.http}`;
  const authority = () => readFile(west.layout.authority.cert, 'utf8');
  const agentsOfWest = async () => (await trustOf(west)).agents;
  const digestsIn = async (path: string) =>
    certificatesOf(await readFile(path, 'utf8')).map(({ fingerprint256 }) => fingerprint256);
  /** What west's agent says when it uses the files as they stand. */
  const agentOnDisk = async () => ({
    node: 'west-1',
    certificate: (await digestsIn(west.layout.agent('west-1').cert))[0],
    authorities: await digestsIn(west.layout.authority.cert),
  });
  /** A copy of what west shows at its peers' doors: the files themselves are replaced. */
  async function peerPair(name: string): Promise<Pair> {
    const copy = { cert: join(mesh.dir, `${name}.pem`), key: join(mesh.dir, `${name}-key.pem`) };
    const { cert, key } = west.layout.leaf('peer');
    await copyFile(cert, copy.cert);
    await copyFile(key, copy.key);
    return copy;
  }

  /** Asks at the door of east, as west with this certificate. */
  async function answersAtEast({ cert, key }: Pair): Promise<boolean> {
    const [server] = east.places.control.servers;
    const { command, args } = commandAt(west.places.control.place, {
      command: 'etcdctl',
      args: [
        ...['--endpoints', `https://${east.places.control.address}:${server?.door}`, '--insecure-skip-tls-verify'],
        ...['--cert', cert, '--key', key, '--command-timeout', '3s', 'get', 'cilium/cluster-config/east'],
      ],
    });
    return runCommand(command, args).then(
      (said) => said.includes('cilium/cluster-config/east'),
      () => false,
    );
  }

  /** How often anything was cut off, as the links and agents of all clusters have it. */
  async function interruptions() {
    const found: Record<string, unknown> = {};
    for (const cluster of mesh.clusters.values()) {
      const { peers } = await cluster.status();
      for (const { name, phase, disconnects, failures, synced } of peers as readonly Record<string, unknown>[]) {
        found[`${cluster.name} to ${name}`] = { phase, disconnects, failures, synced };
      }
      for (const node of cluster.nodes) {
        const log = await readFile(node.logFile, 'utf8');
        found[`agent ${node.name}`] = log.split('\n').filter((line) => line.includes('API server lost')).length;
      }
      const log = await readFile(cluster.apiServer.logFile, 'utf8');
      found[`door of ${cluster.name}`] = log
        .split('\n')
        .filter((line) => line.includes('door client sent away')).length;
    }
    return found;
  }

  test('drops no stream and fails no connect, and the old authority opens nothing', { timeout: 240_000 }, async () => {
    await vi.waitFor(async () => {
      for (const cluster of mesh.clusters.values()) {
        const { peers } = await trustOf(cluster);
        expect(peers.map(({ current, refusal }) => [current, refusal])).toEqual([
          [true, null],
          [true, null],
        ]);
      }
    }, WITHIN);
    const traffic = await Promise.all(
      [west, east].map((cluster) => mesh.startTraffic(nodeOf(cluster), serviceOf(cluster).url, RATE)),
    );
    const before = await interruptions();
    const old = await peerPair('old');
    expect(await answersAtEast(old)).toBe(true);

    // Announced beside the old one, and taken by both peers.
    const prepared = await rotate('--prepare');
    expect(prepared, prepared.stderr).toMatchObject({ status: 0 });
    expect(JSON.parse(prepared.stdout)).toMatchObject({ phase: 'prepared' });
    const both = spkiPins([await authority()]);
    expect(both).toHaveLength(2);
    await vi.waitFor(async () => {
      const { bundle, peers } = await trustOf(west);
      expect(bundle?.pins).toEqual(both);
      expect(peers.map(({ current }) => current)).toEqual([true, true]);
    }, WITHIN);
    for (const cluster of mesh.clusters.values()) {
      if (cluster === west) continue;
      expect(spkiPins([await readFile(cluster.layout.trustStore('west'), 'utf8')])).toEqual(both);
    }

    // Agents take it from their files, and say so on the stream that they have.
    await vi.waitFor(async () => expect(await agentsOfWest()).toEqual([await agentOnDisk()]), WITHIN);

    // Who is invited now may come before or behind the change.
    const { token } = await invite(west, { name: 'south' }, systemClock);
    const invited = parseToken(token);
    expect(invited.ok && invited.value.pins).toEqual(both);

    // Etcd does not take it before it is restarted, and nothing is activated before that.
    const etcd = `127.0.0.1:${west.places.control.etcdPort}`;
    const early = await rotate('--activate', '--etcd', etcd);
    expect(early).toMatchObject({ status: 1 });
    expect(JSON.parse(early.stdout)).toMatchObject({
      phase: 'prepared',
      waiting_for: [expect.stringContaining('restart it')],
    });
    await west.etcd.restart();
    await vi.waitFor(async () => {
      const activated = await rotate('--activate', '--etcd', etcd);
      expect(activated, activated.stdout + activated.stderr).toMatchObject({ status: 0 });
    }, WITHIN);
    expect(await answersAtEast(old)).toBe(true);

    // Not before every connection is one of the new certificates; then the old one goes.
    await vi.waitFor(async () => {
      const retired = await rotate('--retire');
      expect(retired, retired.stdout + retired.stderr).toMatchObject({ status: 0 });
    }, WITHIN);
    expect((await agentsOfWest()).map(({ certificate }) => certificate)).toEqual([(await agentOnDisk()).certificate]);
    const [next] = spkiPins([await authority()]);
    expect(spkiPins([await authority()])).toEqual([both[1]]);
    await vi.waitFor(async () => {
      for (const cluster of mesh.clusters.values()) {
        if (cluster === west) continue;
        expect(spkiPins([await readFile(cluster.layout.trustStore('west'), 'utf8')])).toEqual([next]);
      }
      expect((await trustOf(west)).peers.map(({ current }) => current)).toEqual([true, true]);
    }, WITHIN);

    await vi.waitFor(async () => expect(await answersAtEast(old)).toBe(false), WITHIN);
    expect(await answersAtEast(await peerPair('new'))).toBe(true);
    // The door judges open streams every five seconds: whatever it has to end is ended by then.
    const judged = systemClock.monotonic() + 6_000;
    await vi.waitFor(() => expect(systemClock.monotonic()).toBeGreaterThan(judged), WITHIN);

    expect(await interruptions()).toEqual(before);
    const failed = failuresOf(traffic);
    const requests = traffic.flatMap((client) => client.results()).length;
    expect(failed).toEqual([]);
    expect(requests).toBeGreaterThan(RATE * 10);
    for (const client of traffic) {
      expect(Object.keys(client.counts().answeredBy).sort()).toEqual(['east', 'west']);
      await client.stop();
    }
    // Neither west nor its peers, who saw its doors before, ever took the change for an attack.
    for (const cluster of mesh.clusters.values()) {
      const { findings } = await cluster.conflicts();
      expect(findings.filter(({ category }) => category === 'trust')).toEqual([]);
      const log = await readFile(cluster.apiServer.logFile, 'utf8');
      expect(log.split('\n').filter((line) => /CM-TRUST-.*finding appeared/.test(line))).toEqual([]);
    }
    const [{ status }] = [await runCli(west.apiServer.socket, ['trust', 'status', '--dir', west.folder.pki])];
    expect(status).toBe(0);
  });

  test('does all of it with one command, which says when etcd is to be restarted', { timeout: 120_000 }, async () => {
    const north = mesh.cluster('north');
    const [old] = spkiPins([await readFile(north.layout.authority.cert, 'utf8')]);
    const etcd = `127.0.0.1:${north.places.control.etcdPort}`;
    const command = ['trust', 'rotate-ca', '--dir', north.folder.pki, '--etcd', etcd, '--timeout', '50s', '-o', 'json'];
    const running = runCli(north.apiServer.socket, command, north.places.control.place);
    await vi.waitFor(async () => {
      const { bundle, peers } = await trustOf(north);
      expect(bundle?.pins).toHaveLength(2);
      expect(peers.map(({ current }) => current)).toEqual([true, true]);
    }, WITHIN);
    await north.etcd.restart();
    const { status, stdout, stderr } = await running;
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('activate waits: etcd') });
    expect(JSON.parse(stdout)).toMatchObject({ phase: 'settled', waiting_for: [], pending: [] });
    const pins = spkiPins([await readFile(north.layout.authority.cert, 'utf8')]);
    expect(pins).not.toContain(old);
    for (const cluster of [west, east]) {
      expect(spkiPins([await readFile(cluster.layout.trustStore('north'), 'utf8')])).toEqual(pins);
    }
  });
});
