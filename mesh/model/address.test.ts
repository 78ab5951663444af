import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { addressBytes, addressFromBytes, compareAddresses, familyOf, parseAddress } from './address.ts';
import type { IpAddress } from './names.ts';

const parsed = (text: string): string => {
  const result = parseAddress(text);
  return result.ok ? result.value : `refused: ${result.error}`;
};
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyBytes = fc.oneof(bytesOf(4), bytesOf(16), runsOfZeros());
/** Random bytes have no zeros to shorten. */
function runsOfZeros() {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  return fc
    .array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 0xff])));
}
/** Texts that are near to addresses. */
const nearly = fc
  .array(
    fc.constantFrom('0', '1', '10', '255', '256', '01', 'ffff', 'fd00', ':', ':', '::', '.', '.', '%', '/', 'g', ' '),
    {
      maxLength: 16,
    },
  )
  .map((parts) => parts.join(''));

describe('parseAddress', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['FD00:0:0:1::000A', 'fd00:0:0:1::a'],
    ['::', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['::10.0.0.1', '::a00:1'],
  ])('%s is %s', (text, canonical) => {
    expect(parsed(text)).toBe(canonical);
  });

  // What other parsers read as some address: 8.1.1.1, 10.0.0.1, an address of one interface.
  test.each([
    ...['010.1.1.1', '10.1', '0x0a.1.1.1', '1.2.3.4.5', '1.2.3.256', '1.2.3.', '1..2.3', '167772161', ''],
    ...['fe80::1%eth0', '1::2::3', ':::', ':1::2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '::12345'],
    ...['::1.2.3', '::01.2.3.4', '1.2.3.4::', ' 10.0.0.1', '10.0.0.1/32', '[::1]', '１.2.3.4'],
  ])('"%s" is refused', (text) => {
    expect(parsed(text)).toMatch(/^refused: /);
  });

  test('gives back its own text, and the bytes that the text stands for', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const address = addressFromBytes(bytes);
        expect(parsed(address)).toBe(address);
        expect(addressFromBytes(addressBytes(address))).toBe(address);
        expect(familyOf(address)).toBe(addressBytes(address).length === 4 ? 4 : 6);
      }),
    );
  });

  // ipaddr.js takes IPv4 in octal, hexadecimal and short forms, hence its strict check; it takes zones; it writes
  // one group of zeros as "::".
  test('agrees with ipaddr.js where that is right', () => {
    fc.assert(
      fc.property(fc.oneof(nearly, anyBytes.map(addressFromBytes), fc.string()), (text) => {
        const valid = text.includes(':')
          ? ipaddr.IPv6.isValid(text) && !text.includes('%')
          : ipaddr.IPv4.isValidFourPartDecimal(text);
        expect(parseAddress(text).ok).toBe(valid);
        if (valid) expect(addressBytes(text as IpAddress)).toEqual(Uint8Array.from(ipaddr.process(text).toByteArray()));
      }),
      { numRuns: 2000 },
    );
  });

  test('orders IPv4 before IPv6, and both by number', () => {
    const sorted = ['9.0.0.1', '10.0.0.1', '10.0.0.2', '::', '::1', 'fd00::9', 'fd00::10'] as IpAddress[];
    expect([...sorted].reverse().sort(compareAddresses)).toEqual(sorted);
  });
});
