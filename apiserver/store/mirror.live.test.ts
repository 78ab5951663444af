// A mirror against a real etcd through a proxy that fails on command: what etcd3's watcher loses, and what kills, wipes and
// black holes do. Given a mirror that is live, when the link or the etcd fails in some way while others write to it directly,
// then the mirror ends up with exactly what etcd holds, and was told each change once. Needs: etcd on the PATH, loopback.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Channel, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { Etcd3 } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CutProxy, startCutProxy } from '../../lab/cut-proxy.ts';
import { type LabEtcd, startEtcd } from '../../lab/etcd.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { type EtcdClient, type EtcdOptions, openEtcd } from './etcd-client.ts';
import type { KeyValue, Mirror, MirrorBatch, MirrorOptions, Write } from './port.ts';

const PREFIXES = ['cilium/', 'clustermesh/'];
const PATIENCE = { timeout: 20_000, interval: 20 };

const put = (key: string, value = 'v'): Write => ({ type: 'put', key, value: Buffer.from(value) });
const remove = (key: string): Write => ({ type: 'delete', key });

function open(endpoint: string, channelOptions: EtcdOptions['channelOptions'] = {}): EtcdClient {
  return openEtcd({
    endpoints: [endpoint],
    credentials: credentials.createInsecure(),
    channelOptions,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
}

/** Values as text: comparing megabytes of bytes one by one takes vitest seconds. */
const readable = (entries: ReadonlyMap<string, KeyValue>): ReadonlyMap<string, unknown> =>
  new Map(
    [...entries.values()].map(({ key, value, createRevision, modRevision, version, lease }) => [
      key,
      { value: Buffer.from(value).toString('latin1'), createRevision, modRevision, version, lease },
    ]),
  );

interface Following {
  readonly mirror: Mirror;
  readonly batches: readonly MirrorBatch[];
  /** The changes since the last call, as text. */
  changes(): string[];
  /** The events one after the other. */
  readonly replayed: ReadonlyMap<string, KeyValue>;
  live(): Promise<void>;
}

describe.skipIf(skippedWithout('etcd'))('mirror of a real etcd', () => {
  const dir = mkdtempSync(join(tmpdir(), 'mirror-live-'));
  let etcd: LabEtcd;
  let proxy: CutProxy;
  /** Writes to etcd without the proxy. */
  let direct: EtcdClient;
  let independent: Etcd3;
  const endings: (() => void | Promise<void>)[] = [];

  beforeAll(async () => {
    etcd = await startEtcd({ dir, withoutFsync: true });
  });
  afterAll(async () => {
    await etcd?.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await etcd.wipe();
    proxy = await startCutProxy(etcd.endpoints[0] ?? '');
    direct = open(etcd.endpoints[0] ?? '');
    independent = new Etcd3({ hosts: [...etcd.endpoints] });
  });
  afterEach(async () => {
    for (const end of endings.splice(0)) await end();
    direct.close();
    independent.close();
    await proxy.close();
  });

  function follow(options: Partial<MirrorOptions> = {}, channelOptions: EtcdOptions['channelOptions'] = {}): Following {
    const client = open(proxy.endpoint, channelOptions);
    const batches: MirrorBatch[] = [];
    const replayed = new Map<string, KeyValue>();
    const told: string[] = [];
    const mirror = client.createMirror({
      prefixes: PREFIXES,
      spanning: true,
      ...options,
      limits: { backoff: { delayMsMin: 20, delayMsMax: 200 }, ...options.limits },
      observer: {
        onBatch(batch) {
          batches.push(batch);
          for (const event of batch.events) {
            if (event.type === 'put') replayed.set(event.kv.key, event.kv);
            else replayed.delete(event.key);
            told.push(event.type === 'put' ? `put ${event.kv.key}` : `delete ${event.key}`);
          }
        },
      },
    });
    const stop = new AbortController();
    const running = mirror.run(stop.signal);
    endings.push(async () => {
      stop.abort();
      await running;
      client.close();
    });
    return {
      mirror,
      batches,
      replayed,
      changes: () => told.splice(0),
      live: () => vi.waitFor(() => expect(mirror.state.phase).toBe('live'), PATIENCE),
    };
  }

  async function content(): Promise<Map<string, KeyValue>> {
    const held = new Map<string, KeyValue>();
    for (const prefix of PREFIXES) {
      for await (const { entries } of direct.list(prefix)) for (const kv of entries) held.set(kv.key, kv);
    }
    return held;
  }

  /** Until the mirror has what etcd has; then its events one after the other must give the same. */
  async function caughtUp({ mirror, replayed }: Following): Promise<void> {
    const held = await content();
    const { revision } = await direct.status();
    await vi.waitFor(() => expect(mirror.state.position?.revision).toBe(revision), PATIENCE);
    expect(readable(mirror.entries)).toEqual(readable(held));
    expect(readable(replayed)).toEqual(readable(held));
  }

  async function compact(): Promise<void> {
    const { revision } = await direct.status();
    await independent.kv.compact({ revision: String(revision), physical: true });
  }

  /** A mirror that is live and knows an entry: one that knows nothing lists again instead of catching up. */
  async function followSomething(
    options: Partial<MirrorOptions> = {},
    channelOptions: EtcdOptions['channelOptions'] = {},
  ) {
    await direct.transact([put('cilium/first')]);
    const following = follow(options, channelOptions);
    await following.live();
    following.changes();
    return following;
  }

  test('what was written while the link was cut arrives once', async () => {
    const following = await followSomething();
    proxy.refuse();
    const written: string[] = [];
    for (let index = 0; index < 10; index++) {
      await direct.transact([put(`cilium/${index}`)]);
      written.push(`put cilium/${index}`);
    }
    proxy.accept();
    await caughtUp(following);
    expect(following.changes()).toEqual(written);
    expect(following.batches.filter(({ relisted }) => relisted)).toHaveLength(1);
  });

  test('a second break before the history has arrived loses nothing', async () => {
    const following = await followSomething();
    proxy.refuse();
    const written: string[] = [];
    for (let index = 0; index < 10; index++) {
      await direct.transact([put(`cilium/${index}`, 'x'.repeat(4000))]);
      written.push(`put cilium/${index}`);
    }
    // Each attempt gets a little further: handshake, created answer, part of the history.
    for (let bytes = 50; bytes < 40_000; bytes *= 1.5) {
      const { disconnects } = following.mirror.state;
      proxy.cutAfter(bytes);
      proxy.accept();
      const before = following.mirror.state.lastError;
      await vi.waitFor(() => {
        const { disconnects: now, lastError } = following.mirror.state;
        expect(now > disconnects || (lastError !== undefined && lastError !== before)).toBe(true);
      }, PATIENCE);
      proxy.refuse();
    }
    proxy.cutAfter(undefined);
    proxy.accept();
    await caughtUp(following);
    expect(following.changes()).toEqual(written);
    expect(following.batches.filter(({ relisted }) => relisted)).toHaveLength(1);
    expect(following.mirror.state.disconnects).toBeGreaterThan(2);
  });

  test('catching up on more than 4 MiB loses nothing', async () => {
    const following = await followSomething();
    proxy.refuse();
    const written: string[] = [];
    for (let index = 0; index < 61; index++) {
      await direct.transact([put(`cilium/${index}`, 'x'.repeat(100_000))]);
      written.push(`put cilium/${index}`);
    }
    proxy.accept();
    await caughtUp(following);
    expect(following.changes()).toEqual(written);
  });

  test('history that does not fit into the receive limit is listed instead', async () => {
    const limit = { 'grpc.max_receive_message_length': 1024 * 1024 };
    const following = await followSomething({}, limit);
    proxy.refuse();
    for (let index = 0; index < 30; index++) await direct.transact([put(`cilium/${index}`, 'x'.repeat(100_000))]);
    proxy.accept();
    await caughtUp(following);
    expect(following.batches.filter(({ relisted }) => relisted)).toHaveLength(2);
  });

  test('compaction while away: the differences, deletions included, from one list', async () => {
    await direct.transact([put('cilium/kept'), put('cilium/changed'), put('clustermesh/removed'), put('beside/it')]);
    const following = follow({ limits: { pageKeys: 1 } });
    await following.live();
    following.changes();
    proxy.refuse();
    await direct.transact([put('cilium/changed', 'w'), remove('clustermesh/removed'), put('cilium/brief')]);
    await direct.transact([put('clustermesh/added'), remove('cilium/brief')]);
    await compact();
    proxy.accept();
    await caughtUp(following);
    expect(following.batches.at(-1)?.relisted).toBe(true);
    expect(following.changes()).toEqual(['put cilium/changed', 'put clustermesh/added', 'delete clustermesh/removed']);
  });

  test('a watch that is denied does not wedge the mirror, nor the others of its client', async () => {
    await direct.transact([put('cilium/seen')]);
    const { admin, token } = await withAuthentication(independent, etcd.endpoints);
    endings.push(() => admin.close());
    const following = follow({ spanning: false }, carrying(token));
    await following.live();
    const reader = admin.role('reader');
    await reader.revoke({ permission: 'Read', range: admin.range({ prefix: 'clustermesh/' }) });
    proxy.cut();
    await vi.waitFor(() => expect(following.mirror.state.lastError).toMatchObject({ code: 'STORE_DENIED' }), PATIENCE);
    expect(following.mirror.state.staleSince).toBeDefined();
    await admin.put('cilium/meanwhile').value('v');
    await reader.grant({ permission: 'Read', range: admin.range({ prefix: 'clustermesh/' }) });
    await following.live();
    await vi.waitFor(() => expect(following.mirror.entries.has('cilium/meanwhile')).toBe(true), PATIENCE);
    expect(following.changes()).toEqual(['put cilium/seen', 'put cilium/meanwhile']);
  });

  test('a black hole is noticed by keepalive', async () => {
    // etcd allows no shorter interval than 5 s.
    const keepalive = { 'grpc.keepalive_time_ms': 5000, 'grpc.keepalive_timeout_ms': 1000 };
    const following = follow({ limits: { progressIntervalMs: 60_000 } }, keepalive);
    await following.live();
    proxy.pause('to-client', 'to-server');
    const since = performance.now();
    await direct.transact([put('cilium/unheard')]);
    await vi.waitFor(() => expect(following.mirror.state.phase).not.toBe('live'), PATIENCE);
    expect(performance.now() - since).toBeLessThan(8000);
    proxy.resume();
    await caughtUp(following);
    expect(following.changes()).toEqual(['put cilium/unheard']);
  });

  test('an etcd that accepts and says nothing is noticed by the progress that does not come', async () => {
    const following = follow({ limits: { progressIntervalMs: 200, silentLooksMax: 4, establishTimeoutMs: 500 } });
    await following.live();
    const heard = following.mirror.state.lastHeard ?? 0;
    await vi.waitFor(() => expect(following.mirror.state.lastHeard).toBeGreaterThan(heard), PATIENCE);
    etcd.freeze();
    await vi.waitFor(() => expect(following.mirror.state.phase).not.toBe('live'), PATIENCE);
    expect(following.mirror.state.staleSince).toBe(following.mirror.state.lastHeard);
    etcd.thaw();
    await following.live();
    await direct.transact([put('cilium/after')]);
    await caughtUp(following);
    expect(following.mirror.state.staleSince).toBeUndefined();
  });

  test('kill -9 of etcd under writes: every change arrives, in order, once', async () => {
    const following = await followSomething();
    let stop = false;
    let written = 0;
    const writing = (async () => {
      while (!stop) {
        const keys = [`cilium/${written % 50}`, `clustermesh/${written % 7}`] as const;
        await direct
          .transact(written % 5 === 4 ? [remove(keys[0]), put(keys[1])] : [put(keys[0], `${written}`), put(keys[1])])
          .then(() => written++)
          .catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
      }
    })();
    for (let round = 0; round < 3; round++) {
      const before = written;
      await vi.waitFor(() => expect(written).toBeGreaterThan(before + 50), PATIENCE);
      await etcd.kill();
      await etcd.restart();
    }
    const before = written;
    await vi.waitFor(() => expect(written).toBeGreaterThan(before + 50), PATIENCE);
    stop = true;
    await writing;
    await caughtUp(following);
    expect(following.batches.filter(({ relisted }) => relisted)).toHaveLength(1);
    const revisions = following.batches.map(({ position }) => position.revision as number);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  });

  test.each([
    { what: 'with another cluster id', sameClusterId: false },
    { what: 'with the same flags, hence the same cluster id', sameClusterId: true },
  ])('a wiped etcd ($what) withdraws nothing before the list is complete, then the difference', async (wipe) => {
    const keys = Array.from({ length: 40 }, (_, index) => `cilium/${String(index).padStart(2, '0')}`);
    for (const key of keys) await direct.transact([put(key, 'before'.repeat(50))]);
    const following = follow({ limits: { pageKeys: 5 } });
    await caughtUp(following);
    const storeBefore = following.mirror.state.position?.storeId;
    following.changes();

    proxy.refuse();
    await etcd.wipe(wipe);
    // Most come back, one is new; and the new etcd gets further than the old one was, as a busy one does.
    for (const key of keys.slice(0, 30)) await direct.transact([put(key, 'after'.repeat(50))]);
    await direct.transact([put('clustermesh/new')]);
    for (let index = 0; index < 50; index++) await direct.transact([put('beside/it', `${index}`)]);
    expect((await direct.status()).revision).toBeGreaterThan(following.mirror.state.position?.revision ?? 0);
    expect((await direct.status()).storeId === storeBefore).toBe(wipe.sameClusterId);

    // Lists that break in the middle change nothing.
    for (const bytes of [500, 1000, 2000]) {
      const { lastError } = following.mirror.state;
      proxy.cutAfter(bytes);
      proxy.accept();
      await vi.waitFor(() => expect(following.mirror.state.lastError).not.toBe(lastError), PATIENCE);
      proxy.refuse();
      expect(following.changes()).toEqual([]);
      expect([...following.mirror.entries.keys()]).toEqual(keys);
      expect(following.mirror.state.staleSince).toBeDefined();
    }
    proxy.cutAfter(undefined);
    proxy.accept();
    await following.live();
    expect(readable(following.mirror.entries)).toEqual(readable(await content()));
    expect(following.batches.at(-1)?.relisted).toBe(true);
    const changes = following.changes();
    expect(changes).toEqual([
      ...keys.slice(0, 30).map((key) => `put ${key}`),
      'put clustermesh/new',
      ...keys.slice(30).map((key) => `delete ${key}`),
    ]);
  });

  test('a lease that cannot be renewed is lost before etcd ends it', async () => {
    const client = open(proxy.endpoint);
    endings.push(() => client.close());
    const lease = await client.grantLease(3);
    await client.transact([{ type: 'put', key: 'cilium/leased', value: Buffer.from('v'), lease: lease.id }]);
    await new Promise((resolve) => setTimeout(resolve, 3500)); // longer than the time to live: renewals work
    expect(lease.lost.aborted).toBe(false);
    proxy.pause('to-client', 'to-server');
    const lost = await new Promise((resolve) =>
      lease.lost.addEventListener('abort', () => resolve(direct.get('cilium/leased'))),
    );
    expect(lost).toBeDefined();
    await vi.waitFor(async () => expect(await direct.get('cilium/leased')).toBeUndefined(), PATIENCE);
  });

  test('a lease survives a cut link', async () => {
    const client = open(proxy.endpoint);
    endings.push(() => client.close());
    const lease = await client.grantLease(3);
    await client.transact([{ type: 'put', key: 'cilium/leased', value: Buffer.from('v'), lease: lease.id }]);
    const until = performance.now() + 6000;
    while (performance.now() < until) {
      proxy.cut();
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    expect(lease.lost.aborted).toBe(false);
    expect(await direct.get('cilium/leased')).toBeDefined();
  });
});

/** Turns authentication on, with a user that may read both prefixes; gives that user's token, and an administrator. */
async function withAuthentication(etcd: Etcd3, hosts: readonly string[]): Promise<{ admin: Etcd3; token: string }> {
  await etcd.role('root').create();
  await etcd.user('root').create('secret');
  await etcd.user('root').addRole('root');
  await etcd.role('reader').create();
  for (const prefix of PREFIXES) {
    await etcd.role('reader').grant({ permission: 'Read', range: etcd.range({ prefix }) });
  }
  await etcd.user('reader').create('secret');
  await etcd.user('reader').addRole('reader');
  await etcd.auth.authEnable();
  const { token } = await etcd.auth.authenticate({ name: 'reader', password: 'secret' });
  return { token, admin: new Etcd3({ hosts: [...hosts], auth: { username: 'root', password: 'secret' } }) };
}

/** Every call of the channel says who asks. */
function carrying(token: string): ChannelOptions {
  const channelFactoryOverride = (...made: ConstructorParameters<typeof Channel>): Channel => {
    const channel = new Channel(...made);
    const createCall = channel.createCall.bind(channel);
    channel.createCall = (...asked) => {
      const call = createCall(...asked);
      const start = call.start.bind(call);
      call.start = (metadata, listener) => {
        metadata.set('token', token);
        start(metadata, listener);
      };
      return call;
    };
    return channel;
  };
  return { channelFactoryOverride };
}
