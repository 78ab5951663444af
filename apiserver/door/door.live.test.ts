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
  type ClientDuplexStream,
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
import { systemRandom } from '../../runtime/random.ts';
import { CertificateSource, channelCredentials, serverCredentials } from '../../runtime/tls/certificate-source.ts';
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
const remove = (key: string): Write => ({ type: 'delete', key });
const bytes = (text: string): Buffer => Buffer.from(text);
const readable = (entries: ReadonlyMap<string, KeyValue>): ReadonlyMap<string, unknown> =>
  new Map([...entries].map(([key, kv]) => [key, { ...kv, value: Buffer.from(kv.value).toString('latin1') }]));

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

  function watch(client: Client) {
    const { path, requestSerialize, responseDeserialize } = EtcdWire.watch;
    const call: ClientDuplexStream<WatchAsk, WatchAnswer> = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
    );
    const answers: WatchAnswer[] = [];
    const end: { error: ServiceError | undefined } = { error: undefined };
    call.on('data', (answer: WatchAnswer) => answers.push(answer));
    call.on('error', (error: ServiceError) => {
      end.error = error;
    });
    endings.push(() => call.cancel());
    return { call, answers, end };
  }

  const until = (condition: () => void) => vi.waitFor(condition, PATIENCE);

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
});
