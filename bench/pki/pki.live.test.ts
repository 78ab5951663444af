// The short version of the benchmark keeps its bounds, which are ratios. Needs the `openssl` command, version 3.

import { describe, expect, test } from 'vitest';
import { skippedWithout } from '../../lab/installed.ts';
import { exceeded } from './limits.ts';
import { runPki, SHORT } from './run.ts';

describe.skipIf(skippedWithout('openssl'))('certificates and handshakes', () => {
  test('cost no more than their bounds', { timeout: 120_000 }, async () => {
    const { measured } = await runPki(SHORT);
    expect(exceeded(measured), JSON.stringify(measured, undefined, 2)).toEqual([]);
    expect(measured.every(({ median }) => median > 0)).toBe(true);
  });
});
