import { expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { ManualClock } from './manual-clock.ts';
import { seededRandom } from './random.ts';
import { WorkQueue } from './work-queue.ts';

function queue(
  work: (keys: readonly string[]) => Promise<readonly string[] | undefined>,
  batchMax = 10,
  parallelMax = 1,
) {
  const stop = new AbortController();
  const made = new WorkQueue<string>({
    name: 'test',
    clock: systemClock,
    random: seededRandom(1),
    work,
    batchMax,
    parallelMax,
    backoff: { delayMsMin: 1, delayMsMax: 5 },
  });
  const running = made.run(stop.signal);
  const end = () => {
    stop.abort();
    return running;
  };
  return { made, end };
}

test('many events for one key are one look at it', async () => {
  const seen: string[] = [];
  const { made, end } = queue(async (keys) => void seen.push(...keys));
  made.addAll(['a', 'b', 'a', 'a']);
  await made.idle();
  expect(seen).toEqual(['a', 'b']);
  await end();
});

test('a key added while it is in work is looked at again', async () => {
  let release = () => {};
  const seen: string[] = [];
  const { made, end } = queue(async (keys) => {
    seen.push(...keys);
    if (seen.length === 1) await new Promise<void>((resolve) => (release = resolve));
    return undefined;
  });
  made.add('a');
  await vi.waitFor(() => expect(seen).toEqual(['a']));
  made.add('a');
  release();
  await vi.waitFor(() => expect(seen).toEqual(['a', 'a']));
  await end();
});

test('several workers share full batches, and never a key', async () => {
  const releases: (() => void)[] = [];
  const batches: (readonly string[])[] = [];
  const work = async (keys: readonly string[]) => {
    batches.push(keys);
    await new Promise<void>((resolve) => releases.push(resolve));
    return undefined;
  };
  const { made, end } = queue(work, 2, 3);
  made.addAll(['a', 'b', 'c', 'd', 'e']);
  await vi.waitFor(() => expect(batches).toHaveLength(2));
  // One key alone waits for a worker, and those in work for theirs.
  made.addAll(['a', 'c']);
  await Promise.resolve();
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  expect(made.depth).toBe(7);
  releases[1]?.();
  await vi.waitFor(() => expect(batches[2]).toEqual(['e', 'c']));
  releases[0]?.();
  releases[2]?.();
  await vi.waitFor(() => expect(batches[3]).toEqual(['a']));
  releases[3]?.();
  await made.idle();
  expect(made.depth).toBe(0);
  await end();
});

test('failed keys come back, the others do not', async () => {
  const seen: string[] = [];
  const { made, end } = queue(async (keys) => {
    seen.push(...keys);
    return seen.length < 5 ? keys.filter((key) => key === 'bad') : [];
  });
  made.addAll(['good', 'bad']);
  await vi.waitFor(() => expect(seen.filter((key) => key === 'bad').length).toBeGreaterThan(2));
  expect(seen.filter((key) => key === 'good')).toEqual(['good']);
  await vi.waitFor(() => expect(made.depth).toBe(0));
  await end();
});

test('keys that keep coming share a batch, while one after a pause and full batches go at once', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const batches: (readonly string[])[] = [];
  const made = new WorkQueue<string>({
    ...{ name: 'test', clock, random: seededRandom(1), batchMax: 3, paceMs: 10 },
    work: async (keys) => void batches.push(keys),
  });
  const running = made.run(stop.signal);
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  made.add('a');
  await turn();
  expect(batches).toEqual([['a']]);
  made.add('b');
  clock.advance(9);
  made.add('c');
  await turn();
  expect(batches).toHaveLength(1);
  clock.advance(1);
  await turn();
  expect(batches.slice(1)).toEqual([['b', 'c']]);

  made.addAll(['d', 'e']);
  await turn();
  expect(batches).toHaveLength(2);
  made.add('f');
  await turn();
  expect(batches.slice(2)).toEqual([['d', 'e', 'f']]);
  clock.advance(10);
  made.add('g');
  await turn();
  expect(batches.slice(3)).toEqual([['g']]);
  made.add('h');
  await turn();
  stop.abort();
  await running;
  expect(batches).toHaveLength(4);
});

test('stops while it gathers', async () => {
  const stop = new AbortController();
  const made = new WorkQueue<string>({
    ...{ name: 'test', clock: new ManualClock(), random: seededRandom(1), batchMax: 10, gatherMs: 60_000 },
    work: async () => undefined,
  });
  made.add('a');
  const running = made.run(stop.signal);
  stop.abort();
  await running;
});

test('stops while it waits', async () => {
  const { end } = queue(async () => []);
  await end();
});
