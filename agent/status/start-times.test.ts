import { expect, test } from 'vitest';
import { type Log, silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { StartTimes } from './start-times.ts';

test('a stage counts when it is reached first, and being ready is said once, with all of them', () => {
  const clock = new ManualClock();
  const said: unknown[] = [];
  const log: Log = { ...silentLog, info: (message, fields) => void said.push([message, fields]) };
  const start = new StartTimes(clock, log);
  start.reached('modules');
  clock.advance(50);
  start.reached('snapshot');
  clock.advance(30);
  start.reached('rows');
  start.reached('snapshot');
  expect(said).toEqual([]);
  clock.advance(20);
  start.reached('ready');
  clock.advance(1_000);
  start.reached('ready');
  expect(start.document).toEqual({ modules_ms: 0, rows_ms: 80, snapshot_ms: 50, ready_ms: 100 });
  expect(said).toEqual([['the maps hold what is desired', { modulesMs: 0, rowsMs: 80, snapshotMs: 50, readyMs: 100 }]]);
});
