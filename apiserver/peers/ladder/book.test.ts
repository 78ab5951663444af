import { beforeEach, expect, test, vi } from 'vitest';
import type { ClusterName } from '../../../mesh/model/names.ts';
import { silentLog } from '../../../runtime/log.ts';
import { ManualClock } from '../../../runtime/manual-clock.ts';
import type { PeerSpec } from '../peer-spec.ts';
import { LadderBook } from './book.ts';
import type { EndpointLadder } from './ladder.ts';

const EAST = 'east' as ClusterName;
const spec = { name: EAST, endpoints: ['https://east:1'] } as unknown as PeerSpec;
const refused: readonly EndpointLadder[] = [
  { endpoint: 'https://east:1', rungs: [{ rung: 'name', state: 'passed', ms: 1, seen: '10.0.0.1' }] },
];

let clock: ManualClock;
let failures: number;
let there: boolean;
let answer: (found: readonly EndpointLadder[]) => void;
let looks: number;
let book: LadderBook;
beforeEach(() => {
  clock = new ManualClock();
  [failures, looks, there] = [0, 0, true];
  book = new LadderBook({
    spec: () => (there ? spec : undefined),
    failures: () => failures,
    climb: () => {
      looks += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    clock,
    log: silentLog,
  });
});

test('a link that fails is looked at once, and again only after a pause', async () => {
  book.peerChanged(EAST);
  expect(looks).toBe(0);
  failures = 1;
  book.peerChanged(EAST);
  clock.advance(0);
  expect(looks).toBe(1);
  answer(refused);
  await vi.waitFor(() => expect(book.last(EAST)?.endpoints[0]?.rungs[0]?.failure).toBeNull());
  failures = 2;
  book.peerChanged(EAST);
  expect(looks).toBe(1);
  clock.advance(10_000);
  expect(looks).toBe(2);
});

test('whoever asks while a look is under way gets its answer', async () => {
  const [first, second] = [book.climb(EAST), book.climb(EAST)];
  expect(looks).toBe(1);
  answer(refused);
  expect(await first).toEqual(await second);
});

test('nothing is known of a peer that is gone', async () => {
  const first = book.climb(EAST);
  answer(refused);
  await first;
  expect(book.last(EAST)).toBeDefined();
  there = false;
  book.peerChanged(EAST);
  expect(book.last(EAST)).toBeUndefined();
  expect(await book.climb(EAST)).toBeUndefined();
});
