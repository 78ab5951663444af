import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeRange } from '../door/wire.ts';
import { EtcdWire } from './etcd-wire.ts';
import { compactEntry } from './once-written.ts';
import type { KeyValue } from './port.ts';

const revision = fc.nat(3);
const anyEntry: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.string(),
  value: fc.uint8Array({ maxLength: 8 }),
  createRevision: revision,
  modRevision: revision,
  version: revision,
  lease: fc.constantFrom('0', '0', '7587862094'),
});

test('an entry is the same one in whatever form', () => {
  fc.assert(
    fc.property(anyEntry, (kv) => {
      const { key, value, createRevision, modRevision, version, lease } = compactEntry({ ...kv });
      expect({ key, value, createRevision, modRevision, version, lease }).toEqual(kv);
      expect(value).toBe(kv.value);
    }),
  );
});

test('what was written once and under no lease takes the room of three parts', () => {
  const written = { key: 'a', value: Buffer.from('1'), createRevision: 3, modRevision: 3, version: 1, lease: '0' };
  expect(Object.keys(compactEntry(written))).toHaveLength(3);
  for (const other of [{ version: 2 }, { createRevision: 2 }, { lease: '7' }]) {
    expect(Object.keys(compactEntry({ ...written, ...other }))).toHaveLength(6);
  }
});

test('it goes over the wire with all of its parts, with its value and without', () => {
  const written = { key: 'a', value: Buffer.from('1'), createRevision: 3, modRevision: 3, version: 1, lease: '0' };
  for (const keysOnly of [false, true]) {
    const encoded = [written, compactEntry(written)].map((kv) =>
      encodeRange({ header: { storeId: 'aa', revision: 3 }, entries: [kv], keysOnly, more: false, count: 1 }),
    );
    const [whole, compact] = encoded.map((bytes) => EtcdWire.range.responseDeserialize(bytes).kvs);
    expect(compact).toEqual(whole);
    expect(whole).toHaveLength(1);
  }
});
