import fc from 'fast-check';
import IPCIDR from 'ip-cidr';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { addressFromBytes } from './address.ts';
import type { IpAddress } from './names.ts';
import {
  containsAddress,
  containsPrefix,
  intersection,
  makePrefix,
  overlaps,
  type Prefix,
  parsePrefix,
  singlePrefix,
} from './prefix.ts';

const parsed = (text: string): string => {
  const result = parsePrefix(text);
  if (!result.ok) return `refused: ${result.error}`;
  return `${result.value.prefix.text}${result.value.hostBits ? ' with host bits' : ''}`;
};
const prefix = (text: string): Prefix => {
  const result = parsePrefix(text);
  if (!result.ok) throw new Error(`${text}: ${result.error}`);
  return result.value.prefix;
};

/** Few distinct bits, so that ranges often lie in each other. */
const anyPrefix = fc.oneof(rangesOf(4), rangesOf(16));
function rangesOf(length: 4 | 16) {
  const bytes = fc.array(fc.constantFrom(0, 0x80, 0xff), { minLength: length, maxLength: length });
  return fc
    .tuple(bytes, fc.integer({ min: 0, max: length * 8 }))
    .map(([values, bits]) => ({ address: addressFromBytes(Uint8Array.from(values)), bits }))
    .filter(({ address, bits }) => address.includes(':') || bits <= 32)
    .map(({ address, bits }) => `${address}/${bits}`);
}

describe('parsePrefix', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3/16', '10.1.0.0/16 with host bits'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.1/32', '10.0.0.1/32'],
    ['FD00::/48', 'fd00::/48'],
    ['fd00::1/127', 'fd00::/127 with host bits'],
    ['::/0', '::/0'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ])('%s is %s', (text, expected) => {
    expect(parsed(text)).toBe(expected);
  });

  // What other parsers read as some range: 8.0.0.0/8, 0.0.10.1/16, the range of one interface.
  test.each([
    ...['010.0.0.0/8', '10.1/16', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8 '],
    ...[
      '10.0.0.0/255.0.0.0',
      'fe80::1%eth0/64',
      'fd00::/129',
      '::ffff:10.0.0.0/8',
      '/8',
      '10.0.0.0/8/8',
      '10.0.0.0/1e1',
    ],
  ])('"%s" is refused', (text) => {
    expect(parsed(text)).toMatch(/^refused: /);
  });

  test('reads its own text as the same range', () => {
    fc.assert(
      fc.property(anyPrefix, (text) => {
        const { text: canonical } = prefix(text);
        expect(parsed(canonical)).toBe(canonical);
      }),
    );
  });

  // ipaddr.js and ip-cidr keep host bits, ip-cidr accepts zones: neither occurs among these texts, or is masked first.
  test('agrees with ipaddr.js about the network and with ip-cidr about its ends', () => {
    fc.assert(
      fc.property(anyPrefix, (text) => {
        const own = prefix(text);
        const network =
          own.family === 4
            ? ipaddr.IPv4.networkAddressFromCIDR(text).toByteArray()
            : ipaddr.IPv6.networkAddressFromCIDR(text).toByteArray();
        expect([...own.bytes]).toEqual(network);
        const other = new IPCIDR(own.text);
        expect(containsAddress(own, ipaddr.parse(other.start()).toString() as IpAddress)).toBe(true);
        expect(containsAddress(own, ipaddr.parse(other.end()).toString() as IpAddress)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('how ranges lie to each other', () => {
  test('one contains the other, or they are apart; as ipaddr.js says', () => {
    fc.assert(
      fc.property(anyPrefix, anyPrefix, (textA, textB) => {
        const [a, b] = [prefix(textA), prefix(textB)];
        const contains = (outer: Prefix, inner: Prefix) =>
          outer.family === inner.family &&
          outer.length <= inner.length &&
          ipaddr.parse(inner.text.slice(0, inner.text.indexOf('/'))).match(ipaddr.parseCIDR(outer.text));
        expect([containsPrefix(a, b), containsPrefix(b, a)]).toEqual([contains(a, b), contains(b, a)]);
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a));
        expect(intersection(a, b)).toEqual(intersection(b, a));
        const common = intersection(a, b);
        if (common !== undefined) expect([containsPrefix(a, common), containsPrefix(b, common)]).toEqual([true, true]);
      }),
      { numRuns: 1000 },
    );
  });

  test('an address is in a range exactly when its own range is', () => {
    fc.assert(
      fc.property(anyPrefix, anyPrefix, (text, other) => {
        const address = other.slice(0, other.indexOf('/')) as IpAddress;
        const outer = prefix(text);
        expect(containsAddress(outer, address)).toBe(containsPrefix(outer, singlePrefix(address)));
      }),
    );
  });

  test('families never overlap: ::/0 holds no IPv4 range', () => {
    expect(overlaps(prefix('::/0'), prefix('0.0.0.0/0'))).toBe(false);
  });

  test('masking keeps the network', () => {
    expect(makePrefix(Uint8Array.of(10, 1, 255, 7), 23)).toMatchObject({
      prefix: { text: '10.1.254.0/23' },
      hostBits: true,
    });
  });
});
