// Bugs that others have had in the maps of a load balancer on sockets, each as what an application or an operator saw, against the
// real kernel. The reference of each is that of the Cilium project, where it was found: ours must not have it. Needs root, clang,
// make, iproute2, util-linux and a cgroup2 mount.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath, removeDatapath } from '../../agent/datapath/index.ts';
import { backend, port, service } from '../../agent/desired/sample.ts';
import { backendKey, backendValue } from '../../agent/maps/layout.ts';
import { MAP_NAMES } from '../../agent/maps/port.ts';
import { observe } from '../../agent/reconcile/observe.ts';
import { Rig } from '../../agent/reconcile/rig.ts';
import { localService } from '../../apiserver/publisher/convert/service.ts';
import { readManifest } from '../../apiserver/sources/manifests/manifest.ts';
import { ObjectTable } from '../../apiserver/sources/object-table.ts';
import { refOf, refText } from '../../apiserver/sources/objects.ts';
import { ServiceSlices } from '../../apiserver/sources/service-slices.ts';
import { mergeService } from '../../mesh/merge/service.ts';
import type { ClusterId, ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { Backend, MeshService } from '../../mesh/model/service.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';

const VIP = '172.20.0.10';
const OTHER_VIP = '172.20.0.11';
const ADDRESSES = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6'];
const [A = '', B = '', C = '', D = '', E = '', F = ''] = ADDRESSES;
/** All of two backends are met in 64 calls, but for a chance of 2^-63. */
const CALLS = 64;
const noPause = () => undefined;

describe.skipIf(skipped)('known bugs of others', () => {
  let room: Room;
  let client: Client;
  let maps: Datapath;
  let rig: Rig;
  let places = 0;
  let pinDir: string;

  beforeAll(async () => {
    room = await makeRoom(...ADDRESSES);
    await room.startBackends(...ADDRESSES.map((address) => `${address}:8080`));
    client = await room.startClient();
  });
  beforeEach(async () => {
    places += 1;
    pinDir = `${room.bpffs}/bug${places}`;
    await start();
  });
  afterEach(async () => {
    maps.close();
    await removeDatapath({ pinDir });
  });
  afterAll(() => room?.remove());

  /** An agent on what is pinned, if anything is. */
  async function start(sizes: { readonly services?: number; readonly backends?: number } = {}): Promise<void> {
    maps = await openDatapath({
      pinDir,
      cgroup: room.cgroup,
      sizes: { services: 256, backends: 256, reverseNat: 256, reverseSockets: 4096, ...sizes },
      objectPath: room.objectPath,
      log: silentLog,
    });
    rig = new Rig(maps);
  }

  async function restart(): Promise<void> {
    maps.close();
    await start();
  }

  /** An agent whose maps are of another size from the first row on. */
  async function startAnew(sizes: { readonly services?: number; readonly backends?: number }): Promise<void> {
    maps.close();
    await removeDatapath({ pinDir });
    await start(sizes);
  }

  const web = (...backends: readonly (Backend | string)[]) => service({ key: 'shop/web', frontends: [VIP], backends });
  const other = (...backends: readonly (Backend | string)[]) =>
    service({ key: 'shop/other', frontends: [OTHER_VIP], backends });
  const rows = async () => {
    const counted = MAP_NAMES.map(async (map) => [map, (await maps.dump(map)).length] as const);
    return Object.fromEntries((await Promise.all(counted)).filter(([, count]) => count > 0));
  };
  const slots = async () => {
    const image = await observe(maps, () => 0, noPause);
    return [...image.frontends()].map(({ frontend, slots }) => [
      frontend.name,
      [...slots].map(([slot, { backendId }]) => `${slot} ${image.backend(backendId)?.target.address}`),
    ]);
  };

  /** Addresses that answer at a service, and the errors of calls that do not get there. */
  async function reached(vip = VIP, calls = CALLS): Promise<readonly string[]> {
    const answers = new Set<string>();
    for (let call = 0; call < calls; call += 1) {
      const [, connected = '', answer = ''] = await client.do('open tcp 4', `connect ${vip} 80`, 'recv', 'close');
      answers.add(connected === 'ok' ? (answer.split(' ')[1]?.split(':')[0] ?? answer) : connected);
    }
    return [...answers].sort();
  }

  test('PR 43902: backends that are left out leave no gap between the slots', async () => {
    const terminating = (address: string) => backend(address, { state: 'terminating' });
    const elsewhere = backend(C, { ports: [port(9090, 'admin')] });
    await rig.apply([web(terminating(A), B, elsewhere, terminating(D), E, 'fd00:1::7')]);
    expect(await slots()).toEqual([[`${VIP}:80/TCP`, [`1 ${B}`, `2 ${E}`, `3 ${A}`, `4 ${D}`]]]);
    expect(await reached()).toEqual([B, E]);
    await rig.apply([web(A, terminating(B), elsewhere, D, terminating(E), terminating(F))]);
    expect(await reached()).toEqual([A, D]);
    await rig.settle();
    expect(await rig.differences()).toEqual([]);
  });

  test('PR 48919: attempts that fail again and again leave nothing behind', async () => {
    await startAnew({ services: 8, backends: 3 });
    await rig.apply([web(A, B)]);
    const full = await rows();
    for (let attempt = 0; attempt < 50; attempt += 1) {
      await rig.apply([web(A, B), other(C, D, E)]);
      rig.clock.advance(10_000);
      await rig.pass();
      // Rows of the other agent that come between the reading and the writing: the map is full only when it is written.
      await maps.update('backends', [strayBackend(7_000)]);
      await rig.apply([web(A, C), other(C)]);
      await rig.settle();
      await rig.apply([web(A, B)]);
      await rig.settle();
    }
    expect(await rows()).toEqual(full);
    expect(rig.reconciler.ids.backends.inUse).toBe(2);
    expect(await rig.differences()).toEqual([]);
  });

  test('PR 48919: what a client was kept with before a restart does not outlive the backend', async () => {
    const sticky = (...backends: readonly string[]) =>
      service({ key: 'shop/web', frontends: [VIP], backends, clientIPTimeoutSeconds: 3_600 });
    await rig.apply([sticky(A, B)]);
    const [kept = ''] = await reached();
    await restart();
    await rig.apply([sticky(kept === A ? B : A)]);
    await rig.settle();
    expect(await reached()).toEqual([kept === A ? B : A]);
    expect(await rig.differences()).toEqual([]);
  });

  test('PR 40288: an endpoint that moves to another slice in one change never leaves its service', async () => {
    const desire = await meshServices(slice('one', [A, B]), slice('two', [C]));
    await rig.apply(desire);
    const before = await slots();
    const storm = client.ask(`storm ${VIP} 80 400`);
    await rig.apply(await meshServices(slice('one', [A]), slice('two', [C, B])));
    await rig.apply(await meshServices(slice('two', [A, B, C])));
    await rig.settle();
    expect(await slots()).toEqual(before);
    expect(failuresOf(await storm)).toEqual({ failed: 0, errno: 0 });
  });

  test('PR 40288: a backend that moves to another service in one change is in both maps throughout', async () => {
    await rig.apply([web(A), other(C)]);
    const storm = client.ask(`storm ${VIP} 80 400`);
    await rig.apply([web(B), other(A, C)]);
    await rig.settle();
    await rig.apply([web(A), other(B, C)]);
    await rig.settle();
    expect(failuresOf(await storm)).toEqual({ failed: 0, errno: 0 });
    expect(await reached(VIP)).toEqual([A]);
    expect(await reached(OTHER_VIP)).toEqual([B, C]);
  });

  test('PR 44711: what went while nobody listened goes with the next full list', async () => {
    await rig.apply([web(A, B, C), other(D, E)]);
    await restart();
    await rig.apply([web(B)]);
    await rig.settle();
    expect(await reached()).toEqual([B]);
    expect(await rows()).toEqual({ services: 2, backends: 1, reverseNat: 1 });
  });

  test('issue 45981: an agent that does not know the mesh yet empties no map', async () => {
    await rig.apply([web(A, B), other(C, D)]);
    const before = await rows();
    await restart();
    await rig.reconciler.observe();
    rig.clock.advance(600_000);
    await rig.reconciler.verify();
    await expect(rig.pass()).rejects.toThrow('nothing is desired yet');
    expect(await rows()).toEqual(before);
    expect(await reached()).toEqual([A, B]);
  });

  test('issue 45981: a map that somebody emptied is filled again by the next look at it, and counted', async () => {
    await rig.apply([web(A, B)]);
    const backends = await maps.dump('backends');
    await maps.remove(
      'backends',
      backends.map(({ key }) => key),
    );
    expect(await reached(VIP, 1)).toEqual([`error ${maps.rejectsWith === 'EHOSTUNREACH' ? 113 : 1}`]);
    expect(await rig.reconciler.verify()).toBe(2);
    await rig.pass();
    expect(await reached()).toEqual([A, B]);
  });

  test('issue 48271: as soon as a change is in the maps, nobody reaches a backend that is gone', async () => {
    await rig.apply([web(A, B, C)]);
    expect(await reached()).toEqual([A, B, C]);
    await rig.apply([web(A)]);
    expect(await reached()).toEqual([A]);
    await rig.apply([web(B, C)]);
    expect(await reached()).toEqual([B, C]);
  });

  test('issue 23551: backends that come and go for long do not fill the map', async () => {
    await startAnew({ services: 64, backends: 16 });
    for (let round = 0; round < 500; round += 1) {
      const passing = Array.from({ length: 6 }, (_, index) => `10.1.${1 + (round % 250)}.${1 + index}`);
      const { complete } = await rig.apply([web(A, ...passing)]);
      expect(complete).toBe(true);
      expect(rig.reconciler.refusals()).toEqual([]);
      await rig.settle();
    }
    await rig.apply([web(A)]);
    await rig.settle();
    expect(await rows()).toEqual({ services: 2, backends: 1, reverseNat: 1 });
    expect(await reached(VIP, 4)).toEqual([A]);
  });

  test('PR 5502: the order in which backends are told does not move them between slots', async () => {
    // As no snapshot has them: sorted they are, but nothing here relies on it.
    const told = (...addresses: readonly string[]) => ({ ...web(), backends: addresses.map((each) => backend(each)) });
    await rig.apply([told(A, B, C, D)]);
    const before = await slots();
    await rig.apply([told(D, B, C, A)]);
    expect(await slots()).toEqual(before);
    await restart();
    expect(await rig.apply([told(C, A, D, B)])).toEqual({ complete: true, written: 0, removed: 0 });
    expect(await slots()).toEqual(before);
    await rig.apply([told(D, C, A)]);
    await rig.settle();
    expect(await slots()).toEqual([[`${VIP}:80/TCP`, [`1 ${A}`, `2 ${D}`, `3 ${C}`]]]);
  });
});

const strayBackend = (id: number) => ({
  key: backendKey(id),
  value: backendValue({ address: backend(F).address, port: 1, protocol: 'TCP', state: 'active', clusterId: 2 }),
});

/** `ok SUCCEEDED FAILED LAST-ERRNO`, of calls that were made at all. */
function failuresOf(storm: string): { readonly failed: number | undefined; readonly errno: number | undefined } {
  const [, succeeded = 0, failed, errno] = storm.split(' ').map(Number);
  expect(succeeded).toBeGreaterThan(50);
  return { failed, errno };
}

const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, annotations: {service.cilium.io/global: "true"}}
spec: {clusterIP: ${VIP}, selector: {app: web}, ports: [{port: 80}]}`;

const slice = (name: string, addresses: readonly string[]) => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [${addresses.map((address) => `{addresses: [${address}]}`).join(', ')}]`;

/** What an API server makes of a service and its slices. */
async function meshServices(...slices: readonly string[]): Promise<readonly MeshService[]> {
  const { manifest } = await readManifest([SERVICE, ...slices].join('\n'), new Map());
  const objects = new ObjectTable();
  objects.replaceAll(new Map(manifest.objects.map(({ object }) => [refText(refOf(object)), object])));
  const byService = new ServiceSlices(objects);
  byService.touchedBy([...objects.endpointSlices.keys()].map((key) => ({ kind: 'EndpointSlice', key })));
  const name = 'west' as ClusterName;
  const own = objects.services.get('shop/web');
  const local = own && localService(own, { name, id: 1 as ClusterId }, byService.slicesOf('shop/web' as ServiceKey));
  const merged = mergeService({ cluster: name, local, remotes: [] });
  return merged === undefined ? [] : [merged];
}
