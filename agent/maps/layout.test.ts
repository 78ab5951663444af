import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressFromBytes } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import {
  backendKey,
  backendValue,
  masterValue,
  parseBackendKey,
  parseBackendValue,
  parseConnectedSocket,
  parseReverseNatKey,
  parseReverseNatValue,
  parseReverseSk,
  parseServiceKey,
  parseServiceValue,
  reverseNatKey,
  reverseNatValue,
  reverseSkKey,
  reverseSkValue,
  serviceKey,
  slotValue,
} from './layout.ts';

const ip = (text: string) => text as IpAddress;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const frontend = { address: ip('10.96.0.10'), port: 80, protocol: 'TCP' } as const;
const backend = { address: ip('10.244.1.5'), port: 8080, protocol: 'TCP', state: 'active', clusterId: 2 } as const;
const frontend6 = { address: ip('fd00::a'), port: 443, protocol: 'TCP' } as const;
const backend6 = { ...backend, address: ip('fd00:1::5'), port: 8443 } as const;
const reverseSk = { cookie: 0x1234n, backend, service: frontend, revNatId: 7 };

// What Cilium writes for 10.96.0.10:80/TCP with id 7 and three backends, one of them 17 = 10.244.1.5:8080 in cluster 2; for IPv6,
// [fd00::a]:443/TCP and [fd00:1::5]:8443 in cluster 2.
test.each([
  ['key of a master', serviceKey({ ...frontend, slot: 0 }), '0a60000a 0050 0000 06 00 0000'],
  ['key of slot 1', serviceKey({ ...frontend, slot: 1 }), '0a60000a 0050 0100 06 00 0000'],
  ['master', masterValue({ count: 3, revNatId: 7 }), '00000000 0300 0007 00 00 0000'],
  [
    'master with one that is leaving',
    masterValue({ count: 3, qcount: 1, revNatId: 7 }),
    '00000000 0300 0007 00 00 0100',
  ],
  [
    'master with an affinity of three hours',
    masterValue({ count: 3, revNatId: 7, affinityTimeout: 10_800 }),
    '302a0000 0300 0007 10 00 0000',
  ],
  ['slot', slotValue({ backendId: 17, revNatId: 7 }), '11000000 0000 0007 00 00 0000'],
  ['key of a backend', backendKey(17), '11000000'],
  ['backend', backendValue(backend), '0af40105 1f90 06 00 0200 00 00'],
  ['terminating backend', backendValue({ ...backend, state: 'terminating' }), '0af40105 1f90 06 01 0200 00 00'],
  ['key of a reverse NAT', reverseNatKey(7), '0007'],
  ['reverse NAT', reverseNatValue(frontend), '0a60000a 0050'],
  ['key of a reverse socket', reverseSkKey(reverseSk), '3412000000000000 0af40105 1f90 0000'],
  ['reverse socket', reverseSkValue(reverseSk), '0a60000a 0050 0007'],
  ['key of an IPv6 master', serviceKey({ ...frontend6, slot: 0 }), `fd00${'00'.repeat(13)}0a 01bb 0000 06 00 0000`],
  ['key of an IPv6 slot', serviceKey({ ...frontend6, slot: 258 }), `fd00${'00'.repeat(13)}0a 01bb 0201 06 00 0000`],
  [
    'terminating IPv6 backend',
    backendValue({ ...backend6, state: 'terminating' }),
    `fd000001${'00'.repeat(11)}05 20fb 06 01 0200 00 00`,
  ],
  ['IPv6 reverse NAT', reverseNatValue(frontend6), `fd00${'00'.repeat(13)}0a 01bb`],
  [
    'key of an IPv6 reverse socket',
    reverseSkKey({ cookie: 0x1234n, backend: backend6 }),
    `3412000000000000 fd000001${'00'.repeat(11)}05 20fb ${'00'.repeat(6)}`,
  ],
  ['IPv6 reverse socket', reverseSkValue({ service: frontend6, revNatId: 7 }), `fd00${'00'.repeat(13)}0a 01bb 0007`],
])('bytes of a %s', (_, actual, expected) => {
  expect(hex(actual)).toBe(expected.replaceAll(' ', ''));
});

const anyV4 = fc.ipV4().map(ip);
const anyV6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((all) => addressFromBytes(Uint8Array.of(0x20, ...all.subarray(1))));
const anyAddress = fc.oneof(anyV4, anyV6);
const any16 = fc.integer({ min: 0, max: 0xffff });
const anyId = fc.integer({ min: 0, max: 0xffff_ffff });
const anyCookie = fc.bigInt(0n, 2n ** 64n - 1n);
const anyProtocol = fc.constantFrom('TCP' as const, 'UDP' as const);
const anyState = fc.constantFrom('active', 'terminating', 'quarantined', 'maintenance' as const);

/** Every row survives being written and parsed. */
function roundTrips<T>(rows: fc.Arbitrary<T>, through: (row: T) => unknown, more: object = {}): void {
  const whole = (row: T) => (typeof row === 'object' ? { ...more, ...row } : row);
  fc.assert(fc.property(rows, (row) => void expect(through(row)).toEqual(whole(row))));
}

test('parse undoes write', () => {
  const places = { address: anyAddress, port: any16 };
  const ends = { ...places, protocol: anyProtocol };
  const bare = { backendId: 0, count: 0, qcount: 0, affinityTimeout: 0, flags: 0, flags2: 0 };
  roundTrips(fc.record({ ...ends, slot: any16 }), (row) => parseServiceKey(serviceKey(row)));
  const masters = fc.record({ count: any16, qcount: any16, revNatId: any16 });
  roundTrips(masters, (row) => parseServiceValue(masterValue(row)), bare);
  const kept = fc.record({ count: any16, affinityTimeout: fc.integer({ min: 1, max: 0xff_ffff }) });
  roundTrips(kept, (row) => parseServiceValue(masterValue({ ...row, revNatId: 7 })), {
    ...bare,
    flags: 0x10,
    revNatId: 7,
  });
  const slots = fc.record({ backendId: anyId, revNatId: any16 });
  roundTrips(slots, (row) => parseServiceValue(slotValue(row)), bare);
  roundTrips(anyId, (id) => parseBackendKey(backendKey(id)));
  const backends = fc.record({ ...ends, state: anyState, clusterId: any16 });
  roundTrips(backends, (row) => parseBackendValue(backendValue(row)));
  roundTrips(any16, (id) => parseReverseNatKey(reverseNatKey(id)));
  roundTrips(fc.record(places), (row) => parseReverseNatValue(reverseNatValue(row)));
  const placeOf = (address: fc.Arbitrary<IpAddress>) => fc.record({ address, port: any16 });
  const sockets = fc.oneof(
    ...[anyV4, anyV6].map((address) =>
      fc.record({ cookie: anyCookie, backend: placeOf(address), service: placeOf(address), revNatId: any16 }),
    ),
  );
  roundTrips(sockets, (row) => parseReverseSk(reverseSkKey(row), reverseSkValue(row)));
});

test.each([
  ['IPv4', '0a60000a', '0af40105', '0050 1f90 0007 04', { backend, service: frontend }],
  [
    'IPv6',
    `fd00${'00'.repeat(13)}0a`,
    `fd000001${'00'.repeat(11)}05`,
    '01bb 20fb 0007 06',
    { backend: backend6, service: frontend6 },
  ],
])('the row of a connected socket: %s', (_, service, own, rest, expected) => {
  const words = (text: string) => text.padEnd(32, '0');
  const row = (cookie: string) => bytes(`${cookie} ${words(service)} ${words(own)} ${rest} 00 00000000 00000000`);
  const place = ({ address, port }: { readonly address: IpAddress; readonly port: number }) => ({ address, port });
  expect(parseConnectedSocket(row('3412000000000000'))).toEqual({
    cookie: 0x1234n,
    backend: place(expected.backend),
    service: place(expected.service),
    revNatId: 7,
  });
  expect(parseConnectedSocket(row('0000000000000000'))).toBeUndefined();
  expect(parseConnectedSocket(row('3412000000000000').subarray(1))).toBeUndefined();
});

test('rows that are not ours are not read', () => {
  expect(parseServiceKey(bytes('0a60000a 0050 0000 84 00 0000'))).toBeUndefined();
  expect(parseServiceKey(bytes('0a60000a 0050 0000 06 01 0000'))).toBeUndefined();
  expect(parseServiceKey(bytes('0a60000a 0050 0000 06 00 0001'))).toBeUndefined();
  expect(parseServiceKey(bytes('0a60000a'))).toBeUndefined();
  expect(parseBackendValue(bytes('0af40105 1f90 06 09 0200 00 00'))).toBeUndefined();
  expect(parseBackendValue(bytes('0af40105 1f90 00 00 0200 00 00'))).toBeUndefined();
  const parsers = [parseServiceKey, parseServiceValue, parseBackendKey, parseBackendValue, parseReverseNatKey];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 32 }), (row) => {
      for (const parse of parsers) parse(row);
      parseReverseNatValue(row);
      parseReverseSk(row, row);
      parseConnectedSocket(row);
    }),
  );
});

test('an IPv4 address mapped into IPv6 has no row among those of IPv6', () => {
  const mapped = `${'00'.repeat(10)}ffff 0a60000a`;
  expect(parseServiceKey(bytes(`${mapped} 0050 0000 06 00 0000`))).toBeUndefined();
  expect(parseBackendValue(bytes(`${mapped} 0050 06 00 0200 00 00`))).toBeUndefined();
  expect(parseReverseNatValue(bytes(`${mapped} 0050`))).toBeUndefined();
});

test.each(['fd00::1::', '10.0.0', '10.0.0.999', ''])('what is no address is a bug of the caller: %j', (text) => {
  expect(() => reverseNatValue({ address: ip(text), port: 1 })).toThrow('not an address');
});
