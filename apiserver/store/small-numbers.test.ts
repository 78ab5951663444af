import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { expect, test } from 'vitest';
import type { Int64 } from '../../mesh/wire/int64.ts';
import { etcdserverpb as pb } from './gen/etcd.js';
import { storeIdOf, watchIdOf } from './int64.ts';
import { SmallNumberReader } from './small-numbers.ts';

const BITS = 64n;

/** Every length that a varint may have, and its limits. */
const unsigned = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << BITS) - 1n }),
  fc.integer({ min: 0, max: 63 }).map((bits) => (1n << BigInt(bits)) - 1n),
  fc.integer({ min: 0, max: 63 }).map((bits) => 1n << BigInt(bits)),
);

const longOf = (value: bigint) => protobuf.util.LongBits.from(BigInt.asUintN(64, value).toString()).toLong(true);

test('numbers are what they were, wherever they stand', () => {
  fc.assert(
    fc.property(fc.array(unsigned), fc.nat(9), (values, offset) => {
      const writer = protobuf.Writer.create();
      for (const value of values) writer.uint64(longOf(value)).int64(longOf(value));
      const written = writer.finish();
      const bytes = Buffer.alloc(offset + written.length).subarray(offset);
      bytes.set(written);
      const reader = new SmallNumberReader(bytes);
      for (const value of values) {
        expect(storeIdOf(reader.uint64() as Int64)).toBe(value.toString(16).padStart(16, '0'));
        expect(watchIdOf(reader.int64() as Int64)).toBe(Number(BigInt.asIntN(64, value)));
      }
      expect(reader.pos).toBe(bytes.length);
    }),
  );
});

test('what fits into seven bytes is a number, and an object where it does not', () => {
  const written = protobuf.Writer.create()
    .int64(2 ** 49 - 1)
    .int64(2 ** 49)
    .finish();
  const reader = new SmallNumberReader(Buffer.from(written));
  expect(reader.int64()).toBe(2 ** 49 - 1);
  expect(reader.int64()).toMatchObject({ high: 2 ** 17, low: 0 });
});

test('a number that is cut off is refused', () => {
  expect(() => new SmallNumberReader(Buffer.from([0x80, 0x80])).int64()).toThrow();
  expect(() => new SmallNumberReader(Buffer.alloc(0)).uint64()).toThrow();
});

test('a message means the same', () => {
  const written = pb.KeyValue.encode({ key: Buffer.from('a'), createRevision: 7, modRevision: 2 ** 40, version: 1 });
  const kv = pb.KeyValue.decode(new SmallNumberReader(Buffer.from(written.finish())));
  expect(kv).toMatchObject({ createRevision: 7, modRevision: 2 ** 40, version: 1 });
});
