// Keeps V8's young generation small, so that collecting it never holds the event loop up for long. V8 doubles it as long as much
// survives, to 16 MB a half, and copies what survives in one go: with a snapshot coming in that is 10 ms and more. Flags that limit it
// count only on the command line, where they also make V8 refuse what the build compiled for it (bundle.ts); how far it grows
// at a time is asked anew with each growth, and how many threads collect it with each collection.

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Two halves of 4 MB: copying one takes some 3 ms at most, and collections come four times as often as they would. */
export const YOUNG_BYTES_MAX = 8 * 1024 * 1024;

/** V8's own. */
const GROWTH_FACTOR = 2;

/**
 * For the whole process: from a collection on that finds it grown so far it stays as it is. V8 makes it smaller while little is
 * allocated, after which it may grow again as long as doubling it keeps it within its limit: one of a megabyte would be collected a
 * hundred times a second under load, and most of what is in it would still be in use. Where two collections come before the first is told
 * of, it may have doubled once more; it keeps that until it rests.
 *
 * So little is collected by one thread: others that help make it a sixth shorter by the clock, and take more than they save.
 */
export function limitYoungGeneration(): void {
  setFlagsFromString('--no-parallel-scavenge');
  let factor = GROWTH_FACTOR;
  const observer = new PerformanceObserver(() => {
    const next = youngBytes() * GROWTH_FACTOR <= YOUNG_BYTES_MAX ? GROWTH_FACTOR : 1;
    if (next === factor) return;
    factor = next;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** What it takes of memory now, both halves. */
export const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
