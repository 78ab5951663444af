// The bytes of requests as the kernel's headers define them, and replies: a real one, broken ones, and random ones.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IpAddress } from '../../mesh/model/names.ts';
import { destroyRequest, listRequest, NO_SOCKET, parseReply } from './inet-diag.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

/** A UDP socket of 127.0.0.1:36265 to 10.1.0.5:53, cookie 0x1234. */
const ID = '8da9 0035 7f000001 000000000000000000000000 0a010005 000000000000000000000000 00000000 34120000 00000000';
const SOCKET = `02 01 00 00 ${ID} 00000000 00000000 00000000 00000000 39300000`;
/** INET_DIAG_SHUTDOWN, which the kernel always adds. */
const ATTRIBUTE = '0500 0800 00 000000';
const header = (length: number, type: number, sequence: number) => {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setUint32(0, length, true);
  bytes.setUint16(4, type, true);
  bytes.setUint16(6, 2, true);
  bytes.setUint32(8, sequence, true);
  return hex(new Uint8Array(bytes.buffer));
};
const DONE = `${header(20, 3, 7)} 00000000`;
const MESSAGE = `${header(96, 20, 7)} ${SOCKET} ${ATTRIBUTE}`;

describe('requests', () => {
  test('a list of connected UDP sockets', () => {
    expect(hex(listRequest(4, 'UDP', 7))).toBe(
      hex(bytesOf(`48000000 1400 0103 07000000 00000000 02 11 00 00 02000000 ${'00'.repeat(48)}`)),
    );
  });

  test('a list of TCP sockets asks for those that still wait for their peer', () => {
    expect(hex(listRequest(6, 'TCP', 1).subarray(16, 24))).toBe('0a06000036010000');
  });

  test('the end of a socket names it as the kernel did', () => {
    const request = destroyRequest({ family: 4, protocol: 'UDP', id: bytesOf(ID) }, 8);
    expect(hex(request)).toBe(hex(bytesOf(`48000000 1500 0500 08000000 00000000 02 11 00 00 00000000 ${ID}`)));
    expect(NO_SOCKET.length).toBe(48);
  });
});

describe('replies', () => {
  test('sockets, and the end', () => {
    const reply = parseReply(bytesOf(MESSAGE + MESSAGE + DONE), 'UDP', 7);
    const socket = {
      family: 4,
      protocol: 'UDP',
      id: bytesOf(ID),
      cookie: 0x1234n,
      peer: { address: '10.1.0.5' as IpAddress, port: 53 },
    };
    expect(reply).toEqual({ ok: true, value: { sockets: [socket, socket], ended: 0 } });
  });

  test('the name of a socket outlives the buffer that it came in', () => {
    const bytes = Buffer.from(bytesOf(MESSAGE));
    const reply = parseReply(bytes, 'UDP', 7);
    bytes.fill(0xff);
    expect(reply.ok && hex(reply.value.sockets[0]?.id ?? new Uint8Array())).toBe(hex(bytesOf(ID)));
  });

  test.each([
    ['fd00:1::5', 'fd000001 00000000 00000000 00000005'],
    ['10.1.0.5', '00000000 00000000 0000ffff 0a010005'],
  ])('an IPv6 socket with the peer %s', (address, bytes) => {
    const id = `8da9 0035 ${'00'.repeat(16)} ${bytes} 00000000 34120000 01000000`;
    const reply = parseReply(bytesOf(`${header(88, 20, 7)} 0a 01 00 00 ${id} ${'00'.repeat(20)}`), 'UDP', 7);
    expect(reply).toMatchObject({
      ok: true,
      value: { sockets: [{ family: 6, cookie: 0x1_0000_1234n, peer: { address } }] },
    });
  });

  test('an error ends it with its number', () => {
    expect(parseReply(bytesOf(`${header(36, 2, 7)} feffffff ${'00'.repeat(16)}`), 'UDP', 7)).toEqual({
      ok: true,
      value: { sockets: [], ended: 2 },
    });
  });

  test('what belongs to another request is passed over', () => {
    const other = `${header(20, 3, 6)} 00000000`;
    expect(parseReply(bytesOf(other), 'UDP', 7)).toEqual({ ok: true, value: { sockets: [] } });
  });

  test.each([
    ['half a header', '60000000'],
    ['a length of nothing', header(0, 20, 7)],
    ['a length beyond the end', header(97, 20, 7) + SOCKET + ATTRIBUTE],
    ['half a socket', `${header(40, 20, 7)} ${'00'.repeat(24)}`],
    ['another family', `${header(88, 20, 7)} 01 ${SOCKET.slice(2)}`],
    ['another type', `${header(16, 99, 7)}`],
    ['an end without a status', header(16, 3, 7)],
    ['a status that is no error', `${header(20, 3, 7)} 05000000`],
  ])('%s is refused', (_, text) => {
    expect(parseReply(bytesOf(text), 'UDP', 7)).toMatchObject({ ok: false, error: expect.any(String) });
  });

  test('random bytes never make it throw, and neither do broken replies', () => {
    const whole = bytesOf(MESSAGE + MESSAGE + DONE);
    const broken = fc
      .tuple(fc.nat(whole.length), fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }))
      .map(([length, changes]) => {
        const bytes = whole.slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), broken), (bytes) => {
        const reply = parseReply(bytes, 'UDP', 7);
        if (!reply.ok) return;
        for (const { id, peer } of reply.value.sockets) {
          expect(id.length).toBe(48);
          expect(peer.port).toBeLessThanOrEqual(0xffff);
        }
        expect(reply.value.ended ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2_000 },
    );
  });
});
