// Given two clusters and a third whose pods' range lies in part inside one's, when it is connected, then no API server's snapshot and no kernel
// map ever has a backend inside the part that meets, while its other pod is served everywhere; and on its own nodes its own pods stay.
// Needs root, etcd and etcdctl, cgroup2, bpffs, a kernel that takes the programs, and the built programs (npm run build). Takes ten seconds.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LookupDocument } from '../../agent/addresses/document.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import { BACKEND_PORT } from '../../lab/service.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { containsAddress, type Prefix, parsePrefix } from '../../mesh/model/prefix.ts';
import { FINDING_DATES_KEY } from '../../mesh/wire/finding-dates.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { etcdctl } from './etcdctl.ts';
import { kernelRows, namedAddresses, servedRows } from './kernel-rows.ts';
import { bringUp, emptyMesh, remove, SERVICE, serviceOf, skipped, spec, WHOLE_WITHIN_MS } from './mesh-of.ts';

const WITHHELD = '10.2.128.0/17';
const OVERLAP = 'CM-CIDR-001';
const LOOK_MS = 20;

describe.skipIf(skipped)('a cluster whose range of pods meets another', () => {
  const stop = new AbortController();
  const mesh = emptyMesh();
  let rogue: LabCluster;
  let others: readonly LabCluster[];

  beforeAll(async () => {
    await bringUp(mesh, [spec('west', 1), spec('central', 2)], stop.signal);
    others = [mesh.cluster('west'), mesh.cluster('central')];
    // A node in each of its ranges, and a pod of the service on each node.
    const ranges = { podCIDRs: [WITHHELD, '10.4.0.0/16'], nodes: ['rogue-1', 'rogue-2'] };
    const [added] = await mesh.addClusters([{ ...spec('rogue', 4), ...ranges }], stop.signal);
    if (added === undefined) throw new Error('no rogue');
    rogue = added;
    await mesh.startAgents([rogue], stop.signal);
    const service = rogue.addService(SERVICE);
    service.announce(...(await Promise.all(rogue.nodes.map(({ at }) => service.startBackend(at)))));
  }, 120_000);

  afterAll(async () => {
    stop.abort();
    await remove(mesh);
  }, 60_000);

  test('has its backends in that part in no snapshot and no map, and the others everywhere', async () => {
    const withheld = prefixOf(WITHHELD);
    const pods = serviceOf(rogue).backends.map(({ address }) => address);
    const [conflicting, harmless] = [true, false].map((inside) => pods.find((pod) => lies(pod, withheld) === inside));
    if (conflicting === undefined || harmless === undefined) throw new Error('rogue needs a pod in each of its ranges');
    const trespasses = new Set<string>();
    const watching = watch(others, (where, backend) => {
      if (lies(backend.slice(0, backend.lastIndexOf(':')), withheld)) trespasses.add(`${where}: ${backend}`);
    });

    for (const cluster of others) {
      await cluster.addPeer(rogue);
      await rogue.addPeer(cluster);
    }
    const own = others.flatMap((cluster) => serviceOf(cluster).backends.map(({ address }) => address));
    await untilServed(others, [...own, harmless]);
    // Whose they are is known on every node: of all peers' pods, but for the one in the part that meets.
    for (const cluster of others) {
      const peers = [...others.filter((other) => other !== cluster), rogue].flatMap((peer) => serviceOf(peer).backends);
      const known = peers.map(({ address }) => address).filter((address) => address !== conflicting);
      for (const node of cluster.nodes) {
        await vi.waitFor(async () => expect(await namedAddresses(node)).toEqual(known.map((at) => `${at}/32`).sort()), {
          timeout: WHOLE_WITHIN_MS,
          interval: 50,
        });
        const lookup = async (address: string) =>
          (await getJsonOver<LookupDocument>(node.socket, `/v1/maps/lookup?address=${address}`)).found;
        const owner = serviceOf(rogue).backends.find(({ address }) => address === harmless);
        expect(await lookup(harmless)).toMatchObject({
          prefix: `${harmless}/32`,
          cluster: 'rogue',
          node: 'rogue-2',
          pod: `demo/${owner?.pod}`,
        });
        expect(await lookup(conflicting)).toBeNull();
      }
    }
    // The loser withholds nothing of its own; of the others' pods none lies in the part that meets.
    await untilServed([rogue], [...own, ...pods]);
    for (const cluster of others) {
      const finding = (await cluster.conflicts()).findings.find(({ code }) => code === OVERLAP);
      expect(finding).toMatchObject({ winner: 'central', subject: { cluster: 'rogue', value: WITHHELD } });
      expect(finding?.effect).toMatchObject({ withheld: { backends: 1 }, services: ['demo/echo'] });
    }

    // The pod is announced anew, with the finding long there: each time it is judged again.
    const [pod] = serviceOf(rogue).backends.filter(({ address }) => address === conflicting);
    if (pod === undefined) throw new Error(`no pod at ${conflicting}`);
    serviceOf(rogue).withdraw(pod);
    await untilServed([rogue], [...own, harmless]);
    serviceOf(rogue).announce(pod);
    await untilServed([rogue], [...own, ...pods]);
    await untilServed(others, [...own, harmless]);
    await watching.end();
    expect([...trespasses]).toEqual([]);
  }, 120_000);

  test('is found since the same moment when the API server is another process', async () => {
    const [west] = others;
    if (west === undefined) throw new Error('no west');
    const found = async () => (await west.conflicts()).findings.find(({ code }) => code === OVERLAP);
    const before = await found();
    if (before === undefined) throw new Error('nothing was found');
    await vi.waitFor(
      async () => expect(await etcdctl(west, ['get', FINDING_DATES_KEY])).toContain(before.fingerprint),
      { timeout: WHOLE_WITHIN_MS, interval: 200 },
    );
    await west.apiServer.kill();
    await west.apiServer.start();
    await west.apiServer.ready(stop.signal);
    await vi.waitFor(async () => expect(await found()).toMatchObject({ since: before.since }), {
      timeout: WHOLE_WITHIN_MS,
      interval: 200,
    });
  }, 60_000);
});

const prefixOf = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value.prefix;
};

const lies = (address: string, prefix: Prefix): boolean => containsAddress(prefix, address as IpAddress);

/** The API servers and all kernels of these clusters lead the service to these addresses and no others. */
async function untilServed(clusters: readonly LabCluster[], addresses: readonly string[]): Promise<void> {
  const backends = addresses.map((address) => `${address}:${BACKEND_PORT}`).sort();
  await vi.waitFor(
    async () => {
      for (const cluster of clusters) {
        const { clusterIP, port } = serviceOf(cluster).spec;
        const wanted = { [`${clusterIP}:${port}`]: backends };
        expect((await servedRows(cluster.apiServer)).services, `${cluster.name} says`).toEqual(wanted);
        for (const node of cluster.nodes) {
          expect(await kernelRows(node), `${node.name} has`).toEqual({ services: wanted, astray: [] });
        }
      }
    },
    { timeout: WHOLE_WITHIN_MS, interval: 50 },
  );
}

/** Looks at snapshots and kernels all the time, at whatever backend they have. */
function watch(clusters: readonly LabCluster[], see: (where: string, backend: string) => void) {
  let ended = false;
  const look = async () => {
    while (!ended) {
      for (const cluster of clusters) {
        for (const backend of Object.values((await servedRows(cluster.apiServer)).services).flat())
          see(cluster.name, backend);
        for (const node of cluster.nodes) {
          for (const backend of Object.values((await kernelRows(node)).services).flat()) see(node.name, backend);
          for (const prefix of await namedAddresses(node)) see(node.name, prefix.replace('/', ':'));
        }
      }
      await sleep(systemClock, LOOK_MS);
    }
  };
  const watching = look();
  // A test that fails before it asks the watch fails for its own reason.
  watching.catch(() => {});
  return {
    async end() {
      ended = true;
      await watching;
    },
  };
}
