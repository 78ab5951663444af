// In a process of its own: the flag is for all of one.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { packageRoot } from './package-root.ts';
import { YOUNG_BYTES_MAX } from './young-generation.ts';

const GROW = `
  import { setImmediate } from 'node:timers/promises';
  import { limitYoungGeneration, youngBytes } from './runtime/young-generation.ts';
  if (process.argv[1] === 'limited') limitYoungGeneration();
  let kept = [];
  let most = 0;
  for (let turn = 0; turn < 300; turn += 1) {
    for (let made = 0; made < 10_000; made += 1) kept.push({ made, list: [made] });
    if (kept.length > 1_000_000) kept = [];
    most = Math.max(most, youngBytes());
    await setImmediate();
  }
  process.stdout.write(String(most));
`;

const grown = (how: 'limited' | 'free'): number =>
  Number(
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', GROW, how], {
      cwd: packageRoot(),
      encoding: 'utf8',
    }),
  );

test('much that survives makes it grow to its limit, and no further', () => {
  expect(grown('free')).toBeGreaterThan(2 * YOUNG_BYTES_MAX);
  expect(grown('limited')).toBe(YOUNG_BYTES_MAX);
});
