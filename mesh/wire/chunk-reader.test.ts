// The same bytes mean the same to the reader of chunks and to the generated codec.

import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import { err, ok, type Result } from '../model/result.ts';
import type { Backend } from '../model/service.ts';
import { ChunkReader, type ChunkService, isChunk } from './chunk-reader.ts';
import { clustermesh } from './gen/mesh.js';
import { ValueReader } from './mesh-values.ts';

type ServiceMessage = clustermesh.v1.Service.$Properties;

/** As the generated codec reads it, and the values are read elsewhere. */
function readByCodec(bytes: Uint8Array): Result<readonly ChunkService[], string> {
  const values = new ValueReader();
  const services: ChunkService[] = [];
  for (const { key: text, spec: message, backends: messages } of clustermesh.v1.ServerMessage.decode(bytes).chunk
    ?.services ?? []) {
    const backends: Backend[] = [];
    for (const each of messages ?? []) {
      const backend = values.backend(each);
      if (!backend.ok) return backend;
      backends.push(backend.value);
    }
    const spec = message ? values.spec(message) : ok(undefined);
    if (!spec.ok) return spec;
    const key = values.key(text);
    if (!key.ok) return key;
    services.push({ key: key.value, spec: spec.value, backends });
  }
  return ok(services);
}

const read = (bytes: Uint8Array) => new ChunkReader(new ValueReader()).read(bytes);
const encode = (services: ServiceMessage[]) => clustermesh.v1.ServerMessage.encode({ chunk: { services } }).finish();

const port = fc.record({
  name: fc.constantFrom('', 'http', 'größe'),
  protocol: fc.constantFrom('TCP', 'UDP'),
  port: fc.constantFrom(1, 80, 65_535),
});
const ports = fc.array(port, { maxLength: 3 });
const service = fc.record({
  key: fc.constantFrom('shop/a', 'shop/b'),
  spec: fc.option(
    fc.record({
      frontends: fc.subarray(['10.96.0.1', 'fd00::1']),
      ports,
      clientIpTimeoutSeconds: fc.constantFrom(0, 60),
      createdSeconds: fc.constantFrom(0, 4_294_967_295),
    }),
  ),
  backends: fc.array(
    fc.record({
      address: fc.constantFrom('10.1.0.1', '10.1.0.2', '::ffff:10.1.0.3', 'fd00:1::5'),
      cluster: fc.constantFrom('east', 'west'),
      clusterId: fc.constantFrom(1, 511),
      terminating: fc.boolean(),
      ports,
    }),
    { maxLength: 6 },
  ),
});
const services = fc.array(service, { maxLength: 5 });

describe('a chunk', () => {
  test('is read as the codec reads it', () => {
    fc.assert(
      fc.property(services, (list) => {
        const bytes = encode(list);
        expect(isChunk(bytes)).toBe(true);
        expect(read(bytes)).toEqual(readByCodec(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('with one value that cannot be is refused for the same reason', () => {
    const wrong: readonly ServiceMessage[] = [
      { key: 'shop' },
      { key: 'shop/a', spec: { frontends: ['10.1'] } },
      { key: 'shop/a', spec: { clientIpTimeoutSeconds: 86_401 } },
      { key: 'shop/a', spec: { ports: [{ protocol: 'ICMP', port: 1 }] } },
      ...[{ address: '010.1.1.1' }, { cluster: '-' }, { cluster: '' }, { clusterId: 512 }, { clusterId: 0 }].map(
        (part) => ({ key: 'shop/a', backends: [{ address: '10.1.0.1', cluster: 'east', clusterId: 1, ...part }] }),
      ),
      {
        key: 'shop/a',
        backends: [{ address: '10.1.0.1', cluster: 'east', clusterId: 1, ports: [{ protocol: 'TCP' }] }],
      },
    ];
    for (const message of wrong) {
      const bytes = encode([message]);
      expect(read(bytes).ok).toBe(false);
      expect(read(bytes)).toEqual(readByCodec(bytes));
    }
  });

  test('may have fields that this version does not know', () => {
    const unknown = new protobuf.Writer().uint32(tag(15, 2)).string('later').uint32(tag(14, 0)).uint32(300).finish();
    const withUnknown = (content: Uint8Array) => Buffer.concat([content, unknown]);
    const nested = (field: number, content: Uint8Array) =>
      new protobuf.Writer().uint32(tag(field, 2)).bytes(withUnknown(content)).finish();
    const backend = { address: '10.1.0.1', cluster: 'east', clusterId: 1, ports: [{ protocol: 'TCP', port: 80 }] };
    const bytes = nested(
      2,
      nested(
        1,
        Buffer.concat([
          clustermesh.v1.Service.encode({ key: 'shop/a' }).finish(),
          nested(2, clustermesh.v1.ServiceSpec.encode({ frontends: ['10.96.0.1'] }).finish()),
          nested(3, clustermesh.v1.Backend.encode(backend).finish()),
        ]),
      ),
    );
    const plain = encode([{ key: 'shop/a', spec: { frontends: ['10.96.0.1'] }, backends: [backend] }]);
    expect(read(bytes)).toEqual(read(plain));
    expect(read(bytes)).toEqual(readByCodec(bytes));
  });

  test('with something else beside it is none, nor is anything that is cut short', () => {
    const bytes = encode([{ key: 'shop/a' }]);
    expect(isChunk(Buffer.concat([bytes, bytes]))).toBe(false);
    for (let length = 0; length < bytes.length; length += 1) expect(isChunk(bytes.subarray(0, length))).toBe(false);
  });

  test('that is damaged within is an error and never a throw', () => {
    const bytes = encode([
      {
        key: 'shop/a',
        backends: [{ address: '10.1.0.1', cluster: 'east', clusterId: 1, ports: [{ protocol: 'TCP', port: 80 }] }],
      },
    ]);
    for (let at = 2; at < bytes.length; at += 1) {
      for (const byte of [0, 1, 0x0a, 0x7f, 0x80, 0xff]) {
        const damaged = bytes.map((old, index) => (index === at ? byte : old));
        const result = read(damaged);
        expect(typeof result.ok).toBe('boolean');
        if (result.ok) expect(attempt(() => readByCodec(damaged))).toEqual(result);
      }
    }
  });
});

const tag = (field: number, wireType: number): number => (field << 3) | wireType;

function attempt<T>(read: () => Result<T, string>): Result<T, string> {
  try {
    return read();
  } catch (error) {
    return err(String(error));
  }
}
