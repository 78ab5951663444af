// The publisher on a store in memory and a real folder of manifests: what peers and the own view would read.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { ClusterId } from '../../mesh/model/names.ts';
import { decodeCard } from '../../mesh/wire/card.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { ownCluster } from '../../test/samples/own-cluster.ts';
import { createManifestSource } from '../sources/manifests/manifest-source.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Condition, StoreEvent } from '../store/port.ts';
import { createPublisher } from './publisher.ts';
import type { ClusterSettings } from './settings.ts';

const cluster = ownCluster();

/** Others may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000 });
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 20_000, interval: 10 });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(files: Readonly<Record<string, string>>) {
  const path = mkdtempSync(join(tmpdir(), 'publisher-'));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  const write = (name: string, text: string): void => {
    writeFileSync(join(path, 'next'), text);
    renameSync(join(path, 'next'), join(path, name));
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { path, write, remove: (name: string) => rmSync(join(path, name)) };
}

let uids = 0;

function start(
  store: MemoryStore,
  path: string,
  { fence, settings = cluster }: { readonly fence?: Condition; readonly settings?: ClusterSettings } = {},
) {
  const source = createManifestSource({ folder: path, clock: systemClock, log: silentLog, rescanMs: 200 });
  const publisher = createPublisher({
    ...{ store, source, cluster: settings, clock: systemClock, random: seededRandom(7), log: silentLog },
    uuid: () => `uid-${++uids}`,
    heartbeatMs: 50,
  });
  const stop = new AbortController();
  const observer = { onBatch: publisher.foreignChange.bind(publisher) };
  const mirror = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer });
  const running = [source.run(stop.signal), mirror.run(stop.signal)];
  const publishing = publisher.run(stop.signal, fence);
  const end = async () => {
    stop.abort();
    await Promise.all([...running, publishing]);
  };
  cleanups.push(end);
  const synced = () =>
    until(() =>
      expect(publisher.state).toMatchObject({
        synced: { services: true, nodes: true, identities: true, ip: true, specs: true, heads: true, slices: true },
        queueDepth: 0,
      }),
    );
  return { publisher, source, end, synced, publishing };
}

const text = (store: MemoryStore, key: string) => {
  const value = store.content('cilium/', 'clustermesh/').get(key)?.value;
  return value && Buffer.from(value).toString();
};
const keys = (store: MemoryStore, prefix: string) => [...store.content(prefix).keys()];

/** Everything that happens from now on. */
function record(store: MemoryStore): StoreEvent[] {
  const events: StoreEvent[] = [];
  const stop = new AbortController();
  const observer = { onBatch: (batch: { events: readonly StoreEvent[] }) => void events.push(...batch.events) };
  const running = store
    .createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer })
    .run(stop.signal);
  cleanups.push(() => {
    stop.abort();
    return running;
  });
  return events;
}

const service = (address = '10.96.0.1') => `apiVersion: v1
kind: Service
metadata: {name: echo, namespace: test, annotations: {service.cilium.io/global: "true"}}
spec: {clusterIP: ${address}, ports: [{name: http, port: 80}]}
`;
const slice = (...addresses: readonly string[]) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: echo-1, namespace: test, labels: {kubernetes.io/service-name: echo}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [${addresses.map((address) => `{addresses: [${address}]}`).join(', ')}]
`;
const pod = (name: string, address: string, app = 'echo') => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: test, labels: {app: ${app}}}
spec: {nodeName: n1}
status: {podIP: ${address}}
`;
const node = (address = '192.168.0.1') => `apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: ${address}}]}
`;
const join4 = (...documents: readonly string[]) => documents.join('---\n');

test('a setting that has changed is on the card at once', async () => {
  const store = new MemoryStore();
  let spkiPins: readonly string[] = ['sha256/old'];
  const settings: ClusterSettings = Object.defineProperty({ ...cluster }, 'spkiPins', { get: () => spkiPins });
  const { publisher, synced } = start(store, folder({}).path, { settings });
  await synced();
  const pins = () => JSON.parse(text(store, 'clustermesh/v1/cards/west') ?? '{}').trust?.spkiPins;
  await until(() => expect(pins()).toEqual(['sha256/old']));
  spkiPins = ['sha256/old', 'sha256/new'];
  publisher.settingsChanged();
  await until(() => expect(pins()).toEqual(spkiPins));
});

test('publishes everything that a peer and the own view read', async () => {
  const store = new MemoryStore();
  const { path } = folder({
    'a.yaml': join4(service(), slice('10.3.0.1'), node(), pod('p1', '10.3.0.1'), pod('p2', '10.3.0.2')),
  });
  const { publisher, synced } = start(store, path);
  await synced();
  expect(keys(store, 'cilium/state/')).toEqual([
    'cilium/state/identities/v1/id/196608',
    'cilium/state/ip/v1/default/10.3.0.1',
    'cilium/state/ip/v1/default/10.3.0.2',
    'cilium/state/nodes/v1/west/n1',
    'cilium/state/services/v1/west/test/echo',
  ]);
  expect(text(store, 'cilium/state/identities/v1/id/196608')).toBe(
    'k8s:app=echo;k8s:io.cilium.k8s.policy.cluster=west;k8s:io.cilium.k8s.policy.serviceaccount=default;k8s:io.kubernetes.pod.namespace=test;',
  );
  expect(JSON.parse(text(store, 'cilium/state/ip/v1/default/10.3.0.2') ?? '')).toMatchObject({
    ID: 196_608,
    HostIP: '192.168.0.1',
    K8sPodName: 'p2',
  });
  expect(keys(store, 'cilium/synced/')).toEqual([
    ...['identities', 'ip', 'nodes', 'services'].map((kind) => `cilium/synced/west/cilium/state/${kind}/v1`),
    ...['heads', 'local/slices', 'services', 'slices'].map((kind) => `cilium/synced/west/clustermesh/v1/${kind}`),
  ]);
  expect(text(store, 'cilium/cluster-config/west')).toContain('"id":3');
  expect(JSON.parse(text(store, 'clustermesh/v1/local/services/test/echo') ?? '')).toMatchObject({ global: true });
  const local = ['heads', 'services', 'slices'].map((kind) => `clustermesh/v1/local/${kind}/`);
  expect(local.flatMap((prefix) => keys(store, prefix))).toEqual([
    'clustermesh/v1/local/heads/test/echo',
    'clustermesh/v1/local/services/test/echo',
    'clustermesh/v1/local/slices/test/echo/echo-1',
  ]);
  expect(publisher.state).toMatchObject({
    publishing: true,
    lastError: undefined,
    published: { services: 1, nodes: 1, identities: 1, ip: 2, specs: 1, heads: 1, slices: 1, localServices: 1 },
    identities: { allocated: 1, capacity: 65_536 },
    leases: 1,
  });
  const own = ['services', 'heads', 'slices'].map((kind) => `clustermesh/v1/${kind}/`);
  expect(own.flatMap((prefix) => keys(store, prefix))).toEqual([
    'clustermesh/v1/services/west/test/echo',
    'clustermesh/v1/heads/west/test/echo',
    'clustermesh/v1/slices/west/test/echo/echo-1',
  ]);
  for (const [key, { lease }] of store.content('cilium/', ...own))
    expect({ key, lease }).not.toMatchObject({ lease: '0' });
});

test('follows the source: changes, removals, namespaces that leave the mesh, nodes that move', async () => {
  const store = new MemoryStore();
  const { path, write, remove } = folder({
    'service.yaml': join4(service(), slice('10.3.0.1')),
    'pods.yaml': join4(node(), pod('p1', '10.3.0.1')),
  });
  const { synced } = start(store, path);
  await synced();
  const backends = () =>
    Object.keys(JSON.parse(text(store, 'cilium/state/services/v1/west/test/echo') ?? '{}').backends ?? {});
  const host = () => JSON.parse(text(store, 'cilium/state/ip/v1/default/10.3.0.1') ?? '{}').HostIP;
  write('service.yaml', join4(service(), slice('10.3.0.1', '10.3.0.9')));
  await until(() => expect(backends()).toEqual(['10.3.0.1', '10.3.0.9']));
  write('pods.yaml', join4(node('192.168.0.7'), pod('p1', '10.3.0.1')));
  await until(() => expect(host()).toBe('192.168.0.7'));
  const namespace = (global: boolean) =>
    `{apiVersion: v1, kind: Namespace, metadata: {name: test, annotations: {clustermesh.cilium.io/global: "${global}"}}}`;
  write('namespace.yaml', namespace(false));
  await until(() => {
    expect(keys(store, 'cilium/state/services/')).toEqual([]);
    expect(keys(store, 'cilium/state/ip/')).toEqual([]);
    expect(keys(store, 'clustermesh/v1/local/services/')).toEqual([]);
  });
  write('namespace.yaml', namespace(true));
  await until(() => expect(backends()).toEqual(['10.3.0.1', '10.3.0.9']));
  remove('service.yaml');
  await until(() => expect(keys(store, 'cilium/state/services/')).toEqual([]));
  expect(keys(store, 'cilium/state/ip/')).toEqual(['cilium/state/ip/v1/default/10.3.0.1']);
});

test('of two pods with one address the first by name has it, and the other when that is gone', async () => {
  const store = new MemoryStore();
  const { path, write } = folder({ 'a.yaml': join4(pod('b', '10.3.0.1', 'two'), pod('a', '10.3.0.1', 'one')) });
  const { synced } = start(store, path);
  await synced();
  const holder = () => JSON.parse(text(store, 'cilium/state/ip/v1/default/10.3.0.1') ?? '{}').K8sPodName;
  expect(holder()).toBe('a');
  write('a.yaml', pod('b', '10.3.0.1', 'two'));
  await until(() => expect(holder()).toBe('b'));
});

test('canaries come after everything of their kind, and only when the source is ready', async () => {
  const store = new MemoryStore();
  const events = record(store);
  const pods = Array.from({ length: 700 }, (_, n) => pod(`p${n}`, `10.3.${n >> 8}.${n & 255}`, `app${n % 300}`));
  const { path } = folder({ 'a.yaml': join4(service(), slice('10.3.0.1'), ...pods) });
  const { synced } = start(store, path);
  await synced();
  await until(() => expect(events.filter(({ type }) => type === 'put').length).toBeGreaterThan(1000));
  const order = events.flatMap((event) => (event.type === 'put' ? [event.kv.key] : []));
  const places = ['services', 'nodes', 'identities', 'ip'].map((kind) => `cilium/state/${kind}/v1`);
  const own = ['services', 'heads', 'slices'].map((kind) => `clustermesh/v1/${kind}`);
  for (const place of [...places, ...own, 'clustermesh/v1/local/slices']) {
    const canary = order.indexOf(`cilium/synced/west/${place}`);
    const last = order.findLastIndex((key) => key.startsWith(`${place}/`));
    expect({ place, last: last >= 0 || place.includes('nodes'), canary: canary > last }).toEqual({
      place,
      last: true,
      canary: true,
    });
  }
  expect(new Set(keys(store, 'cilium/state/identities/')).size).toBe(300);
});

test('a large service that changes all the time: its pieces at once, the whole value for Cilium readers together', async () => {
  const store = new MemoryStore();
  const many = (last: number) =>
    Array.from({ length: 2_000 }, (_, n) => `10.3.${n >> 8}.${n & 255}`).concat(`10.3.9.${last}`);
  const { path, write, remove } = folder({ 'service.yaml': service(), 'slice.yaml': slice(...many(0)) });
  const { publisher, synced } = start(store, path);
  await synced();
  const whole = () => text(store, 'cilium/state/services/v1/west/test/echo');
  const piece = () => text(store, 'clustermesh/v1/slices/west/test/echo/echo-1');
  const events = record(store);
  for (let last = 1; last <= 4; last += 1) {
    write('slice.yaml', slice(...many(last)));
    await until(() => expect(piece()).toContain(`"10.3.9.${last}"`));
  }
  await until(() => expect(whole()).toContain('"10.3.9.4"'));
  const puts = (key: string) => events.filter((event) => event.type === 'put' && event.kv.key === key).length;
  const ofPiece = puts('clustermesh/v1/slices/west/test/echo/echo-1');
  expect(ofPiece).toBeGreaterThanOrEqual(4);
  expect(puts('cilium/state/services/v1/west/test/echo')).toBeLessThan(ofPiece);
  await until(() => expect(publisher.state.queueDepth).toBe(0));
  remove('service.yaml');
  await until(() => expect(whole()).toBeUndefined());
  expect(keys(store, 'clustermesh/v1/heads/').concat(keys(store, 'clustermesh/v1/slices/'))).toEqual([]);
});

test('a restart leaves no gap, keeps identities, and removes what is gone when the source is ready', async () => {
  const store = new MemoryStore();
  const { path, write } = folder({
    'a.yaml': join4(service(), slice('10.3.0.1'), pod('p1', '10.3.0.1'), pod('p2', '10.3.0.2', 'other')),
  });
  const first = start(store, path);
  await first.synced();
  const before = store.content('cilium/state/');
  await first.end();
  write('a.yaml', join4(service(), slice('10.3.0.1'), pod('p2', '10.3.0.2', 'other')));
  const events = record(store);
  const second = start(store, path);
  await second.synced();
  store.expireAbandoned();
  await until(() => expect(keys(store, 'cilium/state/ip/')).toEqual(['cilium/state/ip/v1/default/10.3.0.2']));
  const deleted = events.flatMap((event) => (event.type === 'delete' ? [event.key] : []));
  expect(deleted).toEqual(['cilium/state/ip/v1/default/10.3.0.1']);
  const value = (from: ReadonlyMap<string, { readonly value: Uint8Array }>, key: string) => from.get(key)?.value;
  for (const key of ['cilium/state/ip/v1/default/10.3.0.2', 'cilium/state/services/v1/west/test/echo']) {
    expect(value(store.content('cilium/state/'), key)).toEqual(value(before, key));
  }
});

test('what a broken file may define is kept over a restart, until the file is mended', async () => {
  const store = new MemoryStore();
  const { path, write } = folder({ 'a.yaml': join4(service(), slice('10.3.0.1')), 'b.yaml': pod('p1', '10.3.0.1') });
  const first = start(store, path);
  await first.synced();
  await first.end();
  write('b.yaml', 'kind: [');
  const second = start(store, path);
  await second.synced();
  store.expireAbandoned();
  expect(keys(store, 'cilium/state/ip/')).toEqual(['cilium/state/ip/v1/default/10.3.0.1']);
  write('b.yaml', '# nothing\n');
  await until(() => expect(keys(store, 'cilium/state/ip/')).toEqual([]));
  expect(keys(store, 'cilium/state/services/')).toEqual(['cilium/state/services/v1/west/test/echo']);
});

test('puts right what others delete or change, the cluster-config first of all', async () => {
  const store = new MemoryStore();
  const { path } = folder({ 'a.yaml': join4(service(), slice('10.3.0.1')) });
  const { synced } = start(store, path);
  await synced();
  const config = text(store, 'cilium/cluster-config/west');
  await store.transact([
    { type: 'put', key: 'cilium/cluster-config/west', value: Buffer.from('{"id":9}') },
    { type: 'delete', key: 'cilium/state/services/v1/west/test/echo' },
    { type: 'put', key: 'cilium/state/nodes/v1/west/stranger', value: Buffer.from('{}') },
    { type: 'put', key: 'cilium/state/nodes/v1/other/n1', value: Buffer.from('{}') },
    { type: 'put', key: 'cilium/cache/nodes/v1/other/n1', value: Buffer.from('{}') },
  ]);
  await until(() => {
    expect(text(store, 'cilium/cluster-config/west')).toBe(config);
    expect(keys(store, 'cilium/state/services/')).toHaveLength(1);
    expect(keys(store, 'cilium/state/nodes/')).toEqual(['cilium/state/nodes/v1/other/n1']);
  });
  expect(keys(store, 'cilium/cache/')).toHaveLength(1);
});

test('fills an etcd that was wiped, with the same uid, join time and identities, and canaries last', async () => {
  const store = new MemoryStore();
  const { path } = folder({
    'a.yaml': join4(service(), slice('10.3.0.1'), pod('p1', '10.3.0.1'), pod('p2', '10.3.0.2', 'other')),
  });
  const { publisher, synced } = start(store, path);
  publisher.markJoined(Date.UTC(2026, 0, 5, 10));
  await synced();
  const state = () =>
    Object.fromEntries(
      [...store.content('cilium/state/')].map(([key, { value }]) => [key, Buffer.from(value).toString()]),
    );
  const card = () => {
    const read = decodeCard(Buffer.from(text(store, 'clustermesh/v1/cards/west') ?? ''));
    return read.ok ? { uid: read.value.card.uid, joinedAt: read.value.card.joinedAt } : undefined;
  };
  await until(() => expect(card()?.joinedAt).toBe('2026-01-05T10:00:00Z'));
  const before = { state: state(), card: card() };
  for (const storeId of ['00000000000000cc', undefined]) {
    store.wipe(storeId);
    await until(() => expect({ state: state(), card: card() }).toEqual(before));
    await synced();
  }
});

test('the join time is set once', async () => {
  const store = new MemoryStore();
  const { path } = folder({});
  const first = start(store, path);
  await first.synced();
  const origin = () => JSON.parse(text(store, 'clustermesh/v1/local/cluster') ?? '{}');
  expect(origin().joinedAt).toBe(null);
  first.publisher.markJoined(Date.UTC(2026, 0, 1));
  await until(() => expect(origin().joinedAt).toBe('2026-01-01T00:00:00Z'));
  const { uid } = origin();
  await first.end();
  const second = start(store, path);
  second.publisher.markJoined(Date.UTC(2027, 0, 1));
  await second.synced();
  expect(origin()).toEqual({ uid, joinedAt: '2026-01-01T00:00:00Z' });
});

test('beats, and stops without removing anything', async () => {
  const store = new MemoryStore();
  const { path } = folder({ 'a.yaml': join4(service(), slice('10.3.0.1')) });
  const { end, synced } = start(store, path);
  await synced();
  const beats = () => store.content('cilium/').get('cilium/.heartbeat')?.version ?? 0;
  await until(() => expect(beats()).toBeGreaterThan(1));
  const before = keys(store, '');
  await end();
  expect(keys(store, '')).toEqual(before);
});

test('a replica that no longer leads ends by itself', async () => {
  const store = new MemoryStore();
  await store.transact([{ type: 'put', key: 'leader', value: Buffer.from('me') }]);
  const fence = { key: 'leader', modRevision: store.position.revision };
  const { path } = folder({});
  const { publisher, publishing, synced } = start(store, path, { fence });
  await synced();
  await store.transact([{ type: 'delete', key: 'leader' }]);
  await publishing;
  expect(publisher.state).toMatchObject({ publishing: false, lastError: { code: 'PUBLISHER_FENCED' } });
});

test('an etcd that cannot be reached is an error to show, and no end', async () => {
  const store = new MemoryStore();
  store.fail();
  const { path, write } = folder({ 'a.yaml': service() });
  const { publisher, synced } = start(store, path);
  await until(() => expect(publisher.state.lastError?.code).toBe('STORE_UNREACHABLE'));
  store.recover();
  await synced();
  store.fail();
  write('a.yaml', service('10.96.0.2'));
  await until(() => expect(publisher.state.queueDepth).toBeGreaterThan(0));
  store.recover();
  await until(() => expect(text(store, 'cilium/state/services/v1/west/test/echo')).toContain('10.96.0.2'));
});

test('pods without a number left are not published as others, and hold up nothing', async () => {
  const store = new MemoryStore();
  const taken = Array.from({ length: 32_768 }, (_, n) => n + (1 << 15));
  for (let at = 0; at < taken.length; at += 128) {
    const part = taken.slice(at, at + 128);
    await store.transact(
      part.map((n) => ({ type: 'put', key: `clustermesh/v1/identities/${n}`, value: Buffer.from(`k8s:n=${n};`) })),
    );
  }
  const { path } = folder({ 'a.yaml': join4(service(), pod('p1', '10.3.0.1')) });
  const settings = { ...cluster, id: 1 as ClusterId, maxConnectedClusters: 511 as const };
  const { publisher } = start(store, path, { settings });
  await until(() => expect(publisher.state.synced.ip).toBe(true));
  expect(publisher.state.lastError?.code).toBe('PUBLISHER_IDENTITIES_EXHAUSTED');
  expect(keys(store, 'cilium/state/ip/')).toEqual([]);
}, 30_000);
