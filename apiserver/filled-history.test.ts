import { expect, test } from 'vitest';
import type { Revision } from '../mesh/model/names.ts';
import { EPOCH_KEY } from '../mesh/wire/epoch.ts';
import { FilledHistory } from './filled-history.ts';
import type { MirrorBatch, StoreEvent } from './store/port.ts';

const STORE = '00000000000000aa';
const [FIRST, SECOND] = ['1111111111111111', '2222222222222222'];

const put = (key: string, value: string, modRevision: number): StoreEvent => ({
  type: 'put',
  kv: { key, value: Buffer.from(value), createRevision: 1, modRevision, version: 1, lease: '0' },
});
const gone = (key: string, modRevision: number): StoreEvent => ({ type: 'delete', key, modRevision });
const keyOf = (event: StoreEvent) => (event.type === 'put' ? event.kv.key : `-${event.key}`);

/** What the follower is shown, one text per batch. */
function history() {
  const shown: string[] = [];
  const filled = new FilledHistory({
    onBatch: ({ position, events, relisted, more }: MirrorBatch) => {
      const list = `${relisted ? '*' : ''}${more === true ? '+' : ''}`;
      shown.push(`${position.storeId}@${position.revision}${list} ${events.map(keyOf).join(' ')}`);
    },
  });
  const feed = (revision: number, events: readonly StoreEvent[], relisted = false, more = false) =>
    filled.onBatch({ position: { storeId: STORE, revision: revision as Revision }, events, relisted, more });
  return { shown, feed };
}

test('nothing of an etcd is shown before it is filled, and then everything as one list', () => {
  const { shown, feed } = history();
  feed(5, [], true);
  feed(6, [put('a', '1', 6)]);
  feed(7, [put('b', '1', 7), put('a', '2', 7)]);
  expect(shown).toEqual([]);
  feed(8, [put(EPOCH_KEY, FIRST, 8)]);
  feed(9, [gone('a', 9)]);
  expect(shown).toEqual([`${STORE}-${FIRST}@8* b a ${EPOCH_KEY}`, `${STORE}-${FIRST}@9 -a`]);
});

test('an etcd that was wiped is hidden until it is filled again; its history has another name, whatever its id', () => {
  const { shown, feed } = history();
  feed(90, [put('a', '1', 80), put('old', '1', 81), put(EPOCH_KEY, FIRST, 82)], true);
  feed(2, [gone('a', 2), gone('old', 2), gone(EPOCH_KEY, 2)], true);
  feed(3, [put('a', '1', 3)]);
  expect(shown).toHaveLength(1);
  feed(4, [put(EPOCH_KEY, SECOND, 4)]);
  expect(shown.slice(1)).toEqual([`${STORE}-${SECOND}@4* -old a ${EPOCH_KEY}`]);
});

test('one that was filled again before anybody looked is shown at once', () => {
  const { shown, feed } = history();
  feed(90, [put('a', '1', 80), put(EPOCH_KEY, FIRST, 82)], true);
  feed(9, [put(EPOCH_KEY, SECOND, 8), gone('a', 9)], true);
  expect(shown.slice(1)).toEqual([`${STORE}-${SECOND}@9* ${EPOCH_KEY} -a`]);
});

test('the same history goes on after a list, and an epoch that cannot be read is none', () => {
  const { shown, feed } = history();
  feed(10, [put(EPOCH_KEY, FIRST, 8)], true);
  feed(12, [put('a', '1', 11)], true);
  feed(13, [put(EPOCH_KEY, 'nonsense', 13)]);
  feed(14, [put('b', '1', 14)]);
  expect(shown.slice(1)).toEqual([`${STORE}-${FIRST}@12* a`]);
});

test('a list in pieces is shown in pieces, and one of an etcd that is being filled not at all', () => {
  const { shown, feed } = history();
  feed(90, [put(EPOCH_KEY, FIRST, 8), put('a', '1', 80)], true, true);
  feed(90, [put('b', '1', 81)], true);
  expect(shown).toEqual([`${STORE}-${FIRST}@90*+ ${EPOCH_KEY} a`, `${STORE}-${FIRST}@90* b`]);
  feed(2, [gone(EPOCH_KEY, 2), gone('a', 2)], true, true);
  feed(2, [gone('b', 2)], true);
  feed(3, [put('a', '1', 3)]);
  expect(shown).toHaveLength(2);
  feed(4, [put(EPOCH_KEY, SECOND, 4)]);
  expect(shown.slice(2)).toEqual([`${STORE}-${SECOND}@4* -b a ${EPOCH_KEY}`]);
});
