// Reads a whole range in pages at one revision, which the first page fixes. When a page does not fit into a message, the
// pages become smaller. A range that spans a changed etcd, or a revision that was compacted meanwhile, is an error: the
// caller starts again from the beginning, having used nothing of it.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { isFailure, Meanings, storeChanged } from './failures.ts';
import type { KeyRange } from './key-range.ts';
import type { MirrorSource, Page } from './mirror-port.ts';

/** The fastest size measured against etcd; a page of typical records is 1 to 2 MB. */
export const PAGE_KEYS_MAX = 5000;

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
