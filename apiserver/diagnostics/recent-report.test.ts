import { expect, test } from 'vitest';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { recentReport } from './recent-report.ts';

test.each([
  { drawingMs: 0, afterMs: 0, drawn: 2 },
  { drawingMs: 2, afterMs: 199, drawn: 1 },
  { drawingMs: 2, afterMs: 200, drawn: 2 },
  { drawingMs: 1_000, afterMs: 30_000, drawn: 2 },
])('one that took $drawingMs ms is drawn $drawn times, asked for again after $afterMs ms', (each) => {
  const clock = new ManualClock();
  let drawn = 0;
  const report = recentReport(() => {
    drawn += 1;
    clock.advance(each.drawingMs);
    return drawn;
  }, clock);
  expect(report()).toBe(1);
  clock.advance(each.afterMs);
  expect(report()).toBe(each.drawn);
});
