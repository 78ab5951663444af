// Given records of every kind with random damage, when they go through decoding and admission, then nothing throws, and nothing is
// admitted that a slow and simple reader of the catalogue objects to (test/fuzz). `npm run fuzz` does the same at any length.

import { expect, test } from 'vitest';
import { seededRandom } from '../../runtime/random.ts';
import { fuzz } from '../../test/fuzz/session.ts';

const COUNT = 20_000;

test('no damage throws, and nothing wrong is admitted', { timeout: 120_000 }, () => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
  const { failures, admitted, withheld } = fuzz({ count: COUNT, random: seededRandom(seed) });
  expect(failures, `FUZZ_SEED=${seed}`).toEqual([]);
  // Else it would be easy.
  expect(admitted, `FUZZ_SEED=${seed}`).toBeGreaterThan(COUNT / 100);
  expect(withheld, `FUZZ_SEED=${seed}`).toBeGreaterThan(COUNT / 100);
});
