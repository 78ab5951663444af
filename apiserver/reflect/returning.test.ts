import { beforeEach, expect, test } from 'vitest';
import type { StoreEvent, Write } from '../store/port.ts';
import { ReturningWrites } from './returning.ts';

const VALUE = Buffer.from('service');
const write = (key: string, shared = true): Write => ({ type: 'put', key, value: VALUE, shared });
const back = (key: string, value: Uint8Array = VALUE): StoreEvent => ({
  type: 'put',
  kv: { key, value, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});

let returning: ReturningWrites;
beforeEach(() => {
  returning = new ReturningWrites();
});

test('takes the very bytes that were written, once', () => {
  returning.expect([write('a'), write('b')], returning.era);
  expect(returning.takes(back('a', Buffer.from(VALUE)))).toBe(false);
  expect(returning.takes({ type: 'delete', key: 'a', modRevision: 1 })).toBe(false);
  expect(returning.takes(back('a'))).toBe(true);
  expect(returning.takes(back('a'))).toBe(false);
  expect(returning.takes(back('b'))).toBe(true);
});

test('takes nothing that was made for the write alone, that was looked at since, or that was found to be due before all was forgotten', () => {
  const { era } = returning;
  returning.expect([write('made', false), write('looked at'), write('before')], era);
  expect(returning.takes(back('made'))).toBe(false);
  returning.forget(['looked at']);
  expect(returning.takes(back('looked at'))).toBe(false);
  returning.clear();
  expect(returning.takes(back('before'))).toBe(false);
  returning.expect([write('late')], era);
  expect(returning.takes(back('late'))).toBe(false);
});

test('what never comes back makes room for others', () => {
  const keys = Array.from({ length: 5_000 }, (_, at) => `key ${at}`);
  returning.expect(
    keys.map((key) => write(key)),
    returning.era,
  );
  expect(keys.filter((key) => returning.takes(back(key)))).toEqual(keys.slice(-4_096));
});
