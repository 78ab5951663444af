import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { expect, test } from 'vitest';
import { FlatReader } from './flat-reader.ts';

const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 80 }));

test('texts are what they were, wherever they stand in a buffer', () => {
  fc.assert(
    fc.property(fc.array(text), fc.nat(9), (texts, offset) => {
      const writer = protobuf.Writer.create();
      for (const each of texts) writer.string(each);
      const written = writer.finish();
      const bytes = new Uint8Array(offset + written.length).subarray(offset);
      bytes.set(written);
      const reader = new FlatReader(bytes);
      const known = protobuf.Reader.create(written);
      for (const _ of texts) expect(reader.stringVerify()).toBe(known.stringVerify());
      expect(reader.pos).toBe(bytes.length);
    }),
  );
});

const broken: readonly [string, readonly number[]][] = [
  ['what is no UTF-8', [2, 0xc3, 0x28]],
  ['a text that is cut off', [3, 0x61, 0x62]],
];
test.each(broken)('%s is refused', (_, bytes) => {
  expect(() => new FlatReader(Uint8Array.from(bytes)).stringVerify()).toThrow();
});
