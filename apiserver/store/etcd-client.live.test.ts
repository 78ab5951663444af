// The store contract against a real etcd, and what only a real one can show. Needs: etcd on the PATH, loopback.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LabEtcd, startEtcd } from '../../lab/etcd.ts';
import { freePort } from '../../lab/free-port.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { storeContract } from './contract.ts';
import { type EtcdClient, openEtcd } from './etcd-client.ts';

const open = (...endpoints: readonly string[]): EtcdClient =>
  openEtcd({
    endpoints,
    credentials: credentials.createInsecure(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });

describe.skipIf(skippedWithout('etcd'))('etcd client', () => {
  const dir = mkdtempSync(join(tmpdir(), 'store-live-'));
  let etcd: LabEtcd;
  /** An implementation that shares nothing with ours: what it reads is what etcd holds. */
  let independent: Etcd3;
  beforeAll(async () => {
    etcd = await startEtcd({ dir, withoutFsync: true });
    independent = new Etcd3({ hosts: [...etcd.endpoints] });
  });
  afterAll(async () => {
    independent?.close();
    await etcd?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  storeContract('real etcd', async () => {
    const store = open(...etcd.endpoints);
    return {
      store,
      compact: async () => {
        const { revision } = await store.status();
        await independent.kv.compact({ revision: String(revision), physical: true });
      },
      close: async () => store.close(),
    };
  });

  test('another client reads what this one wrote, and this one reads what another wrote', async () => {
    const store = open(...etcd.endpoints);
    await store.transact([{ type: 'put', key: 'both/ours', value: Buffer.from('von uns') }]);
    expect(await independent.get('both/ours').string()).toBe('von uns');
    const lease = independent.lease(60);
    const id = await lease.grant();
    await lease.put('both/theirs').value('leur');
    expect(await store.get('both/theirs')).toMatchObject({ value: new Uint8Array(Buffer.from('leur')), lease: id });
    await lease.revoke();
    expect(await store.get('both/theirs')).toBeUndefined();
    store.close();
  });

  test('keys that are not text are left out, and hide none of the others', async () => {
    const store = open(...etcd.endpoints);
    const strange = Buffer.from([...Buffer.from('strange/'), 0xff, 0xfe]);
    await independent.put(strange).value('x');
    await store.transact([{ type: 'put', key: 'strange/a', value: Buffer.from('a') }]);
    const listed: string[] = [];
    for await (const page of store.list('strange/')) listed.push(...page.entries.map(({ key }) => key));
    expect(listed).toEqual(['strange/a']);
    store.close();
  });

  test('moves on to the next endpoint when one cannot be reached', async () => {
    const store = open(`127.0.0.1:${await freePort()}`, ...etcd.endpoints);
    await expect(store.status()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true });
    await expect(store.status()).resolves.toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    store.close();
  });

  test('a closed client refuses', async () => {
    const store = open(...etcd.endpoints);
    await store.status();
    store.close();
    await expect(store.status()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  });
});
