// What every store does, as one suite: run against the memory store (unit) and against a real etcd (live), so that unit tests
// of other parts stand on the same behaviour as production.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { MirrorBatch, MirroringStore, MirrorOptions, RangePage, Write } from './port.ts';
import { TRANSACTION_WRITES_MAX } from './port.ts';

export interface ContractSubject {
  readonly store: MirroringStore;
  /** Forgets the history before the present revision. */
  compact(): Promise<void>;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const put = (key: string, value = 'v', lease?: string): Write => ({
  type: 'put',
  key,
  value: bytes(value),
  ...(lease === undefined ? {} : { lease }),
});
const remove = (key: string): Write => ({ type: 'delete', key });
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

export function storeContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(`store contract: ${name}`, () => {
    let subject: ContractSubject;
    let store: MirroringStore;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    });
    afterAll(() => subject?.close());

    async function pagesOf(prefix: string, between: () => Promise<unknown> = async () => {}): Promise<RangePage[]> {
      const pages: RangePage[] = [];
      for await (const page of store.list(prefix)) {
        pages.push(page);
        await between();
      }
      return pages;
    }
    const keysUnder = async (prefix: string): Promise<string[]> =>
      (await pagesOf(prefix)).flatMap(({ entries }) => entries.map(({ key }) => key));

    /** Follows `prefixes` until `stop`, and remembers what it was told. */
    function follow(options: Omit<MirrorOptions, 'observer'>) {
      const batches: MirrorBatch[] = [];
      const mirror = store.createMirror({ ...options, observer: { onBatch: (batch) => void batches.push(batch) } });
      let stopping = new AbortController();
      let running: Promise<void> | undefined;
      return {
        mirror,
        batches,
        start() {
          stopping = new AbortController();
          running = mirror.run(stopping.signal);
          return vi.waitFor(() => expect(mirror.state.phase).toBe('live'), { timeout: 10_000 });
        },
        async stop() {
          stopping.abort();
          await running;
        },
        changes: () =>
          batches.flatMap(({ events }) =>
            events.map((event) => (event.type === 'put' ? `put ${event.kv.key}` : `delete ${event.key}`)),
          ),
      };
    }

    test('gives back what was put, with its revisions, and nothing for what is not there', async () => {
      const { position: first } = await store.transact([put('get/a', 'one')]);
      const { position: second } = await store.transact([put('get/a', 'two')]);
      expect(second.revision).toBe(first.revision + 1);
      expect(await store.get('get/a')).toEqual({
        key: 'get/a',
        value: bytes('two'),
        createRevision: first.revision,
        modRevision: second.revision,
        version: 2,
        lease: '0',
      });
      expect(await store.get('get/')).toBeUndefined();
      expect(await store.get('get/absent')).toBeUndefined();
    });

    test('reads several keys at once: those that are there, as each would be read', async () => {
      await store.transact([put('all/a', 'one'), put('all/b', 'two'), put('all/ab', 'other')]);
      const found = await store.getAll(['all/b', 'all/absent', 'all/', 'all/a']);
      expect([...found.keys()].sort()).toEqual(['all/a', 'all/b']);
      expect(found.get('all/a')).toEqual(await store.get('all/a'));
      expect(await store.getAll([])).toEqual(new Map());
      expect([...(await store.getAll(['all/ab'])).keys()]).toEqual(['all/ab']);
    });

    test('keeps values byte for byte, empty ones too', async () => {
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.transact([
        { type: 'put', key: 'bytes/all', value },
        { type: 'put', key: 'bytes/none', value: new Uint8Array(0) },
      ]);
      expect((await store.get('bytes/all'))?.value).toEqual(value);
      expect((await store.get('bytes/none'))?.value).toEqual(new Uint8Array(0));
    });

    test('writes only when every condition holds', async () => {
      const created = await store.transact([put('if/a')], [{ key: 'if/a', modRevision: 0 }]);
      expect(created.succeeded).toBe(true);
      const again = await store.transact([put('if/a', 'again')], [{ key: 'if/a', modRevision: 0 }]);
      expect(again.succeeded).toBe(false);
      const current = { key: 'if/a', modRevision: created.position.revision };
      const half = await store.transact([put('if/b')], [current, { key: 'if/c', modRevision: 7 }]);
      expect(half.succeeded).toBe(false);
      expect((await store.transact([remove('if/a')], [current])).succeeded).toBe(true);
      expect(await keysUnder('if/')).toEqual([]);
    });

    test('a transaction is one revision; deleting what is not there is no change', async () => {
      const { position } = await store.transact([put('txn/a'), put('txn/b')]);
      await store.transact([remove('txn/none')]);
      const { position: next } = await store.transact([remove('txn/a'), put('txn/c')]);
      expect(next.revision).toBe(position.revision + 1);
      const revisions = [(await store.get('txn/b'))?.modRevision, (await store.get('txn/c'))?.modRevision];
      expect(revisions).toEqual([position.revision, next.revision]);
    });

    test('refuses a transaction that is too large or names a key twice, and writes none of it', async () => {
      const many = Array.from({ length: TRANSACTION_WRITES_MAX + 1 }, (_, index) => put(`big/${index}`));
      await expect(store.transact(many)).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: false });
      await expect(store.transact([put('big/a'), put('big/a')])).rejects.toMatchObject({ code: 'STORE_FAILED' });
      expect(await keysUnder('big/')).toEqual([]);
      const most = many.slice(1);
      expect((await store.transact(most)).succeeded).toBe(true);
    });

    test('lists a prefix in byte order and nothing beside it', async () => {
      const under = ['list/a', 'list/a/b', 'list/b', 'list/z', 'list/ü', 'list/\uffff', 'list/\u{10ffff}'];
      for (const key of ['list', 'list0', 'lis/t', ...under.toReversed()]) await store.transact([put(key)]);
      expect(await keysUnder('list/')).toEqual(under);
      expect(await keysUnder('list/a')).toEqual(['list/a', 'list/a/b']);
    });

    test('lists many pages as they were at one revision, whatever is written meanwhile', async () => {
      const keys = Array.from({ length: 11_000 }, (_, index) => `pages/${String(index).padStart(6, '0')}`);
      for (let at = 0; at < keys.length; at += 100) {
        await store.transact(keys.slice(at, at + 100).map((key) => put(key, 'before')));
      }
      const { revision } = await store.status();
      const pages = await pagesOf('pages/', () =>
        store.transact([put('pages/010999', 'after'), remove('pages/009999'), put('pages/new')]),
      );
      expect(pages.length).toBeGreaterThan(1);
      expect(new Set(pages.map(({ position }) => position.revision))).toEqual(new Set([revision]));
      const listed = pages.flatMap(({ entries }) => entries);
      expect(listed.map(({ key }) => key)).toEqual(keys);
      expect(new Set(listed.map(({ value }) => text(value)))).toEqual(new Set(['before']));
    });

    test('a lease takes its keys with it, and nothing can be put under it afterwards', async () => {
      const lease = await store.grantLease(60);
      await store.transact([put('lease/a', 'v', lease.id), put('lease/b')]);
      expect((await store.get('lease/a'))?.lease).toBe(lease.id);
      await lease.revoke();
      expect(lease.lost.aborted).toBe(true);
      expect(await keysUnder('lease/')).toEqual(['lease/b']);
      await expect(store.transact([put('lease/c', 'v', lease.id)])).rejects.toMatchObject({ code: 'STORE_LEASE_GONE' });
    });

    test('leases are taken over with what hangs on them, but for those that are gone or short', async () => {
      const lease = await store.grantLease(60);
      await store.transact([put('lease/kept', 'v', lease.id)]);
      lease.abandon();
      const gone = await store.grantLease(60);
      await gone.revoke();
      const adopted = await store.adoptLeases([lease.id, gone.id], 60);
      expect(adopted.map(({ id }) => id)).toEqual([lease.id]);
      expect(await store.adoptLeases([], 60)).toEqual([]);
      await store.transact([put('lease/more', 'v', lease.id)]);
      await adopted[0]?.revoke();
      expect(adopted[0]?.lost.aborted).toBe(true);
      expect(await keysUnder('lease/')).toEqual(['lease/b']);
    });

    test('an aborted call rejects with the reason of the abort', async () => {
      const reason = new Error('no longer needed');
      await expect(store.get('x', AbortSignal.abort(reason))).rejects.toBe(reason);
      await expect(store.transact([put('aborted')], [], AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await store.get('aborted')).toBeUndefined();
    });

    test('says which etcd it is and where it stands', async () => {
      const { position } = await store.transact([put('status')]);
      expect(position.storeId).toMatch(/^[0-9a-f]{16}$/);
      expect(await store.status()).toMatchObject({ storeId: position.storeId, revision: position.revision });
    });

    test.each([{ spanning: true }, { spanning: false }])('a mirror lists, then follows ($spanning)', async (mode) => {
      const base = `mirror-${mode.spanning}`;
      await store.transact([
        put(`${base}/a/1`, 'old'),
        put(`${base}/one`),
        put(`${base}/one-more`),
        put(`${base}/b/1`),
      ]);
      const { mirror, batches, start, stop, changes } = follow({ ...mode, prefixes: [`${base}/a/`, `${base}/one`] });
      await start();
      expect([...mirror.entries.keys()]).toEqual([`${base}/a/1`, `${base}/one`]);
      expect(batches).toMatchObject([{ relisted: true, position: mirror.state.position }]);

      await store.transact([put(`${base}/a/1`, 'new'), put(`${base}/a/2`), put(`${base}/b/2`)]);
      await store.transact([remove(`${base}/a/2`), put(`${base}/one-more`)]);
      const { position } = await store.transact([remove(`${base}/one`), remove(`${base}/b/1`)]);
      await vi.waitFor(() => expect(mirror.entries.has(`${base}/one`)).toBe(false));
      expect(changes().slice(2)).toEqual([
        `put ${base}/a/1`,
        `put ${base}/a/2`,
        `delete ${base}/a/2`,
        `delete ${base}/one`,
      ]);
      const [changed] = batches[1]?.events ?? [];
      expect(text(changed?.previous?.value)).toBe('old');
      expect([...mirror.entries.keys()]).toEqual([`${base}/a/1`]);
      if (mode.spanning) expect(mirror.state.position).toEqual(position);
      await stop();
    });

    test('a mirror that was away resumes, and after a compaction tells the differences', async () => {
      await store.transact([put('away/kept'), put('away/changed'), put('away/removed')]);
      const { mirror, batches, start, stop, changes } = follow({ prefixes: ['away/'], spanning: true });
      await start();
      await stop();
      await store.transact([put('away/meanwhile')]);
      await start();
      await vi.waitFor(() => expect(mirror.entries.has('away/meanwhile')).toBe(true));
      expect(batches.map(({ relisted }) => relisted)).toEqual([true, false]);
      await stop();

      await store.transact([put('away/changed'), remove('away/removed')]);
      await store.transact([put('away/added'), put('away/gone')]);
      await store.transact([remove('away/gone')]);
      await subject.compact();
      await start();
      await vi.waitFor(() => expect(mirror.entries.has('away/added')).toBe(true));
      expect(batches.at(-1)?.relisted).toBe(true);
      expect(changes().slice(4)).toEqual(['put away/changed', 'put away/added', 'delete away/removed']);
      expect([...mirror.entries.keys()].sort()).toEqual(['away/added', 'away/changed', 'away/kept', 'away/meanwhile']);
      await stop();
    });
  });
}
