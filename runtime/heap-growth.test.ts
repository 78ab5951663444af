// In a process of its own: the flag is for all of one.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { packageRoot } from './package-root.ts';

/** What is kept is replaced bit by bit, old objects by new ones, as a large snapshot is by steps. */
const KEEP_AND_REPLACE = `
  import { setImmediate } from 'node:timers/promises';
  import { limitHeapGrowth } from './runtime/heap-growth.ts';
  if (process.argv[1] === 'limited') limitHeapGrowth();
  const object = (made) => ({ made, list: [made, made + 1] });
  const kept = Array.from({ length: 600_000 }, (_, made) => object(made));
  let most = 0;
  for (let turn = 0; turn < 300; turn += 1) {
    for (let made = 0; made < 10_000; made += 1) kept[(turn * 10_000 + made) % kept.length] = object(made);
    if (turn > 100) most = Math.max(most, process.memoryUsage().heapUsed);
    await setImmediate();
  }
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--expose-gc');
  (await import('node:vm')).runInNewContext('gc')();
  const ratio = most / process.memoryUsage().heapUsed;
  if (kept.length > 0) process.stdout.write(JSON.stringify(ratio));
`;

const mostAgainstLive = (how: 'limited' | 'free'): number =>
  JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', KEEP_AND_REPLACE, how], {
      cwd: packageRoot(),
      encoding: 'utf8',
    }),
  );

test('garbage takes far less beside what is in use than it would', { timeout: 60_000 }, () => {
  // While the heap is marked it goes on growing, here as fast as it can: two times what is in use, instead of four.
  expect(mostAgainstLive('limited')).toBeLessThan(0.7 * mostAgainstLive('free'));
});
