// The publisher on a real etcd: what is there after a first start, a restart, a kill and a wipe of etcd, under leases that etcd
// itself counts. Needs: etcd and etcdctl on the PATH, loopback.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type LabEtcd, startEtcd } from '../../lab/etcd.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import type { RecordKind } from '../../mesh/wire/record.ts';
import { serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { composeService } from '../../mesh/wire/service-pieces.ts';
import { serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { ownCluster } from '../../test/samples/own-cluster.ts';
import { createManifestSource } from '../sources/manifests/manifest-source.ts';
import { Election } from '../store/election.ts';
import { type EtcdClient, openEtcd } from '../store/etcd-client.ts';
import type { MirrorBatch } from '../store/port.ts';
import { KEYS_PER_LEASE_MAX, LEASE_TTL_SECONDS } from './lease-pool.ts';
import { createPublisher } from './publisher.ts';

const PATIENCE = { timeout: 30_000, interval: 20 };
const PODS = 2_500;

const cluster = ownCluster();

const service = `apiVersion: v1
kind: Service
metadata: {name: echo, namespace: test, annotations: {service.cilium.io/global: "true"}}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
`;
const pod = (n: number) => `apiVersion: v1
kind: Pod
metadata: {name: p${n}, namespace: test, labels: {app: app${n % 100}}}
status: {podIP: 10.3.${n >> 8}.${n & 255}, hostIP: 192.168.0.1}
`;
const slice = (name: string, addresses: readonly string[]) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: test, labels: {kubernetes.io/service-name: echo}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [${addresses.map((address) => `{addresses: [${address}], zone: z1}`).join(', ')}]
`;
const pods = (count: number) => Array.from({ length: count }, (_, n) => pod(n)).join('---\n');

describe.skipIf(skippedWithout('etcd', 'etcdctl'))('publisher on a real etcd', () => {
  const dir = mkdtempSync(join(tmpdir(), 'publisher-live-'));
  const folder = mkdtempSync(join(tmpdir(), 'publisher-manifests-'));
  const endings: (() => unknown)[] = [];
  let etcd: LabEtcd;
  let reader: EtcdClient;

  beforeAll(async () => {
    etcd = await startEtcd({ dir, withoutFsync: true });
  });
  afterAll(async () => {
    await etcd?.stop();
    for (const path of [dir, folder]) rmSync(path, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await etcd.wipe();
    reader = open();
    writeFileSync(join(folder, 'service.yaml'), service);
    writeFileSync(join(folder, 'pods.yaml'), pods(PODS));
  });
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
    reader.close();
  });

  const open = () =>
    openEtcd({
      endpoints: etcd.endpoints,
      credentials: credentials.createInsecure(),
      ...{ clock: systemClock, random: systemRandom, log: silentLog },
    });

  /** A replica as the API server composes it: an election, and the publisher while it leads. */
  function replica(name: string) {
    const deps = { store: open(), clock: systemClock, random: systemRandom, log: silentLog };
    const source = createManifestSource({ folder, clock: systemClock, log: silentLog });
    const publisher = createPublisher({ ...deps, source, cluster, uuid: () => `uid-${name}`, heartbeatMs: 500 });
    const observer = { onBatch: (batch: MirrorBatch) => publisher.foreignChange(batch) };
    const mirror = deps.store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer });
    const stop = new AbortController();
    const campaign = {
      ...{ name: 'writer', candidate: name },
      onLeading: publisher.run.bind(publisher),
    };
    const running = [source.run(stop.signal), mirror.run(stop.signal), new Election(deps).run(campaign, stop.signal)];
    const end = async () => {
      stop.abort();
      await Promise.all(running);
      deps.store.close();
    };
    endings.push(end);
    const synced = () =>
      vi.waitFor(
        () =>
          expect(publisher.state).toMatchObject({
            synced: { services: true, nodes: true, identities: true, ip: true },
            queueDepth: 0,
          }),
        PATIENCE,
      );
    return { publisher, end, synced };
  }

  async function content(prefix: string) {
    const found = new Map<
      string,
      { readonly value: string; readonly lease: string; readonly createRevision: number }
    >();
    for await (const { entries } of reader.list(prefix)) {
      for (const { key, value, lease, createRevision } of entries) {
        found.set(key, { value: Buffer.from(value).toString(), lease, createRevision });
      }
    }
    return found;
  }
  const values = async (prefix: string) =>
    new Map([...(await content(prefix))].map(([key, { value }]) => [key, value]));

  const etcdctl = (...args: readonly string[]) =>
    execFileSync('etcdctl', ['--endpoints', etcd.endpoints[0] ?? '', ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
      encoding: 'utf8',
    });

  test('hangs every key on leases of at most 1,000 keys and 15 minutes, and canaries come last', async () => {
    const { synced } = replica('a');
    await synced();
    const state = await content('cilium/');
    const count = (prefix: string) => [...state.keys()].filter((key) => key.startsWith(prefix)).length;
    expect(count('cilium/state/ip/v1/default/')).toBe(PODS);
    expect(count('cilium/state/identities/v1/id/')).toBe(100);
    const leases = new Set([...state.values()].map(({ lease }) => lease));
    expect(leases.has('0')).toBe(false);
    for (const lease of leases) {
      const shown = etcdctl('lease', 'timetolive', BigInt(lease).toString(16), '--keys', '--write-out', 'json');
      const { keys, 'granted-ttl': ttl } = JSON.parse(shown) as { keys: string[]; 'granted-ttl': number };
      expect(keys.length).toBeLessThanOrEqual(KEYS_PER_LEASE_MAX);
      expect(ttl).toBe(LEASE_TTL_SECONDS);
    }
    const newest = Math.max(
      ...[...state].flatMap(([key, { createRevision }]) =>
        key.startsWith('cilium/state/ip/') ? [createRevision] : [],
      ),
    );
    const canary = state.get('cilium/synced/west/cilium/state/ip/v1');
    expect(canary?.createRevision).toBeGreaterThanOrEqual(newest);
  });

  test('a successor takes everything over, leases included, and writes nothing of what is there', async () => {
    const first = replica('a');
    await first.synced();
    const before = await content('cilium/state/');
    const { leases } = first.publisher.state;
    await first.end();
    expect(await content('cilium/state/')).toEqual(before);
    const second = replica('b');
    await second.synced();
    expect(await content('cilium/state/')).toEqual(before);
    expect(second.publisher.state.leases).toBe(leases);
  });

  test('pieces and whole values say the same once changes settle, also when it ended before it wrote the whole ones', async () => {
    const SLICES = 30;
    /** Of slice `at`; the odd ones name one address of the slice before too. */
    const addresses = (at: number, version: number) => [
      ...Array.from({ length: 100 }, (_, n) => `10.4.${at}.${n}`),
      `10.5.${at}.${version}`,
      ...(at % 2 === 1 ? [`10.4.${at - 1}.1`] : []),
    ];
    const write = (at: number, version: number) =>
      writeFileSync(join(folder, `slice-${at}.yaml`), slice(`echo-${at}`, addresses(at, version)));
    for (let at = 0; at < SLICES; at += 1) write(at, 0);
    const whole = async () => (await values('cilium/state/services/')).get('cilium/state/services/v1/west/test/echo');
    const composed = async () => {
      const decoded = async <T>(kind: RecordKind<T>, root: string): Promise<readonly T[]> =>
        [...(await values(`clustermesh/v1/${root}/west/test/echo`)).values()].flatMap((value) => {
          const read = kind.decode(Buffer.from(value));
          return read.ok ? [read.value] : [];
        });
      const [head] = await decoded(serviceHeadKind, 'heads');
      const slices = await decoded(serviceSliceKind, 'slices');
      expect(slices).toHaveLength(SLICES);
      return head && Buffer.from(clusterServiceKind.encode(composeService(head, slices))).toString();
    };
    const first = replica('a');
    await first.synced();
    const before = await whole();
    expect(await composed()).toBe(before);
    for (let at = 0; at < SLICES; at += 1) write(at, 1);
    await vi.waitFor(async () => expect(await composed()).toContain('"10.5.29.1"'), PATIENCE);
    // The whole value may wait for three seconds yet. A successor does not know that it has to.
    await first.end();
    const second = replica('b');
    await second.synced();
    await vi.waitFor(async () => expect(await whole()).toBe(await composed()), PATIENCE);
    expect(await whole()).not.toBe(before);
    for (let at = 0; at < SLICES; at += 1) rmSync(join(folder, `slice-${at}.yaml`));
  });

  test('two replicas: one writes, and the other goes on where it ends', async () => {
    const replicas = [replica('a'), replica('b')];
    const leading = () => replicas.filter(({ publisher }) => publisher.state.publishing);
    await vi.waitFor(() => expect(leading()).toHaveLength(1), PATIENCE);
    await leading()[0]?.synced();
    const before = await values('cilium/state/');
    const [leader] = leading();
    const other = replicas.find((one) => one !== leader);
    await leader?.end();
    await other?.synced();
    expect(await values('cilium/state/')).toEqual(before);
  });

  test('a kill of etcd loses nothing, and a wipe is filled with the same records and the same uid', async () => {
    const { publisher, synced } = replica('a');
    await synced();
    const before = await values('cilium/state/');
    const uid = async () =>
      (JSON.parse((await values('clustermesh/v1/cards/')).get('clustermesh/v1/cards/west') ?? '{}') as { uid?: string })
        .uid;
    expect(await uid()).toBe('uid-a');
    await etcd.kill();
    writeFileSync(join(folder, 'pods.yaml'), pods(PODS + 1));
    await vi.waitFor(() => expect(publisher.state.lastError).toBeDefined(), PATIENCE);
    await etcd.restart();
    await vi.waitFor(async () => expect((await values('cilium/state/')).size).toBe(before.size + 1), PATIENCE);
    const grown = await values('cilium/state/');
    for (const sameClusterId of [false, true]) {
      await etcd.wipe({ sameClusterId });
      await vi.waitFor(async () => {
        expect(await values('cilium/state/')).toEqual(grown);
        expect(await uid()).toBe('uid-a');
      }, PATIENCE);
    }
  });
});
