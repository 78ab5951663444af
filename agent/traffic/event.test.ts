// Events as bytes. That real ones are read rightly is shown in test/kernel/traffic.live.test.ts, where the kernel writes them.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TRAFFIC_EVENT } from '../maps/structs.ts';
import { parseEvent } from './event.ts';

const at = TRAFFIC_EVENT.offsets;

function bytesOf(changes: Readonly<Partial<Record<keyof typeof at, readonly number[]>>> = {}): Uint8Array {
  const bytes = new Uint8Array(TRAFFIC_EVENT.size);
  const fields = { family: [4], protocol: [17], service_port: [0, 53], cause: [1], ...changes };
  for (const [field, value] of Object.entries(fields)) bytes.set(value, at[field as keyof typeof at]);
  return bytes;
}

test('no bytes make it throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2 * TRAFFIC_EVENT.size }), (bytes) => void parseEvent(bytes)));
});

test('bytes of a known family, protocol and cause are read, and their command cannot steer a terminal', () => {
  const bytesOfSize = fc.uint8Array({ minLength: TRAFFIC_EVENT.size, maxLength: TRAFFIC_EVENT.size });
  const known = fc.record({ family: fc.constantFrom(4, 6), protocol: fc.constantFrom(6, 17), cause: fc.nat(3) });
  fc.assert(
    fc.property(bytesOfSize, known, (bytes, { family, protocol, cause }) => {
      bytes[at.family] = family;
      bytes[at.protocol] = protocol;
      bytes[at.cause] = cause;
      // No IPv6 address that stands for an IPv4 one.
      bytes[at.service_address] = 0xfd;
      bytes[at.backend_address] = 0xfd;
      const event = parseEvent(bytes);
      expect(event.ok && event.value.client.command).toMatch(/^[^\p{Cc}\p{Cf}]*$/u);
    }),
  );
});

test('a refusal has its cause, and no backend', () => {
  const event = parseEvent(bytesOf({ service_address: [172, 20, 0, 10] }));
  expect(event).toMatchObject({
    ok: true,
    value: { protocol: 'UDP', service: { address: '172.20.0.10', port: 53 }, outcome: { refused: 'no-backends' } },
  });
});

test.each([
  ['a family', { family: [5] }, 'family 5'],
  ['a protocol', { protocol: [132] }, 'protocol 132'],
  ['a cause', { cause: [9] }, 'cause 9'],
])('%s that is not known is said', (_name, changes, error) => {
  expect(parseEvent(bytesOf(changes))).toEqual({ ok: false, error });
});
