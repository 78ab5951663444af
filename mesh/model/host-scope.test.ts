import { expect, test } from 'vitest';
import { isHostScoped } from './host-scope.ts';
import type { IpAddress } from './names.ts';
import { singlePrefix } from './prefix.ts';

test.each([
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '224.0.0.1',
    '239.255.255.250',
    '255.255.255.255',
  ],
  ...['::', '::1', 'fe80::1', 'febf::1', 'ff02::1', 'ff0e::1'],
])('%s is of every host', (address) => {
  expect(isHostScoped(singlePrefix(address as IpAddress))).toBe(true);
});

test.each([
  ...['1.0.0.1', '10.0.0.1', '126.255.255.255', '128.0.0.1', '169.253.255.255', '169.255.0.1', '223.255.255.255'],
  ...['240.0.0.1', '255.255.255.254', '::2', '::1:0:0:1', 'fd00::1', 'fe00::1', 'fec0::1', '2001:db8::1'],
])('%s may be of one', (address) => {
  expect(isHostScoped(singlePrefix(address as IpAddress))).toBe(false);
});
