// Everything under some prefixes at one revision, read in pages: what a mirror knows from then on, and what it passes on without keeping
// it. Nothing of a list that breaks off is used; one that is complete is told to its end, in pieces between which others have their turns.

import type { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { byRevision, differences } from './differences.ts';
import { rangeOf } from './key-range.ts';
import type { MirrorSource } from './mirror-port.ts';
import { pagesOf } from './pages.ts';
import type { KeyValue, MirrorObserver, StoreEvent } from './port.ts';

export interface WholeList {
  readonly at: Position;
  readonly kept: KeyedTable<KeyValue>;
  readonly passed: KeyValue[];
}

export interface WholeListOptions {
  readonly prefixes: readonly string[];
  readonly pageKeys: number | undefined;
  readonly keeps: (key: string) => boolean;
  /** Empty, to be filled. */
  readonly into: KeyedTable<KeyValue>;
  /** Throws where the list is of no use at the position of its first page. */
  readonly accept: (position: Position) => void;
  /** After each page: how many entries have come. */
  readonly onPage: (entries: number) => void;
}

export async function readWhole(
  source: Pick<MirrorSource, 'readPage'>,
  { prefixes, pageKeys, keeps, into: kept, accept, onPage }: WholeListOptions,
  signal: AbortSignal,
): Promise<WholeList> {
  const passed: KeyValue[] = [];
  let at: Position | undefined;
  for (const name of prefixes) {
    for await (const page of pagesOf(source, { range: rangeOf(name), at, pageKeys, signal })) {
      if (at === undefined) accept(page.position);
      at ??= page.position;
      for (const kv of page.entries) {
        if (keeps(kv.key)) kept.put(kv);
        else passed.push(kv);
      }
      onPage(kept.size + passed.length);
    }
  }
  if (at === undefined) throw new Error('a mirror needs at least one prefix');
  return { at, kept, passed };
}

/** What is passed on is told as put, in the order of revisions where something was known; then what differs from `before`. */
export function eventsOf(
  { at, kept, passed }: WholeList,
  before: ReadonlyMap<string, KeyValue>,
  known: boolean,
): readonly StoreEvent[] {
  const found = differences(before, kept, at.revision);
  const puts = (known ? passed.sort(byRevision) : passed).map((kv): StoreEvent => ({ type: 'put', kv }));
  return puts.length === 0 ? found : puts.concat(found);
}

export interface Telling {
  readonly position: Position;
  readonly observer: MirrorObserver;
  readonly perTurn: number | undefined;
  readonly clock: Clock;
}

/** To the end, whatever happens meanwhile: the entries hold all of it already. */
export async function tellOf(
  events: readonly StoreEvent[],
  { position, observer, perTurn = events.length, clock }: Telling,
  signal: AbortSignal,
): Promise<void> {
  let told = 0;
  for (; events.length - told > perTurn; told += perTurn) {
    observer.onBatch({ position, events: events.slice(told, told + perTurn), relisted: true, more: true });
    await sleep(clock, 0, signal).catch(() => {});
  }
  observer.onBatch({ position, events: told === 0 ? events : events.slice(told), relisted: true });
}
