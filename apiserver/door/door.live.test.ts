// The door on a real etcd, over real certificates and mutual TLS. Given a mirror of etcd that feeds a door, when peers follow it
// with our own client, or try what they may not, then they hold exactly what etcd holds of the keys that are theirs, and nothing
// else. Needs: etcd on the PATH, loopback.

import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ChannelCredentials,
  Client,
  credentials as grpcCredentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CutProxy, startCutProxy } from '../../lab/cut-proxy.ts';
import { type LabEtcd, startEtcd } from '../../lab/etcd.ts';
import { skippedWithout } from '../../lab/installed.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { type IssuedCertificate, issue } from '../../pki/issue.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom, systemRandom } from '../../runtime/random.ts';
import { CertificateSource, serverCredentials } from '../../runtime/tls/certificate-source.ts';
import { channelCredentials } from '../../runtime/tls/shared-credentials.ts';
import { peerKeys } from '../peers/peer-keys.ts';
import { type EtcdClient, openEtcd } from '../store/etcd-client.ts';
import { EtcdWire, type messages } from '../store/etcd-wire.ts';
import type { KeyValue, Mirror, MirrorBatch, Write } from '../store/port.ts';
import { createDoor, type Door, type DoorDeps } from './server.ts';

const west = 'west' as ClusterName;
const central = 'central' as ClusterName;
const east = 'east' as ClusterName;
const PATIENCE = { timeout: 20_000, interval: 20 };
const OWN_PREFIXES = ['cilium/', 'clustermesh/'];

type WatchAnswer = messages.WatchResponse.$Properties;
type WatchAsk = messages.WatchRequest.$Properties;
type RangeAnswer = messages.RangeResponse.$Properties;

const put = (key: string, value = 'v'): Write => ({ type: 'put', key, value: Buffer.from(value) });
type Interval = readonly [key: string, end?: string];

function createWatch(prefix: string, more: messages.WatchCreateRequest.$Properties = {}): WatchAsk {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return { createRequest: { key: bytes(prefix), rangeEnd: end, ...more } };
}

const eventsOf = (answers: readonly WatchAnswer[]): readonly number[] =>
  answers.flatMap(({ events }) => events ?? []).map(({ kv }) => Number(kv?.modRevision));

const same = (message: Buffer): Buffer => message;

/** Something that is no TLS at all. */
function sendRawBytes(port: number, message: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => socket.end(message));
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

const remove = (key: string): Write => ({ type: 'delete', key });
const bytes = (text: string): Buffer => Buffer.from(text);
const readable = (entries: ReadonlyMap<string, KeyValue>): ReadonlyMap<string, unknown> =>
  new Map(
    [...entries.values()].map(({ key, value, createRevision, modRevision, version, lease }) => [
      key,
      { value: Buffer.from(value).toString('latin1'), createRevision, modRevision, version, lease },
    ]),
  );

describe.skipIf(skippedWithout('etcd'))('the door', () => {
  const dir = mkdtempSync(join(tmpdir(), 'door-live-'));
  const authorities = new Map<ClusterName, Authority>();
  let doorLeaf: IssuedCertificate;
  const peerLeaves = new Map<ClusterName, IssuedCertificate>();
  let etcd: LabEtcd;
  const endings: (() => void | Promise<void>)[] = [];

  beforeAll(async () => {
    etcd = await startEtcd({ dir, withoutFsync: true });
    for (const cluster of [west, central, east]) {
      const authority = await createAuthority({ cluster, now: Date.now(), days: 1 });
      authorities.set(cluster, authority);
      peerLeaves.set(cluster, await issue({ authority, profile: 'peer', now: Date.now(), ttlMs: DAY_MS }));
    }
    doorLeaf = await issue({
      authority: authorityOf(west),
      profile: 'door',
      now: Date.now(),
      ttlMs: DAY_MS,
      ips: ['127.0.0.1'],
    });
  });
  afterAll(async () => {
    await etcd?.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(() => etcd.wipe());
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });

  function authorityOf(cluster: ClusterName): Authority {
    const authority = authorities.get(cluster);
    if (authority === undefined) throw new Error(`no authority of ${cluster}`);
    return authority;
  }

  // --- Who is there ---

  function openOwn(): EtcdClient {
    const client = openEtcd({
      endpoints: etcd.endpoints,
      credentials: grpcCredentials.createInsecure(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    endings.push(() => client.close());
    return client;
  }

  interface RunningDoor {
    readonly door: Door;
    readonly port: number;
    readonly own: EtcdClient;
    readonly mirror: Mirror;
    /** May be changed while it runs. */
    readonly stores: Map<ClusterName, readonly string[]>;
  }

  async function startDoor(options: Partial<DoorDeps> & { readonly listed?: boolean } = {}): Promise<RunningDoor> {
    const stores = new Map([central, east].map((cluster) => [cluster, [authorityOf(cluster).certificate]] as const));
    const all = [west, central, east].map((cluster) => authorityOf(cluster).certificate).join('');
    const door = createDoor({
      cluster: west,
      trust: { storeOf: (cluster) => stores.get(cluster), own: [authorityOf(west).certificate] },
      credentials: serverCredentials(new CertificateSource({ ca: all, ...doorLeaf })),
      listen: '127.0.0.1:0',
      clock: systemClock,
      log: silentLog,
      ...options,
    });
    const port = await door.start();
    endings.push(() => door.stop());
    const own = openOwn();
    const mirror = own.createMirror({ prefixes: OWN_PREFIXES, observer: door.observer, spanning: true });
    const stop = new AbortController();
    const running = options.listed === false ? undefined : mirror.run(stop.signal);
    endings.push(async () => {
      stop.abort();
      await running;
    });
    if (options.listed !== false) await vi.waitFor(() => expect(mirror.state.phase).toBe('live'), PATIENCE);
    return { door, port, own, mirror, stores };
  }

  const tlsOf = (leaf: IssuedCertificate): ChannelCredentials =>
    channelCredentials(new CertificateSource({ ca: authorityOf(west).certificate, ...leaf }));

  function peerLeaf(cluster: ClusterName): IssuedCertificate {
    const leaf = peerLeaves.get(cluster);
    if (leaf === undefined) throw new Error(`no certificate of ${cluster}`);
    return leaf;
  }

  /** Follows what a peer may see, as a peer does. */
  function follow(endpoint: string, leaf: IssuedCertificate) {
    const client = openEtcd({
      endpoints: [endpoint],
      credentials: tlsOf(leaf),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    const batches: MirrorBatch[] = [];
    const mirror = client.createMirror({
      prefixes: peerKeys(west).prefixes,
      observer: { onBatch: (batch) => void batches.push(batch) },
      limits: { backoff: { delayMsMin: 20, delayMsMax: 200, jitter: 0.5 }, progressIntervalMs: 500 },
    });
    const stop = new AbortController();
    const running = mirror.run(stop.signal);
    endings.push(async () => {
      stop.abort();
      await running;
      client.close();
    });
    return { mirror, batches };
  }

  /** What of etcd's content a peer may see. */
  function shared(mirror: Mirror): ReadonlyMap<string, unknown> {
    const names = peerKeys(west).prefixes;
    const mine = [...mirror.entries].filter(([key]) =>
      names.some((name) => (name.endsWith('/') ? key.startsWith(name) : key === name)),
    );
    return readable(new Map(mine));
  }

  function rawClient(port: number, leaf: IssuedCertificate): Client {
    const client = new Client(`127.0.0.1:${port}`, tlsOf(leaf), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
    endings.push(() => client.close());
    return client;
  }

  function range(client: Client, request: messages.RangeRequest.$Properties): Promise<RangeAnswer> {
    const { path, requestSerialize, responseDeserialize } = EtcdWire.range;
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
        answer === undefined ? reject(error) : resolve(answer),
      );
    });
  }

  function transact(client: Client, request: messages.TxnRequest.$Properties): Promise<readonly string[]> {
    const { path, requestSerialize, responseDeserialize } = EtcdWire.txn;
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
        if (answer === undefined) reject(error);
        else resolve((answer.responses ?? []).map(({ responseRange }) => `read ${responseRange?.count}`));
      });
    });
  }

  /** Of all intervals together. */
  const outcomeTogether = (client: Client, intervals: readonly Interval[]): Promise<readonly string[] | string> =>
    transact(client, { success: intervals.map(readOf) }).catch(
      ({ code, details }: ServiceError) => `${code}: ${details}`,
    );

  const readOf = ([key, end = '']: Interval) => ({ requestRange: { key: bytes(key), rangeEnd: bytes(end) } });

  function watch<Ask = WatchAsk>(client: Client, serialize?: (ask: Ask) => Buffer) {
    const { path, requestSerialize, responseDeserialize } = EtcdWire.watch;
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const call = client.makeBidiStreamRequest<Ask, WatchAnswer>(
      path,
      serialize ?? ((ask: Ask) => requestSerialize(ask as WatchAsk)),
      responseDeserialize,
      metadata,
    );
    const answers: WatchAnswer[] = [];
    const end: { error: ServiceError | undefined; over: boolean } = { error: undefined, over: false };
    call.on('data', (answer: WatchAnswer) => answers.push(answer));
    call.on('status', () => {
      end.over = true;
    });
    call.on('error', (error: ServiceError) => {
      end.error = error;
    });
    endings.push(() => call.cancel());
    return { call, answers, end };
  }

  function outcome(client: Client, [key, end = '']: Interval): Promise<string> {
    return range(client, { key: bytes(key), rangeEnd: bytes(end) }).then(
      ({ count }) => `read ${count}`,
      ({ code, details }: ServiceError) => `${code}: ${details}`,
    );
  }

  async function watchOutcome(client: Client, [key, end = '']: Interval): Promise<string> {
    const stream = watch(client);
    stream.call.write(createWatch(key, { rangeEnd: bytes(end) }));
    await until(() => expect(stream.answers.length + (stream.end.error === undefined ? 0 : 1)).toBe(1));
    stream.call.cancel();
    const [answer] = stream.answers;
    if (answer === undefined) return stream.end.error?.details ?? '';
    return answer.canceled === true ? (answer.cancelReason ?? '') : 'watching';
  }

  /** A certificate that names one cluster, by the authority of another. */
  const impostor = (named: ClusterName, by: ClusterName, profile: 'peer' | 'agent' = 'peer') =>
    issue({ authority: { ...authorityOf(by), cluster: named }, profile, node: 'n1', now: Date.now(), ttlMs: DAY_MS });

  const until = (condition: () => void | Promise<void>) => vi.waitFor(condition, PATIENCE);

  // --- Tests ---

  test('a peer follows exactly what is shared, through cuts, and through an outage longer than the history', async () => {
    const { own, mirror, port } = await startDoor({ historyLimits: { eventsMax: 50, bytesMax: 1024 * 1024 } });
    await own.transact([
      put('cilium/state/nodes/v1/west/n1'),
      put('cilium/cluster-config/west', '{"id":1}'),
      put('cilium/cluster-config/west2', 'another cluster'),
      put('cilium/cache/nodes/v1/central/n1', 'what west has of central'),
      put('clustermesh/v1/cards/west', '{}'),
      put('clustermesh/v1/peers/central', 'private'),
      put('cilium/.heartbeat', 'now'),
    ]);
    const proxy: CutProxy = await startCutProxy(`127.0.0.1:${port}`);
    endings.push(() => proxy.close());
    const peer = follow(proxy.endpoint, peerLeaf(central));
    await until(() => expect(peer.mirror.state.phase).toBe('live'));
    await until(() => expect(readable(peer.mirror.entries)).toEqual(shared(mirror)));
    expect(peer.mirror.entries.size).toBe(4);

    for (let round = 0; round < 5; round++) {
      await own.transact([put(`cilium/state/nodes/v1/west/r${round}`), remove('cilium/state/nodes/v1/west/n1')]);
      proxy.cut();
      await own.transact([
        put('cilium/state/nodes/v1/west/n1', `round ${round}`),
        put('cilium/.heartbeat', `${round}`),
      ]);
      await until(() => expect(readable(peer.mirror.entries)).toEqual(shared(mirror)));
    }
    expect(peer.batches.filter(({ relisted }) => relisted)).toHaveLength(1);

    proxy.refuse();
    for (let i = 0; i < 80; i++) await own.transact([put(`cilium/state/nodes/v1/west/n${i % 7}`, `${i}`)]);
    await own.transact([remove('cilium/state/nodes/v1/west/r0')]);
    proxy.accept();
    await until(() => expect(readable(peer.mirror.entries)).toEqual(shared(mirror)));
    expect(peer.batches.filter(({ relisted }) => relisted)).toHaveLength(2);
  });

  test('each certificate opens what is its own, and the stores of other clusters vouch for nobody', async () => {
    const { own, port } = await startDoor();
    await own.transact([
      put('cilium/state/ip/v1/default/10.1.0.1'),
      put('cilium/cache/ip/v1/east/10.3.0.1'),
      put('cilium/cluster-config/west'),
      put('cilium/synced/east/cilium/cache/ip/v1'),
      put('clustermesh/v1/peers/east'),
    ]);
    const issueFor = (authority: Authority, profile: 'peer' | 'agent' | 'admin' | 'door' | 'etcd-client') =>
      issue({ authority, profile, node: 'n1', now: Date.now(), ttlMs: DAY_MS });
    const state: Interval = ['cilium/state/', 'cilium/state0'];
    const cache: Interval = ['cilium/cache/', 'cilium/cache0'];
    const rows: readonly (readonly [string, IssuedCertificate, Record<string, readonly Interval[]>])[] = [
      [
        'peer',
        peerLeaf(east),
        {
          allowed: [state, ['cilium/state/ip/'], ['cilium/cluster-config/west'], ['cilium/.heartbeat']],
          refused: [
            cache,
            ['cilium/state/', '\0'],
            ['cilium/state/', 'cilium/state1'],
            ['cilium/state', 'cilium/state0'],
            ['cilium/cluster-config/west', 'cilium/cluster-config/wesu'],
            ['cilium/synced/east/', 'cilium/synced/east0'],
            ['clustermesh/v1/peers/east'],
            ['\0', '\0'],
          ],
        },
      ],
      [
        'agent',
        await issueFor(authorityOf(west), 'agent'),
        { allowed: [cache, ['cilium/synced/', 'cilium/synced0'], ['cilium/cluster-config/west']], refused: [state] },
      ],
      ['admin', await issueFor(authorityOf(west), 'admin'), { allowed: [state, cache], refused: [['clustermesh/']] }],
      ["C's name by B's authority", await impostor(central, east), { refused: [state] }],
      ["the own agent's name by a peer's authority", await impostor(west, east, 'agent'), { refused: [cache] }],
      ['the own peer certificate', peerLeaf(west), { refused: [state] }],
      ['the certificate for the own etcd', await issueFor(authorityOf(west), 'etcd-client'), { refused: [state] }],
    ];
    for (const [who, leaf, { allowed = [], refused = [] }] of rows) {
      const client = rawClient(port, leaf);
      for (const interval of allowed) {
        expect(await outcome(client, interval), `${who} reads ${interval}`).toMatch(/^read/);
        expect(await watchOutcome(client, interval), `${who} watches ${interval}`).toBe('watching');
      }
      if (allowed.length > 0)
        expect(await outcomeTogether(client, allowed), `${who} reads all of it`).toHaveLength(allowed.length);
      for (const interval of refused) {
        expect(await outcomeTogether(client, [...allowed, interval]), `${who} reads ${interval} with others`).toMatch(
          /^7: etcdserver: permission denied/,
        );
        expect(await outcome(client, interval), `${who} reads ${interval}`).toMatch(
          /^7: etcdserver: permission denied/,
        );
        expect(await watchOutcome(client, interval), `${who} watches ${interval}`).toMatch(/permission denied/);
      }
    }
    const why = await outcome(rawClient(port, peerLeaf(east)), cache);
    expect(why).toContain('["cilium/cache/", "cilium/cache0") is not within one of cilium/state/*');
  });

  test('nothing but reading is allowed, and garbage ends the call that brought it and no more', async () => {
    const { port, own } = await startDoor();
    await own.transact([put('cilium/state/x')]);
    const client = rawClient(port, peerLeaf(east));
    const read = readOf(['cilium/state/x']);
    const change = { requestPut: { key: bytes('cilium/state/x'), value: bytes('bad') } };
    const guarded = { compare: [{ key: bytes('cilium/state/x'), version: 1 }], success: [read] };
    expect(await transact(client, { success: [read, read] })).toEqual(['read 1', 'read 1']);
    for (const transaction of [{ success: [read, change] }, { success: [read], failure: [change] }, guarded])
      await expect(transact(client, transaction)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    await expect(transact(client, { success: Array.from({ length: 129 }, () => read) })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    const attempt = (path: string, message: Buffer) =>
      new Promise<number>((resolve) => {
        client.makeUnaryRequest(path, same, same, message, (error) => resolve(error?.code ?? status.OK));
      });
    const write = Buffer.from(EtcdWire.put.requestSerialize({ key: bytes('cilium/state/x'), value: bytes('bad') }));
    expect(await attempt('/etcdserverpb.KV/Put', write)).toBe(status.PERMISSION_DENIED);
    for (const path of ['KV/DeleteRange', 'KV/Compact', 'Lease/LeaseGrant', 'Auth/AuthEnable', 'Cluster/MemberList'])
      expect(await attempt(`/etcdserverpb.${path}`, Buffer.alloc(0)), path).toBe(status.PERMISSION_DENIED);
    expect(await attempt('/v3lockpb.Lock/Lock', Buffer.alloc(0))).toBe(status.PERMISSION_DENIED);
    expect(await attempt('/etcdserverpb.KV/Nonsense', Buffer.alloc(0))).toBe(status.UNIMPLEMENTED);

    const seed = Date.now() % 1_000_000;
    const random = seededRandom(seed);
    const garbage = () =>
      Buffer.from(Array.from({ length: Math.floor(random.next() * 60) }, () => random.next() * 256));
    for (let round = 0; round < 200; round++) {
      await attempt('/etcdserverpb.KV/Range', garbage());
      await attempt('/etcdserverpb.KV/Txn', garbage());
      const { call, end } = watch(client, same);
      call.write(garbage());
      call.end();
      await until(() => expect(end.over, `seed ${seed}`).toBe(true));
    }
    expect(await attempt('/etcdserverpb.KV/Range', Buffer.alloc(100_000))).toBe(status.RESOURCE_EXHAUSTED);
    await sendRawBytes(port, garbage());
    expect((await range(client, { key: bytes('cilium/state/x') })).count?.toString()).toBe('1');
  });

  test('before the first complete list nobody is told that there is nothing', async () => {
    const { port } = await startDoor({ listed: false });
    const client = rawClient(port, peerLeaf(east));
    expect(await outcome(client, ['cilium/state/x'])).toMatch(/^14: etcdserver: not ready/);
    const { end } = watch(client);
    await until(() => expect(end.error?.code).toBe(status.UNAVAILABLE));
  });

  test('a client that does not read goes on where it stood, or is told that its place is forgotten', async () => {
    const { own, port, mirror, door } = await startDoor({
      historyLimits: { eventsMax: 2_000, bytesMax: 512 * 1024 * 1024 },
    });
    const value = 'v'.repeat(64 * 1024);
    const client = rawClient(port, peerLeaf(east));
    const slow = watch(client);
    slow.call.write(createWatch('cilium/state/', { watchId: 7 }));
    await until(() => expect(slow.answers).toHaveLength(1));
    slow.call.pause();
    const write = async (count: number, value: string) => {
      const start = mirror.state.position?.revision ?? 0;
      const writer = async () => {
        while (left-- > 0) await own.transact([put('cilium/state/x', value)]);
      };
      let left = count;
      await Promise.all(Array.from({ length: 16 }, writer));
      await until(() => expect(mirror.state.position?.revision).toBe(start + count));
    };

    await write(400, value);
    slow.call.resume();
    await until(() => expect(eventsOf(slow.answers)).toHaveLength(400));
    expect(eventsOf(slow.answers)).toEqual(
      [...Array(400).keys()].map((i) => Number(mirror.state.position?.revision) - 399 + i),
    );

    slow.answers.length = 0;
    slow.call.pause();
    await write(400, value);
    await write(2_100, 'small');
    slow.call.resume();
    await until(() => expect(slow.answers.at(-1)?.canceled).toBe(true));
    const last = slow.answers.at(-1);
    expect(last?.cancelReason).toBe('');
    expect(last?.header?.revision?.toString()).toBe('0');
    // On a busy machine it may be told so while writes go on, and the place that it is shown is forgotten as well when it asks.
    let answered = 0;
    await until(() => {
      const told = slow.answers.filter(({ canceled }) => canceled === true);
      for (const { compactRevision } of told.slice(answered)) {
        slow.call.write(createWatch('cilium/state/', { startRevision: Number(compactRevision) }));
      }
      answered = told.length;
      expect(eventsOf(slow.answers).at(-1)).toBe(mirror.state.position?.revision);
    });
    expect(door.clients).toMatchObject([{ name: 'peer east', kind: 'peer', cluster: 'east', calls: 1, watches: 1 }]);
    slow.call.end();
    await until(() => expect(door.clients).toEqual([]));
  });

  test('an etcd that was wiped ends every watch, so that clients list the new one', async () => {
    const { own, port, mirror } = await startDoor();
    await own.transact([put('cilium/state/nodes/v1/west/old')]);
    const peer = follow(`127.0.0.1:${port}`, peerLeaf(central));
    await until(() => expect(readable(peer.mirror.entries)).toEqual(shared(mirror)));
    await etcd.wipe();
    const fresh = openOwn();
    await fresh.transact([put('cilium/state/nodes/v1/west/new')]);
    await until(() => expect([...mirror.entries.keys()]).toEqual(['cilium/state/nodes/v1/west/new']));
    await until(() => expect(readable(peer.mirror.entries)).toEqual(shared(mirror)));
    expect(peer.mirror.state.position?.storeId).toBe(mirror.state.position?.storeId);
  });

  test('a peer is disconnected at once, and let in again only as long as a store vouches for it', async () => {
    const { port, door, stores, own } = await startDoor();
    const client = rawClient(port, peerLeaf(east));
    const other = rawClient(port, peerLeaf(central));
    const [mine, theirs] = [watch(client), watch(other)];
    for (const { call, answers } of [mine, theirs]) {
      call.write(createWatch('cilium/state/'));
      await until(() => expect(answers).toHaveLength(1));
    }
    door.disconnect(east);
    await until(() => expect(mine.end.error?.code).toBe(status.UNAVAILABLE));
    expect(await outcome(client, ['cilium/state/x'])).toMatch(/^read/);
    stores.delete(east);
    door.disconnect(east);
    expect(await outcome(client, ['cilium/state/x'])).toMatch(/^7: .*cluster east is no peer of west/);
    await own.transact([put('cilium/state/x')]);
    await until(() => expect(eventsOf(theirs.answers)).toHaveLength(1));
  });

  test('one client cannot hold more than its share', async () => {
    const quota = { callsMax: 2, watchesMax: 3, unsentBytesMax: 1024 * 1024, looksPerSecond: 100 };
    const { port, own } = await startDoor({ quotas: { peer: quota, local: quota, admin: quota } });
    for (let i = 0; i < 40; i++) await own.transact([put(`cilium/state/${i}`, 'v'.repeat(500_000))]);
    const client = rawClient(port, peerLeaf(east));
    const first = watch(client);
    for (let i = 0; i < 4; i++) first.call.write(createWatch('cilium/state/'));
    await until(() => expect(first.answers).toHaveLength(4));
    expect(first.answers.map(({ canceled }) => canceled)).toEqual([false, false, false, true]);
    expect(first.answers[3]?.cancelReason).toContain('too many requests');
    first.call.write({ cancelRequest: { watchId: 0 } });
    first.call.write(createWatch('cilium/state/'));
    await until(() => expect(first.answers).toHaveLength(6));
    expect(first.answers.at(-1)).toMatchObject({ created: true, canceled: false });

    const second = watch(client);
    second.call.write(createWatch('cilium/state/', { progressNotify: true }));
    await until(() => expect(second.answers.at(-1)?.cancelReason).toContain('has 3 watches'));
    expect(await outcome(client, ['cilium/state/x'])).toMatch(/^8: etcdserver: too many requests/);
    expect(await outcome(rawClient(port, peerLeaf(central)), ['cilium/state/x'])).toMatch(/^read/);
    second.call.cancel();
    await until(async () => expect(await outcome(client, ['cilium/state/x'])).toMatch(/^read/));
    expect((await range(client, { key: bytes('cilium/state/'), rangeEnd: bytes('cilium/state0') })).kvs).toHaveLength(
      40,
    );
  });

  test('a taken port is said so', async () => {
    const { port } = await startDoor({ listed: false });
    await expect(startDoor({ listen: `127.0.0.1:${port}`, listed: false })).rejects.toMatchObject({
      code: 'LISTEN_ADDRESS_TAKEN',
    });
  });
});
