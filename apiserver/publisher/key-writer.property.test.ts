// Whatever happens to a writer's keys, the etcd ends up with exactly what was asked for, under leases that are renewed: random
// wishes, interleaved with deletions and changes by others, ended leases, outages and broken watches. vitest prints the seed of
// a failing run.

import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { KeyWriter } from './key-writer.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Pauses between attempts pass fifty times as fast. */
const hurried: Clock = { ...systemClock, after: (delayMs, task) => systemClock.after(delayMs / 50, task) };
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

const key = fc.integer({ min: 0, max: 12 }).map((n) => `own/${n}`);
const value = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unset' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('foreign put' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('foreign delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end a lease' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fail', 'recover', 'break', 'turn', 'refresh') }) },
);

test('ends with what was asked for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const store = new MemoryStore({ clock: hurried });
      await store.transact([{ type: 'put', key: 'own/leftover', value: bytes('old') }]);
      const writer = new KeyWriter({
        ...{ store, clock: hurried, random: seededRandom(1), fence: undefined, prefixes: ['own/'] },
        owns: (name) => name.startsWith('own/'),
        kindOf: () => '',
        isUrgent: (name) => name === 'own/0',
        goesBefore: (name) => (name === 'own/1' ? (other) => other !== 'own/1' : undefined),
        onError: () => {},
      });
      const stop = new AbortController();
      const mirror = store.createMirror({
        prefixes: ['own/'],
        observer: { onBatch: (batch) => writer.observe(batch) },
      });
      await writer.list(stop.signal);
      const running = [mirror.run(stop.signal), writer.run(stop.signal)];
      const wanted = new Map<string, string>();
      for (const doing of steps) {
        // Others reach etcd whatever becomes of this writer's connection.
        const others = async (write: Parameters<MemoryStore['transact']>[0][number]) => {
          store.recover();
          await store.transact([write]);
        };
        if ('value' in doing && doing.do === 'set') {
          wanted.set(doing.key, doing.value);
          writer.set(doing.key, bytes(doing.value));
        } else if (doing.do === 'unset') {
          wanted.delete(doing.key);
          writer.set(doing.key, undefined);
        } else if (doing.do === 'foreign put') await others({ type: 'put', key: doing.key, value: bytes('foreign') });
        else if (doing.do === 'foreign delete') await others({ type: 'delete', key: doing.key });
        else if (doing.do === 'end a lease') store.expireLease(store.content('own/').get(doing.key)?.lease ?? '');
        else if (doing.do === 'fail') store.fail();
        else if (doing.do === 'recover') store.recover();
        else if (doing.do === 'break') store.breakStreams();
        else if (doing.do === 'refresh') writer.refresh('own/0');
        else await new Promise((resolve) => setImmediate(resolve));
      }
      store.recover();
      // What others put under a key that nobody has mentioned goes only when all are known.
      writer.settleLeftovers({ prune: true });
      await vi.waitFor(
        () => {
          const content = store.content('own/');
          expect(new Map([...content].map(([name, kv]) => [name, Buffer.from(kv.value).toString()]))).toEqual(
            new Map([...wanted].sort(([a], [b]) => (a < b ? -1 : 1))),
          );
          for (const { lease } of content.values()) expect(lease).not.toBe('0');
          expect(writer.depth).toBe(0);
        },
        { timeout: 10_000, interval: 2 },
      );
      stop.abort();
      await Promise.all(running);
    }),
    { numRuns: 400 },
  );
});
