// What a complete list has found is told, and found, in pieces: it may be as long as the etcd is large.

import { expect, test } from 'vitest';
import { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { Revision } from '../../mesh/model/names.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import type { KeyValue, MirrorBatch, StoreEvent } from './port.ts';
import { eventsOf, tellOf, type WholeList } from './whole-list.ts';

const MANY = 20_000;
const NEVER = new AbortController().signal;

const entry = (at: number, modRevision: number): KeyValue => {
  const facts = { createRevision: modRevision, modRevision, version: 1, lease: '0' };
  return { key: `a/${at}`, value: Buffer.from(`${modRevision}`), ...facts };
};
function listOf(entries: readonly KeyValue[]): WholeList {
  const kept = new KeyedTable<KeyValue>();
  for (const kv of entries) kept.put(kv);
  return { at: { storeId: 'aa', revision: 100 as Revision }, kept, passed: [] };
}
const numbers = Array.from({ length: MANY }, (_, at) => at);

test('of a whole etcd the events are made as they are told, and others have their turn in between', async () => {
  const clock = new ManualClock();
  let made = 0;
  function* making(events: Iterable<StoreEvent>) {
    for (const event of events) {
      made += 1;
      yield event;
    }
  }
  const list = listOf(numbers.map((at) => entry(at, 1)));
  const found = eventsOf(list, new Map(), false).next();
  if (found.done !== true) throw new Error('there was nothing to look at');
  const told: { readonly batch: MirrorBatch; readonly made: number }[] = [];
  const observer = { onBatch: (batch: MirrorBatch) => void told.push({ batch, made }) };
  const { count, events } = found.value;
  const telling = tellOf(
    { count, events: making(events) },
    { position: list.at, observer, perTurn: 1_000, clock },
    NEVER,
  );
  expect(told.map(({ made }) => made)).toEqual([1_000]);
  while (told.length < MANY / 1_000) {
    clock.advance(0);
    await Promise.resolve();
  }
  await telling;
  expect(told.map(({ made }) => made)).toEqual(numbers.slice(1, 21).map((piece) => piece * 1_000));
  expect(told.map(({ batch }) => batch.more === true)).toEqual([...Array(19).fill(true), false]);
  expect(told.flatMap(({ batch }) => batch.events.map((event) => event.type === 'put' && event.kv.key))).toEqual(
    numbers.map((at) => `a/${at}`),
  );
});

test('what is other than before is looked for in turns', () => {
  const before = new Map(numbers.map((at) => [`a/${at}`, entry(at, 1)]));
  // A half is as before, a quarter has changed, and a quarter is gone.
  const list = listOf(numbers.slice(0, 0.75 * MANY).map((at) => entry(at, at < MANY / 2 ? 1 : 2)));
  const finding = eventsOf(list, before, true);
  let turns = 0;
  let step = finding.next();
  for (; step.done !== true; step = finding.next()) turns += 1;
  expect(turns).toBeGreaterThan(10);
  const events = [...step.value.events];
  expect(events).toHaveLength(step.value.count);
  expect(events.filter(({ type }) => type === 'put')).toHaveLength(0.25 * MANY);
  expect(events.filter(({ type }) => type === 'delete')).toHaveLength(0.25 * MANY);
  // Others hold the objects that were known.
  expect(list.kept.get('a/0')).toBe(before.get('a/0'));
});
