// Several ranges, read together where the other side answers for several, and one by one where it does not.

import { expect, test } from 'vitest';
import { Meanings, storeFailure } from './failures.ts';
import { prefixRange } from './key-range.ts';
import { MemoryStore } from './memory-store.ts';
import type { Page, PageRequest } from './mirror-port.ts';
import { pagesOfAll } from './pages.ts';

const NAMES = ['b/', 'none/', 'a/'];
const KEYS = ['a/1', 'a/2', 'a/3', 'b/1', 'b/2'];

/** What it was asked, and what it answers to a question for several. */
class AskedStore {
  readonly asked: string[] = [];
  readonly store = new MemoryStore();
  refusal: Error | undefined;
  /** After each answer. */
  meanwhile: () => Promise<unknown> = async () => {};

  async readPage(request: PageRequest): Promise<Page> {
    this.asked.push(`page of ${Buffer.from(request.range.start)}`);
    const page = await this.store.readPage(request);
    await this.meanwhile();
    return page;
  }

  async readPages(requests: readonly PageRequest[]): Promise<readonly Page[]> {
    this.asked.push(`pages of ${requests.length}`);
    if (this.refusal !== undefined) throw this.refusal;
    const pages = await this.store.readPages(requests);
    await this.meanwhile();
    return pages;
  }
}

const put = (key: string) => ({ type: 'put', key, value: Buffer.from(key) }) as const;

async function filled(): Promise<AskedStore> {
  const source = new AskedStore();
  await source.store.transact(KEYS.map(put));
  return source;
}

async function keysOf(source: AskedStore, names: readonly string[], pageKeys?: number) {
  const keys: string[] = [];
  const revisions = new Set<number>();
  for await (const { entries, position } of pagesOfAll(source, { ranges: names.map(prefixRange), pageKeys })) {
    keys.push(...entries.map(({ key }) => key));
    revisions.add(position.revision);
  }
  return { keys, revisions: revisions.size };
}

const WANTED = { keys: ['b/1', 'b/2', 'a/1', 'a/2', 'a/3'], revisions: 1 };

test('what fits into a page of each range is one question', async () => {
  const source = await filled();
  expect(await keysOf(source, NAMES)).toEqual(WANTED);
  expect(source.asked).toEqual(['pages of 3']);
});

test('a range that goes on is read to its end, at the revision of the first answer', async () => {
  const source = await filled();
  source.meanwhile = () => source.store.transact([put('a/2'), put('a/4'), { type: 'delete', key: 'b/2' }]);
  expect(await keysOf(source, NAMES, 1)).toEqual(WANTED);
  expect(source.asked[0]).toBe('pages of 3');
  expect(source.asked).toHaveLength(1 + 1 + 2);
});

test.for([Meanings.denied, Meanings.failed, Meanings.answerTooLarge])(
  'where it is refused together ($code), each is asked for by itself',
  async (meaning) => {
    const source = await filled();
    source.refusal = storeFailure(meaning, { operation: 'read', reason: 'not together' });
    source.meanwhile = () => source.store.transact([put('a/4')]);
    expect(await keysOf(source, NAMES)).toEqual(WANTED);
    expect(source.asked).toEqual(['pages of 3', 'page of b/', 'page of none/', 'page of a/']);
  },
);

test('whoever cannot be reached is not asked again', async () => {
  const source = await filled();
  source.refusal = storeFailure(Meanings.unreachable, { operation: 'read', reason: 'cut' });
  await expect(keysOf(source, NAMES)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  expect(source.asked).toEqual(['pages of 3']);
});

test('a single range is asked for as ever', async () => {
  const source = await filled();
  expect((await keysOf(source, ['a/'])).keys).toEqual(['a/1', 'a/2', 'a/3']);
  expect(source.asked).toEqual(['page of a/']);
});
