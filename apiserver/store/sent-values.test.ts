import { expect, test } from 'vitest';
import { SentValues } from './sent-values.ts';

const bytes = (text: string) => Buffer.from(text);

test('what was sent as shared comes back as itself, once, and whatever else comes as a copy', () => {
  const sent = new SentValues();
  const [shared, own] = [bytes('shared'), bytes('own')];
  sent.note([
    { type: 'put', key: 'a', value: shared, shared: true },
    { type: 'put', key: 'b', value: own },
  ]);
  const other = bytes('other');
  expect(sent.own('a', other)).toEqual(new Uint8Array(other));
  expect(sent.own('a', other)).not.toBe(other);
  expect(sent.own('a', bytes('shared'))).toBe(shared);
  expect(sent.own('a', bytes('shared'))).not.toBe(shared);
  expect(sent.own('b', bytes('own'))).not.toBe(own);
});

test('what was sent last counts, and what is deleted is forgotten', () => {
  const sent = new SentValues();
  const [first, second] = [bytes('same'), bytes('same')];
  sent.note([{ type: 'put', key: 'a', value: first, shared: true }]);
  sent.note([{ type: 'put', key: 'a', value: second, shared: true }]);
  expect(sent.own('a', bytes('same'))).toBe(second);
  sent.note([{ type: 'put', key: 'a', value: first, shared: true }]);
  sent.note([{ type: 'delete', key: 'a' }]);
  expect(sent.own('a', bytes('same'))).not.toBe(first);
});

test('what never comes back is pushed out by what comes later', () => {
  const sent = new SentValues();
  const value = bytes('value');
  for (let at = 0; at < 5_000; at += 1) sent.note([{ type: 'put', key: `${at}`, value, shared: true }]);
  expect(sent.own('0', bytes('value'))).not.toBe(value);
  expect(sent.own('4999', bytes('value'))).toBe(value);
});
