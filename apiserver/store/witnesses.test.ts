import { expect, test } from 'vitest';
import type { KeyValue } from './port.ts';
import { newestUpTo, Witnesses } from './witnesses.ts';

const kv = (key: string, modRevision: number): KeyValue => ({
  ...{ key, value: new Uint8Array(0), createRevision: 1, modRevision, version: 1, lease: '0' },
});

test('however much comes behind a position that stands still, a witness of it stays, and one of every later position', () => {
  const witnesses = new Witnesses();
  witnesses.listed([kv('a', 3), kv('b', 7), kv('c', 5)]);
  for (let revision = 8; revision < 10_000; revision += 1) {
    witnesses.follow({ type: 'put', kv: kv(`k${revision}`, revision) }, 7);
  }
  expect([...witnesses.values()].length).toBeLessThanOrEqual(32);
  expect(newestUpTo(witnesses.values(), 7)?.key).toBe('b');
  for (const position of [100, 5_000, 9_999]) {
    expect(newestUpTo(witnesses.values(), position)?.modRevision).toBeGreaterThanOrEqual(7);
  }
});

test('what was deleted or written again is no witness of what it was', () => {
  const witnesses = new Witnesses();
  witnesses.listed([kv('a', 3)]);
  witnesses.follow({ type: 'put', kv: kv('a', 4) }, 3);
  witnesses.follow({ type: 'put', kv: kv('b', 5) }, 4);
  witnesses.follow({ type: 'delete', key: 'b', modRevision: 6 }, 5);
  expect([...witnesses.values()]).toEqual([kv('a', 4)]);
});
