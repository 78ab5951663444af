// Given a number of things, when it is told to people, then one thing is one and all other numbers are many.

import { expect, test } from 'vitest';
import { counted } from './counted.ts';

test.each([
  [0, '0 calls', '0 watches'],
  [1, '1 call', '1 watch'],
  [2, '2 calls', '2 watches'],
])('%i', (count, calls, watches) => {
  expect(counted(count, 'call')).toBe(calls);
  expect(counted(count, 'watch', 'watches')).toBe(watches);
});
