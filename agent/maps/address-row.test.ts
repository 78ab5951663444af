import { describe, expect, test } from 'vitest';
import type { IpAddress } from '../../mesh/model/names.ts';
import { parsePrefix } from '../../mesh/model/prefix.ts';
import {
  addressKey,
  addressValue,
  lookupKey,
  parseAddressKey,
  parseAddressValue,
  singleAddress,
} from './address-row.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const prefixOf = (text: string) => {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value.prefix;
};

describe('the bytes are the ones of Cilium', () => {
  test.each([
    ['10.244.1.5/32', `40000000${'0000'}00${'01'}0af40105${'00'.repeat(12)}`],
    ['10.244.0.0/16', `30000000${'0000'}00${'01'}0af40000${'00'.repeat(12)}`],
    ['fd00:1::/64', `60000000${'0000'}00${'02'}fd000001${'00'.repeat(12)}`],
  ])('key of %s', (text, bytes) => {
    expect(hex(addressKey(prefixOf(text)))).toBe(bytes);
    expect(parseAddressKey(addressKey(prefixOf(text)))?.text).toBe(text);
    expect(singleAddress(addressKey(prefixOf(text)))).toBe(text === '10.244.1.5/32' ? 0x0af4_0105 : undefined);
  });

  test('an address is asked for with its full length', () => {
    expect(hex(lookupKey('10.244.1.5' as IpAddress))).toBe(`4000000000000001${'0af40105'}${'00'.repeat(12)}`);
  });

  test.each([
    [
      { identity: 0x20123, clusterId: 2, node: '192.168.1.9' as IpAddress, keyIndex: 0 },
      `23010200c0a80109${'00'.repeat(12)}0200000a`,
    ],
    [
      { identity: 6, clusterId: 3, node: 'fd00::9' as IpAddress, keyIndex: 5 },
      `06000000fd00${'00'.repeat(13)}090300050e`,
    ],
    [{ identity: 2, clusterId: 1, node: undefined, keyIndex: 0 }, `02000000${'00'.repeat(16)}01000008`],
  ])('value of %o', (row, bytes) => {
    expect(hex(addressValue(row))).toBe(bytes);
    expect(parseAddressValue(addressValue(row))).toEqual(row);
  });
});

test.each([
  ['another size', Uint8Array.of(1)],
  ['another family', key((bytes) => bytes.set([3], 7))],
  ['padding', key((bytes) => bytes.set([1], 6))],
  ['a prefix that is too long', key((bytes) => bytes.set([0x41], 0))],
  ['bits behind the prefix', key((bytes) => bytes.set([0x38], 0))],
  ['bytes behind an IPv4 address', key((bytes) => bytes.set([1], 20))],
])('a key with %s is not ours', (_, bytes) => {
  expect(parseAddressKey(bytes)).toBeUndefined();
  expect(singleAddress(bytes)).toBeUndefined();
});

function key(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = addressKey(prefixOf('10.244.1.5/32'));
  change(bytes);
  return bytes;
}
