import { expect, test } from 'vitest';
import { OperationalError } from '../../runtime/errors.ts';
import { duration } from '../wait.ts';
import type { Condition, Observation } from './conditions.ts';
import { waitUntil } from './wait-until.ts';

const seen = { services: undefined, status: { snapshot: { revision: 7 } } } as Observation;
const silent = new OperationalError({ code: 'API_UNREACHABLE', operation: 'ask', subject: 'x', reason: 'refused' });

function world(answers: readonly (readonly string[] | Error)[]) {
  let [now, at] = [0, -1];
  const pauses: number[] = [];
  const told: string[] = [];
  const current = () => answers[Math.min(at, answers.length - 1)] ?? [];
  const condition: Condition = {
    text: 'it',
    needsServices: false,
    missing() {
      const answer = current();
      return answer instanceof Error ? [] : answer;
    },
  };
  const run = (timeoutMs: number) =>
    waitUntil(condition, timeoutMs, {
      observe: async () => {
        at += 1;
        const answer = current();
        if (answer instanceof Error) throw answer;
        return seen;
      },
      monotonic: () => now,
      pause: async (ms) => {
        pauses.push(ms);
        now += ms;
      },
      onProgress: (missing) => told.push(missing.join()),
    });
  return { run, pauses, told };
}

test('waits through a server that is not there yet, tells each state once, and says for how long it waited', async () => {
  const { run, told } = world([silent, ['a'], ['a'], ['b'], []]);
  expect(await run(60_000)).toMatchObject({ reached: true, missing: [], revision: 7, waited_ms: 813 });
  expect(told).toEqual(['the API server does not answer', 'a', 'b']);
});

test('looks less and less often, and never past its time', async () => {
  const { run, pauses } = world([['a']]);
  expect(await run(5_000)).toMatchObject({ reached: false, missing: ['a'], waited_ms: 5_000 });
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
  expect(pauses.length).toBeLessThan(15);
});

test('a server that never answers, or answers with something else, is a failure and not a state', async () => {
  await expect(world([silent]).run(300)).rejects.toBe(silent);
  const refused = new OperationalError({ code: 'API_REFUSED', operation: 'ask', subject: 'x', reason: '404' });
  await expect(world([refused]).run(300)).rejects.toBe(refused);
});

test('durations are what pipelines write', () => {
  expect(['500ms', '30s', '5m', '30'].map(duration)).toEqual([500, 30_000, 300_000, 30_000]);
  expect(() => duration('soon')).toThrow();
});
