import { expect, test } from 'vitest';
import { ManualClock } from '../../runtime/manual-clock.ts';
import type { ProgramMapUse } from '../maps/port.ts';
import { createProgramMapUse } from './program-map-use.ts';

test('rows are counted once a minute at most, and again after a count that failed', async () => {
  const clock = new ManualClock();
  let entries = 0;
  let failure: Error | undefined;
  const countProgramRows = async (): Promise<readonly ProgramMapUse[]> => {
    if (failure !== undefined) throw failure;
    entries += 1;
    return [{ map: 'affinity', entries, size: 10 }];
  };
  const use = createProgramMapUse({ countProgramRows }, clock);
  const counted = async () => (await use())[0]?.entries;
  expect([await counted(), await counted()]).toEqual([1, 1]);
  clock.advance(60_000);
  failure = new Error('closed');
  await expect(use()).rejects.toThrow('closed');
  failure = undefined;
  expect(await counted()).toBe(2);
});
