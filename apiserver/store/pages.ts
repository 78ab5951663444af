// Reads whole ranges in pages at one revision, which the first page fixes. When a page does not fit into a message, the
// pages become smaller. A range that spans a changed etcd, or a revision that was compacted meanwhile, is an error: the
// caller starts again from the beginning, having used nothing of it.
//
// Several ranges begin with one question, which is answered with a page of each: most have no more than that, and of a peer that has
// little, asking costs more than reading.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { isFailure, Meanings, storeChanged } from './failures.ts';
import { type KeyRange, singleKey } from './key-range.ts';
import type { MirrorSource, Page } from './mirror-port.ts';
import type { KeyValue } from './port.ts';

/** The fastest size measured against etcd; a page of typical records is 1 to 2 MB. */
export const PAGE_KEYS_MAX = 5000;
/** Of each range in the question for all: ten ranges that are full of typical records are two or three usual pages. */
export const FIRST_PAGE_KEYS_MAX = 1000;

export interface PagesOptions {
  readonly range: KeyRange;
  /** Reads there instead of at the newest revision. */
  readonly at?: Position | undefined;
  readonly pageKeys?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function* pagesOf(source: Pick<MirrorSource, 'readPage'>, options: PagesOptions): AsyncGenerator<Page> {
  let limit = options.pageKeys ?? PAGE_KEYS_MAX;
  let at = options.at;
  let rest: KeyRange | undefined = options.range;
  while (rest !== undefined) {
    let page: Page;
    try {
      page = await source.readPage({ range: rest, revision: at?.revision ?? 0, limit }, options.signal);
    } catch (error) {
      if (!isFailure(error, Meanings.answerTooLarge) || limit === 1) throw error;
      limit = Math.ceil(limit / 8);
      continue;
    }
    if (at !== undefined && at.storeId !== page.position.storeId) throw storeChanged(at.storeId, page.position.storeId);
    at = { storeId: page.position.storeId, revision: at?.revision ?? page.position.revision };
    rest = page.rest;
    yield { ...page, position: at };
  }
}

export interface RangesOptions extends Omit<PagesOptions, 'range' | 'at'> {
  readonly ranges: readonly KeyRange[];
}

/** Of several ranges, in their order, all at the revision of the first page. */
export async function* pagesOfAll(
  source: Pick<MirrorSource, 'readPage' | 'readPages'>,
  { ranges, ...options }: RangesOptions,
): AsyncGenerator<Page> {
  const first = ranges.length > 1 ? await firstPages(source, ranges, options) : undefined;
  let at = first?.[0]?.position;
  for (const [index, range] of ranges.entries()) {
    const page = first?.[index];
    if (page !== undefined) yield page;
    const rest = page === undefined ? range : page.rest;
    if (rest === undefined) continue;
    for await (const next of pagesOf(source, { range: rest, at, ...options })) {
      at ??= next.position;
      yield next;
    }
  }
}

/** Those keys that are there, at one revision. */
export async function readKeys(
  source: Pick<MirrorSource, 'readPage' | 'readPages'>,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, KeyValue>> {
  const found = new Map<string, KeyValue>();
  for await (const { entries } of pagesOfAll(source, { ranges: keys.map(singleKey), signal })) {
    for (const kv of entries) found.set(kv.key, kv);
  }
  return found;
}

/** After these, each range is asked for by itself: the other side does not answer for several, or not for one of them, which it then says. */
const REFUSED_TOGETHER = [Meanings.denied, Meanings.failed, Meanings.answerTooLarge];

async function firstPages(
  source: Pick<MirrorSource, 'readPages'>,
  ranges: readonly KeyRange[],
  { pageKeys = FIRST_PAGE_KEYS_MAX, signal }: Pick<PagesOptions, 'pageKeys' | 'signal'>,
): Promise<readonly Page[] | undefined> {
  try {
    return await source.readPages(
      ranges.map((range) => ({ range, revision: 0, limit: pageKeys })),
      signal,
    );
  } catch (error) {
    if (REFUSED_TOGETHER.some((meaning) => isFailure(error, meaning))) return undefined;
    throw error;
  }
}
