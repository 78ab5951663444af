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
let follows: boolean;
let answer: (found: readonly EndpointLadder[]) => void;
let looks: number;
let book: LadderBook;
beforeEach(() => {
  clock = new ManualClock();
  [failures, looks, there, follows] = [0, 0, true, false];
  book = new LadderBook({
    spec: (name) => (there ? { ...spec, name } : undefined),
    failures: () => failures,
    follows: () => follows,
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
  clock.advance(2_000);
  await vi.waitFor(() => expect(looks).toBe(1));
  answer(refused);
  await vi.waitFor(() => expect(book.last(EAST)?.endpoints[0]?.rungs[0]?.failure).toBeNull());
  failures = 2;
  book.peerChanged(EAST);
  expect(looks).toBe(1);
  clock.advance(10_000);
  await vi.waitFor(() => expect(looks).toBe(2));
});

test('a link that fails again and again is looked at all the same', async () => {
  for (let at = 0; at < 4; at += 1) {
    failures += 1;
    book.peerChanged(EAST);
    clock.advance(1_000);
  }
  await vi.waitFor(() => expect(looks).toBe(1));
});

test('a link that is back soon is not looked at', async () => {
  failures = 1;
  book.peerChanged(EAST);
  clock.advance(1_000);
  follows = true;
  clock.advance(60_000);
  await new Promise(setImmediate);
  expect(looks).toBe(0);
});

test('links of many peers that fail together are looked at a few at a time', async () => {
  failures = 1;
  for (let at = 0; at < 250; at += 1) book.peerChanged(`east-${at}` as ClusterName);
  clock.advance(2_000);
  await vi.waitFor(() => expect(looks).toBe(4));
  await new Promise(setImmediate);
  expect(looks).toBe(4);
  answer(refused);
  await vi.waitFor(() => expect(looks).toBe(5));
  // Doors that do not answer keep no other look from being made.
  clock.advance(1_000);
  await vi.waitFor(() => expect(looks).toBeGreaterThan(5));
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
