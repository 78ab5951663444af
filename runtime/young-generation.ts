// Keeps V8's young generation small, so that collecting it never holds the event loop up for long. V8 doubles it as long as much
// survives, to 16 MB a half, and copies what survives in one go: with a snapshot coming in that is 10 ms and more. Flags that limit it
// count only on the command line, where they also make V8 refuse what the build compiled for it (bundle.ts); how far it grows
// at a time is asked anew with each growth.

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Two halves of 4 MB: copying one takes some 3 ms at most, and collections come four times as often as they would. */
export const YOUNG_BYTES_MAX = 8 * 1024 * 1024;

/** For the whole process, from the first collection on that finds it grown so far. */
export function limitYoungGeneration(): void {
  const observer = new PerformanceObserver(() => {
    if (youngBytes() < YOUNG_BYTES_MAX) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** What it takes of memory now, both halves. */
export const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
