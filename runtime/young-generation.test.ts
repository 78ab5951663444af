// In a process of its own: the flag is for all of one.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { packageRoot } from './package-root.ts';
import { YOUNG_BYTES_MAX } from './young-generation.ts';

/** A snapshot of the heap is taken behind a collection that makes everything as small as it can be, as long idleness does. */
const LOAD_REST_LOAD = `
  import { setImmediate } from 'node:timers/promises';
  import { getHeapSnapshot } from 'node:v8';
  import { limitYoungGeneration, youngBytes } from './runtime/young-generation.ts';
  if (process.argv[1] === 'limited') limitYoungGeneration();
  async function load() {
    let kept = [];
    let most = 0;
    for (let turn = 0; turn < 150; turn += 1) {
      for (let made = 0; made < 10_000; made += 1) kept.push({ made, list: [made] });
      if (kept.length > 1_000_000) kept = [];
      most = Math.max(most, youngBytes());
      await setImmediate();
    }
    return most;
  }
  const loaded = await load();
  getHeapSnapshot().destroy();
  const rested = youngBytes();
  process.stdout.write(JSON.stringify({ loaded, rested, again: await load() }));
`;

interface Sizes {
  readonly loaded: number;
  readonly rested: number;
  readonly again: number;
}

const sizes = (how: 'limited' | 'free'): Sizes =>
  JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', LOAD_REST_LOAD, how], {
      cwd: packageRoot(),
      encoding: 'utf8',
    }),
  );

test('much that survives makes it grow to its limit, and after a rest again', { timeout: 60_000 }, () => {
  // Two collections may come before the first is told of: by then it has doubled once more.
  const AT_LIMIT = [YOUNG_BYTES_MAX, 2 * YOUNG_BYTES_MAX];
  expect(sizes('free').loaded).toBeGreaterThan(2 * YOUNG_BYTES_MAX);
  const { loaded, rested, again } = sizes('limited');
  expect(AT_LIMIT).toContain(loaded);
  expect(rested).toBeLessThan(YOUNG_BYTES_MAX / 2);
  expect(AT_LIMIT).toContain(again);
});
