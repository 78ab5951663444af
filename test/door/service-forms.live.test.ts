// A service at the door in both forms. Given a publisher over a real etcd and the door over its mirror, when slices change, then a
// plain Cilium client reads whole values, as before; a peer that reads pieces gets the one slice; and both say the same once it
// is quiet. What the own cluster keeps for itself is shown to neither. Needs etcd on the PATH, loopback.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPublisher } from '../../apiserver/publisher/publisher.ts';
import { createManifestSource } from '../../apiserver/sources/manifests/manifest-source.ts';
import { type EtcdClient, openEtcd } from '../../apiserver/store/etcd-client.ts';
import type { Mirror, MirrorBatch } from '../../apiserver/store/port.ts';
import { skippedWithout } from '../../lab/installed.ts';
import type { ClusterId } from '../../mesh/model/names.ts';
import type { Result } from '../../mesh/model/result.ts';
import { clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { composeService } from '../../mesh/wire/service-pieces.ts';
import { serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { ownCluster } from '../samples/own-cluster.ts';
import { clientCredentials, type MirroredDoor, OWN, startMirroredDoor } from './mirrored-door.ts';

const PATIENCE = { timeout: 30_000, interval: 20 };
const WHOLE = 'cilium/state/services/v1/west/shop/cart';
const HEAD = 'clustermesh/v1/heads/west/shop/cart';
const SLICES = 'clustermesh/v1/slices/west/shop/cart/';
const CLUSTER = ownCluster({ name: OWN, id: 1 as ClusterId, podCIDRs: [], serviceCIDRs: [] });
const SLICES_COUNT = 5;

const slice = (at: number, addresses: readonly string[]) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: cart-${at}, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [${addresses.map((address) => `{addresses: [${address}]}`).join(', ')}]
`;
const usual = (at: number) => Array.from({ length: 60 }, (_, host) => `10.1.${at}.${host}`);

describe.skipIf(skippedWithout('etcd'))('a service at the door', () => {
  const folder = mkdtempSync(join(tmpdir(), 'service-forms-'));
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  let subject: MirroredDoor;
  let client: EtcdClient;
  /** Of a plain Cilium cluster or an older version of ours, and of one that reads pieces. */
  const plain = { keys: [] as string[] };
  const inPieces = { keys: [] as string[] };
  let plainMirror: Mirror;
  let piecesMirror: Mirror;

  beforeAll(async () => {
    subject = await startMirroredDoor();
    writeFileSync(
      join(folder, 'service.yaml'),
      `{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: shop, annotations: {service.cilium.io/global: "true"}},
        spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}}`,
    );
    for (let at = 0; at < SLICES_COUNT; at += 1) writeFileSync(join(folder, `slice-${at}.yaml`), slice(at, usual(at)));
    const deps = { clock: systemClock, random: systemRandom, log: silentLog };
    const source = createManifestSource({ folder, ...deps, rescanMs: 200 });
    const publisher = createPublisher({ ...deps, store: subject.store, source, cluster: CLUSTER, uuid: () => 'uid' });
    running.push(source.run(stop.signal), publisher.run(stop.signal));
    client = openEtcd({
      ...{ endpoints: [subject.endpoint], credentials: clientCredentials(await subject.certificate('peer', 'peer')) },
      ...deps,
    });
    plainMirror = follow(['cilium/state/', 'cilium/synced/west/'], plain.keys);
    piecesMirror = follow([HEAD.replace('shop/cart', ''), SLICES.replace('shop/cart/', '')], inPieces.keys);
    await vi.waitFor(
      () => expect(plainMirror.entries.has('cilium/synced/west/cilium/state/services/v1')).toBe(true),
      PATIENCE,
    );
  }, 60_000);
  afterAll(async () => {
    stop.abort();
    await Promise.all(running);
    client?.close();
    await subject?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function follow(prefixes: readonly string[], keys: string[]): Mirror {
    const onBatch = ({ events }: MirrorBatch) => {
      for (const event of events) keys.push(event.type === 'put' ? event.kv.key : event.key);
    };
    const mirror = client.createMirror({ prefixes, observer: { onBatch } });
    running.push(mirror.run(stop.signal));
    return mirror;
  }

  const must = <T>(result: Result<T, string>): T => {
    if (!result.ok) throw new Error(result.error);
    return result.value;
  };
  const wholeAtTheDoor = () => Buffer.from(plainMirror.entries.get(WHOLE)?.value ?? '').toString();
  const composedAtTheDoor = () => {
    const entries = [...piecesMirror.entries];
    const head = must(serviceHeadKind.decode(piecesMirror.entries.get(HEAD)?.value ?? new Uint8Array()));
    const slices = entries.flatMap(([key, { value }]) =>
      key.startsWith(SLICES) ? [must(serviceSliceKind.decode(value))] : [],
    );
    return Buffer.from(clusterServiceKind.encode(composeService(head, slices))).toString();
  };

  test('is whole for a plain Cilium client, in slices for who reads them, and the same for both', async () => {
    await vi.waitFor(() => expect(composedAtTheDoor()).toBe(wholeAtTheDoor()), PATIENCE);
    expect(Object.keys(JSON.parse(wholeAtTheDoor()).backends)).toHaveLength(SLICES_COUNT * 60);
    expect(plain.keys.filter((key) => key.startsWith('clustermesh/'))).toEqual([]);

    inPieces.keys.length = 0;
    writeFileSync(join(folder, 'slice-2.yaml'), slice(2, [...usual(2).slice(1), '10.1.9.9']));
    await vi.waitFor(() => expect(composedAtTheDoor()).toContain('"10.1.9.9"'), PATIENCE);
    expect(inPieces.keys).toEqual([`${SLICES}cart-2`]);
    await vi.waitFor(() => expect(wholeAtTheDoor()).toBe(composedAtTheDoor()), PATIENCE);

    // An address moves to another slice, and a slice goes.
    writeFileSync(join(folder, 'slice-0.yaml'), slice(0, [...usual(0), '10.1.1.1']));
    rmSync(join(folder, 'slice-4.yaml'));
    await vi.waitFor(() => {
      expect(piecesMirror.entries.has(`${SLICES}cart-4`)).toBe(false);
      expect(wholeAtTheDoor()).toBe(composedAtTheDoor());
      expect(Object.keys(JSON.parse(wholeAtTheDoor()).backends)).toHaveLength(4 * 60);
    }, PATIENCE);

    rmSync(join(folder, 'service.yaml'));
    await vi.waitFor(() => {
      expect(plainMirror.entries.has(WHOLE)).toBe(false);
      expect(piecesMirror.entries.size).toBe(0);
    }, PATIENCE);
  });

  test.each(['clustermesh/v1/local/slices/', 'clustermesh/v1/local/heads/', 'clustermesh/v1/cache/slices/'])(
    'is not shown from %s',
    async (prefix) => {
      await expect(client.get(`${prefix}shop/cart`)).rejects.toThrow(/not within one of/);
    },
  );
});
