// What is kept up to date change by change is what a look at everything that waits would find.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { NOTED_EVERY_MS, ReflectionProgress } from './reflection.ts';

const PEERS = ['east', 'north'] as const;
type Peer = (typeof PEERS)[number];
const KEYS = PEERS.flatMap((peer) => [`${peer}/a`, `${peer}/b`, `${peer}/c`]);
const peerOf = (key: string) => key.split('/')[0] as ClusterName;
const located = (keys: readonly string[]) => keys.map((key) => ({ key, peer: peerOf(key) }));

interface Change {
  readonly at: number;
  readonly after: number | undefined;
}

/** Every waiting key with its changes, looked through as a whole. */
class Naive {
  readonly waiting = new Map<string, Change & { readonly inWork: boolean; next?: Change }>();
  readonly handedOn = new Map<string, number | undefined>();

  of(peer: Peer, seen: number, now: number) {
    const waiting = [...this.waiting].filter(([key]) => peerOf(key) === peer).map(([, one]) => one);
    if (waiting.length === 0) return { reflected: seen, lagMs: 0 };
    const afters = waiting.map(({ after }) => after);
    const known = afters.filter((after) => after !== undefined);
    const reflected = known.length < afters.length ? undefined : Math.min(...known);
    return { reflected, lagMs: now - Math.min(...waiting.map(({ at }) => at)) };
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('changed' as const), peer: fc.constantFrom(...PEERS), keys: fc.subarray(KEYS) }),
  fc.record({ do: fc.constant('takenUp' as const), keys: fc.subarray(KEYS) }),
  fc.record({ do: fc.constant('written' as const), keys: fc.subarray(KEYS) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(3 * NOTED_EVERY_MS) }),
  fc.record({ do: fc.constant('see' as const), revision: fc.nat(100) }),
);

test('progress is the same as if everything that waits were looked at', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      let seen = 1;
      const progress = new ReflectionProgress({ clock, seen: () => seen });
      progress.begin(true);
      const naive = new Naive();
      const asked = new Set<Peer>();
      let notedAt = Number.NEGATIVE_INFINITY;
      for (const each of steps) {
        const now = clock.monotonic();
        if (each.do === 'pass') clock.advance(each.ms);
        else if (each.do === 'see') seen = each.revision;
        else if (each.do === 'changed') {
          const keys = each.keys.filter((key) => peerOf(key) === each.peer);
          progress.changed(each.peer as ClusterName, keys);
          asked.add(each.peer);
          const change = { at: now, after: naive.handedOn.get(each.peer) };
          for (const key of keys) {
            const known = naive.waiting.get(key);
            if (known === undefined) naive.waiting.set(key, { ...change, inWork: false });
            else if (known.inWork) known.next ??= change;
          }
        } else if (each.do === 'takenUp') {
          progress.takenUp(located(each.keys));
          for (const key of each.keys) {
            const known = naive.waiting.get(key);
            if (known !== undefined) naive.waiting.set(key, { at: known.at, after: known.after, inWork: true });
          }
          const isDue = now - notedAt >= NOTED_EVERY_MS;
          if (isDue) notedAt = now;
          for (const peer of asked) {
            if (isDue || each.keys.some((key) => peerOf(key) === peer)) naive.handedOn.set(peer, seen);
          }
        } else {
          progress.written(located(each.keys));
          for (const key of each.keys) {
            const next = naive.waiting.get(key)?.next;
            if (next === undefined) naive.waiting.delete(key);
            else naive.waiting.set(key, { ...next, inWork: false });
          }
        }
        for (const peer of PEERS) {
          expect(progress.of(peer as ClusterName)).toEqual(naive.of(peer, seen, clock.monotonic()));
        }
      }
    }),
  );
});
