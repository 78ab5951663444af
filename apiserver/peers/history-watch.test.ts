import { expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { HistoryWatch } from './history-watch.ts';

const at = (storeId: string, revision: number) => ({ storeId, revision: revision as Revision });

test('what goes on in one etcd is no loss', () => {
  const watch = new HistoryWatch(new ManualClock());
  for (const revision of [1, 5, 5, 9]) watch.reached(at('a', revision));
  expect(watch.look(true)).toBeUndefined();
});

test.each([
  ['another etcd', at('b', 90), 'b@90'],
  ['an older state of the same', at('a', 3), 'a@3'],
])('%s is told until it has been compared, and for long enough to be seen', (_, position, after) => {
  const clock = new ManualClock();
  const watch = new HistoryWatch(clock);
  watch.reached(at('a', 9));
  watch.reached(position);
  expect(watch.look(true)).toEqual({ before: 'a@9', after });
  clock.advance(60_000);
  expect(watch.look(false)).toEqual({ before: 'a@9', after });
  expect(watch.look(true)).toBeUndefined();
});
