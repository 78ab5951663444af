// Everything under some prefixes at one revision, read in pages: what a mirror knows from then on, and what it passes on without keeping
// it. Nothing of a list that breaks off is used; one that is complete is told to its end, in pieces between which others have their turns.

import type { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { byRevision, differences, keepUnchanged } from './differences.ts';
import { rangeOf } from './key-range.ts';
import type { MirrorSource } from './mirror-port.ts';
import { pagesOfAll } from './pages.ts';
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
  source: Pick<MirrorSource, 'readPage' | 'readPages'>,
  { prefixes, pageKeys, keeps, into: kept, accept, onPage }: WholeListOptions,
  signal: AbortSignal,
): Promise<WholeList> {
  const passed: KeyValue[] = [];
  let at: Position | undefined;
  for await (const page of pagesOfAll(source, { ranges: prefixes.map(rangeOf), pageKeys, signal })) {
    if (at === undefined) accept(page.position);
    at ??= page.position;
    for (const kv of page.entries) {
      if (keeps(kv.key)) kept.put(kv);
      else passed.push(kv);
    }
    onPage(kept.size + passed.length);
  }
  if (at === undefined) throw new Error('a mirror needs at least one prefix');
  return { at, kept, passed };
}

/** What a list has found, to be told: of a whole etcd the events are made while they are. */
export interface ListEvents {
  readonly count: number;
  readonly events: Iterable<StoreEvent>;
}

/**
 * What is passed on is told as put, in the order of revisions where something was known; then what differs from `before`. Yields where
 * others may have their turn.
 */
export function* eventsOf(
  { at, kept, passed }: WholeList,
  before: ReadonlyMap<string, KeyValue>,
  known: boolean,
): Generator<undefined, ListEvents> {
  const count = passed.length + kept.size;
  if (!known) return { count, events: putsOf(passed, kept.values()) };
  yield* keepUnchanged(before, kept);
  const found = yield* differences(before, kept, at.revision);
  if (passed.length === 0) return { count: found.length, events: found };
  const events = [...putsOf(passed.sort(byRevision)), ...found];
  return { count: events.length, events };
}

function* putsOf(...lists: readonly Iterable<KeyValue>[]): Generator<StoreEvent> {
  for (const list of lists) for (const kv of list) yield { type: 'put', kv };
}

/** Goes through work on a list that yields where others may have their turn. Rejects once the signal aborts. */
export async function inTurns<T>(work: Iterator<undefined, T>, clock: Clock, signal: AbortSignal): Promise<T> {
  for (let step = work.next(); ; step = work.next()) {
    if (step.done === true) return step.value;
    await sleep(clock, 0, signal);
  }
}

export interface Telling {
  readonly position: Position;
  readonly observer: MirrorObserver;
  readonly perTurn: number | undefined;
  readonly clock: Clock;
}

/** To the end, whatever happens meanwhile: the entries hold all of it already. */
export async function tellOf(
  { count, events }: ListEvents,
  { position, observer, perTurn = count, clock }: Telling,
  signal: AbortSignal,
): Promise<void> {
  const left = events[Symbol.iterator]();
  let told = 0;
  for (; count - told > perTurn; told += perTurn) {
    observer.onBatch({ position, events: some(left, perTurn), relisted: true, more: true });
    await sleep(clock, 0, signal).catch(() => {});
  }
  observer.onBatch({ position, events: some(left, count - told), relisted: true });
}

function some(events: Iterator<StoreEvent>, count: number): readonly StoreEvent[] {
  const taken: StoreEvent[] = [];
  while (taken.length < count) {
    const next = events.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}
