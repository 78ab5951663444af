import { expect, test } from 'vitest';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { Election, electionKey } from './election.ts';
import { MemoryStore } from './memory-store.ts';
import type { Condition } from './port.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function candidates(...names: readonly string[]) {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  const leading = new Set<string>();
  const fences = new Map<string, Condition>();
  let mostAtOnce = 0;
  const stops = new Map(names.map((name) => [name, new AbortController()]));
  for (const [name, stop] of stops) {
    const election = new Election({ store, clock, random: seededRandom(names.indexOf(name)), log: silentLog });
    const onLeading = async (signal: AbortSignal, fence: Condition): Promise<void> => {
      leading.add(name);
      fences.set(name, fence);
      mostAtOnce = Math.max(mostAtOnce, leading.size);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      leading.delete(name);
    };
    void election.run({ name: 'writer', candidate: name, onLeading }, stop.signal);
  }
  const seconds = async (count: number): Promise<void> => {
    for (let tick = 0; tick < count * 4; tick++) {
      await turn();
      clock.advance(250);
    }
    await turn();
  };
  return { store, leading, fences, stops, seconds, mostAtOnce: () => mostAtOnce };
}

const leaderOf = (leading: ReadonlySet<string>): string => [...leading].join();

test('exactly one leads, and when it stops another does', async () => {
  const { store, leading, stops, seconds, mostAtOnce } = candidates('a', 'b', 'c');
  await seconds(3);
  expect(leading.size).toBe(1);
  const first = leaderOf(leading);
  expect(Buffer.from((await store.get(electionKey('writer')))?.value ?? []).toString()).toBe(first);
  stops.get(first)?.abort();
  await seconds(3);
  expect(leading.size).toBe(1);
  expect(leaderOf(leading)).not.toBe(first);
  expect(mostAtOnce()).toBe(1);
});

test('a leader that loses its lease stops, and its late writes are refused', async () => {
  const { store, leading, fences, seconds, mostAtOnce } = candidates('a', 'b');
  await seconds(3);
  const first = leaderOf(leading);
  const fence = fences.get(first);
  store.expireLease((await store.get(electionKey('writer')))?.lease ?? '');
  await turn();
  expect(leading.size).toBe(0);
  await seconds(3);
  expect(leading.size).toBe(1);
  expect(mostAtOnce()).toBe(1);
  const late = await store.transact([{ type: 'delete', key: 'x' }], fence === undefined ? [] : [fence]);
  expect(late.succeeded).toBe(false);
});

test('a leader whose key was removed steps back', async () => {
  const { store, leading, seconds, mostAtOnce } = candidates('a');
  await seconds(3);
  await store.transact([{ type: 'delete', key: electionKey('writer') }]);
  await seconds(1);
  expect(leading.size).toBe(0);
  await seconds(3);
  expect(leading.size).toBe(1);
  expect(mostAtOnce()).toBe(1);
});

test('an etcd that cannot be reached elects nobody and ends no leadership that a lease still backs', async () => {
  const { store, leading, seconds } = candidates('a', 'b');
  await seconds(3);
  const first = leaderOf(leading);
  store.fail();
  await seconds(5);
  expect(leaderOf(leading)).toBe(first);
  store.recover();
  await seconds(2);
  expect(leaderOf(leading)).toBe(first);
});
