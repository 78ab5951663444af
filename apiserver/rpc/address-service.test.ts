// Agents that follow peers' addresses over real gRPC and mutual TLS on loopback.

import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PeerAddresses } from '../../agent/addresses/book.ts';
import { AddressUpstream } from '../../agent/upstream/address-upstream.ts';
import { rpcDnsName } from '../../mesh/model/certificate-names.ts';
import type { ClusterName, Revision } from '../../mesh/model/names.ts';
import { ADDRESSES_PER_MESSAGE, type AddressesPart } from '../../mesh/wire/addresses.ts';
import { type Authority, createAuthority } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type Log, silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { AddressBook } from '../addresses/book.ts';
import type { KeyValue } from '../store/port.ts';
import type { SnapshotFeed } from '../view/port.ts';
import { createMeshServer, type MeshServer } from './server.ts';

const west = 'west' as ClusterName;
const STORE = '00000000000000aa';
const NO_SNAPSHOTS: SnapshotFeed = {
  current: undefined,
  reached: undefined,
  at: () => undefined,
  outdatedSince: () => undefined,
  subscribe: () => () => {},
};

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority({ cluster: west, now: Date.now(), days: 1 });
});

const leaf = async (profile: 'rpc' | 'agent') => {
  const node = profile === 'agent' ? { node: 'n1' } : {};
  const { certificate, key } = await issue({ authority, profile, ...node, now: Date.now(), ttlMs: 3_600_000 });
  return { cert: Buffer.from(certificate), key: Buffer.from(key) };
};

const key = (address: string) => `cilium/cache/ip/v1/east/${address}`;
const value = (address: string, identity: number) =>
  Buffer.from(JSON.stringify({ IP: address, Mask: null, HostIP: '', ID: identity, Key: 0, Metadata: '' }));

describe('following addresses', () => {
  let entries: Map<string, KeyValue>;
  let book: AddressBook;
  let server: MeshServer;
  let port: number;
  let revision: number;
  const cleanups: (() => unknown)[] = [];

  beforeEach(async () => {
    revision = 10;
    entries = new Map();
    book = new AddressBook(() => entries);
    ({ server, port } = await startServer(book));
  });
  afterEach(async () => {
    for (const end of cleanups.splice(0).reverse()) await end();
  });

  async function startServer(addresses: AddressBook, listen = 0) {
    const { cert, key: privateKey } = await leaf('rpc');
    const started = createMeshServer({
      feed: NO_SNAPSHOTS,
      addresses,
      cluster: west,
      credentials: ServerCredentials.createSsl(
        Buffer.from(authority.certificate),
        [{ private_key: privateKey, cert_chain: cert }],
        true,
      ),
      listen: `127.0.0.1:${listen}`,
      clock: systemClock,
      log: silentLog,
    });
    const bound = await started.start();
    cleanups.push(() => started.stop());
    return { server: started, port: bound };
  }

  /** Several changes at one revision. */
  function change(addresses: Readonly<Record<string, number | undefined>>, { relisted = false } = {}): void {
    revision += 1;
    const events = Object.entries(addresses).map(([address, identity]) =>
      identity === undefined
        ? { type: 'delete' as const, key: key(address), modRevision: revision }
        : {
            type: 'put' as const,
            kv: {
              key: key(address),
              value: value(address, identity),
              createRevision: revision,
              modRevision: revision,
              version: 1,
              lease: '0',
            },
          },
    );
    for (const event of events) {
      if (event.type === 'put') entries.set(event.kv.key, event.kv);
      else entries.delete(event.key);
    }
    book.onBatch({ position: { storeId: STORE, revision: revision as Revision }, events, relisted });
  }

  async function follow(node = 'n1', log: Log = silentLog) {
    const { cert, key: privateKey } = await leaf('agent');
    const parts: AddressesPart[] = [];
    const heard = new PeerAddresses();
    const upstream = new AddressUpstream({
      servers: [`127.0.0.1:${port}`],
      credentials: ChannelCredentials.createSsl(Buffer.from(authority.certificate), privateKey, cert),
      serverName: rpcDnsName(west),
      node,
      clock: systemClock,
      random: seededRandom(3),
      log,
      receive: (part) => {
        parts.push(part);
        heard.take(part);
      },
    });
    const stop = new AbortController();
    const running = upstream.run(stop.signal);
    cleanups.push(() => {
      stop.abort();
      return running;
    });
    const identities = () =>
      Object.fromEntries([...heard.prefixes()].sort().map((prefix) => [prefix, heard.owner(prefix)?.identity]));
    return { parts, identities };
  }

  test('begins with everything, in several messages, and goes on with what changes', async () => {
    change(
      Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`10.1.${index >> 8}.${index & 255}`, 131_073])),
      {
        relisted: true,
      },
    );
    const { parts, identities } = await follow();
    await expect.poll(() => Object.keys(identities()).length).toBe(2_000);
    // None is long: the server reads the records of one in a turn.
    const messages = 2_000 / ADDRESSES_PER_MESSAGE;
    expect(parts.slice(0, messages)).toMatchObject(
      Array.from({ length: messages }, (_, at) => ({ whole: at === 0, more: at < messages - 1 })),
    );
    expect(Math.max(...parts.map(({ addresses }) => addresses.length))).toBe(ADDRESSES_PER_MESSAGE);
    change({ '10.1.0.1': 131_074, '10.1.0.2': undefined });
    await expect.poll(() => identities()['10.1.0.1/32']).toBe(131_074);
    expect(Object.keys(identities()).length).toBe(1_999);
    const step = parts.at(-1);
    expect([step?.whole, step?.addresses.length, step?.removed.length, step?.to.revision]).toEqual([
      false,
      1,
      1,
      revision,
    ]);
  });

  test('looks for what is everything as it is told, and not all of it ahead of the first message', async () => {
    let looked = 0;
    const ahead: number[] = [];
    class Watched extends Map<string, KeyValue> {
      override *keys(): MapIterator<string> {
        for (const known of super.keys()) {
          looked += 1;
          yield known;
        }
        return undefined;
      }

      override get(of: string): KeyValue | undefined {
        if (super.has(of)) ahead.push(looked);
        return super.get(of);
      }
    }
    entries = new Watched();
    change(Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`10.1.${at >> 8}.${at & 255}`, 131_073])), {
      relisted: true,
    });
    const { identities } = await follow();
    await expect.poll(() => Object.keys(identities()).length).toBe(1_000);
    expect(ahead[0]).toBe(ADDRESSES_PER_MESSAGE);
    expect(looked).toBe(1_000);
  });

  test('an agent that comes back is told only what it missed, by another replica too', async () => {
    change({ '10.1.0.1': 131_073, '10.1.0.2': 131_073 }, { relisted: true });
    const { parts, identities } = await follow();
    await expect.poll(identities).toEqual({ '10.1.0.1/32': 131_073, '10.1.0.2/32': 131_073 });
    await server.stop();
    const before = parts.length;
    change({ '10.1.0.2': undefined, '10.1.0.3': 131_075 });
    await startServer(book, port);
    await expect.poll(identities, { timeout: 10_000 }).toEqual({ '10.1.0.1/32': 131_073, '10.1.0.3/32': 131_075 });
    const missed = parts.slice(before);
    expect(missed.map(({ whole }) => whole)).not.toContain(true);
    expect(missed.flatMap(({ addresses }) => addresses).length).toBe(1);
  });

  test('nothing is said before the first list, and something now and then where nothing changes', async () => {
    const { parts, identities } = await follow();
    change({ '10.1.0.1': 131_073 }, { relisted: true });
    await expect.poll(identities).toEqual({ '10.1.0.1/32': 131_073 });
    await expect.poll(() => parts.length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(parts.slice(1).flatMap(({ addresses, removed }) => [...addresses, ...removed])).toEqual([]);
  });

  test("another node's name than the certificate's is refused", async () => {
    const warnings: unknown[] = [];
    await follow('n2', { ...silentLog, warn: (message: string) => void warnings.push(message) });
    change({ '10.1.0.1': 131_073 }, { relisted: true });
    await expect.poll(() => warnings).toEqual(['addresses are not followed']);
  });
});
