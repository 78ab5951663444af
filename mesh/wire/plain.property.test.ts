// What is read in one go means what reading any JSON makes of it: of values as they are written, of such that are nearly so, and of damaged
// ones. And what our publisher writes is read so.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../model/address.ts';
import { decodeIpIdentity, type IpIdentityRecord, ipIdentityKind, readPlainIpIdentity } from './ip-identity.ts';
import { readPlainSlice } from './plain-slice.ts';
import { type ServiceHeadRecord, serviceHeadKind } from './service-head.ts';
import { composeService } from './service-pieces.ts';
import { type ServiceSliceRecord, serviceSliceKind, sliceNamingProblems } from './service-slice.ts';
import { wholeService } from './whole-service.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
/** Mostly what is plain; and whatever is escaped, is longer than a byte, or closes something. */
const words = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom('', 'web-1', 'shop', 'a.b', '__proto__', '10', '9') },
  { weight: 1, arbitrary: fc.constantFrom('"', '\\', '<', '&', 'é', '\u2028', '}', ',"', '\u007f', '\n', '\ud800') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const addresses = fc.oneof(
  { weight: 40, arbitrary: fc.ipV4() },
  {
    weight: 2,
    arbitrary: fc.constantFrom('fd00::1', 'FD00::1', 'fd00:0::1', '::ffff:10.0.0.1', '010.0.0.1', '10.0.0'),
  },
  { weight: 1, arbitrary: words },
);
const numbers = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 120 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(65_535, 65_536, 999_999_999, 1_000_000_000, 0xffff_ffff, 2 ** 32, -0, -1, 0.5, 1e21),
  },
);

/** As it is, or with one to three of its bytes, or a piece of it, other than they were. */
const damaged = (text: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 3, arbitrary: text.map(bytesOf) },
    {
      weight: 4,
      arbitrary: fc.tuple(text, fc.array(fc.tuple(fc.nat(), DAMAGE), { minLength: 1, maxLength: 3 })).map(edited),
    },
  );
const DAMAGE = fc.oneof(
  fc.record({
    cut: fc.nat({ max: 12 }),
    insert: fc.constantFrom('', '"', ',', ':', '{', '}', ' ', '0', '-', '\\', 'é'),
  }),
  fc.record({ cut: fc.nat({ max: 40 }), insert: fc.constantFrom('"Key":1,', ',"id":7', ',"zones":{}', 'null', '[]') }),
);
function edited([text, edits]: readonly [string, readonly (readonly [number, { cut: number; insert: string }])[]]) {
  const whole = edits.reduce((now, [at, { cut, insert }]) => {
    const start = at % (now.length + 1);
    return now.slice(0, start) + insert + now.slice(start + cut);
  }, text);
  return bytesOf(whole);
}

/** The text with each of its characters left out, or with another one before it or in its place. */
function* changedOnce(text: string): Generator<Uint8Array> {
  for (let at = 0; at <= text.length; at += 1) {
    yield Buffer.from(text.slice(0, at) + text.slice(at + 1), 'latin1');
    for (const character of '{}[]",:\\ 0-.e<\n\u00e9') {
      yield Buffer.from(text.slice(0, at) + character + text.slice(at), 'latin1');
      yield Buffer.from(text.slice(0, at) + character + text.slice(at + 1), 'latin1');
    }
  }
}

describe('an endpoint', () => {
  const usual: fc.Arbitrary<IpIdentityRecord> = fc.record(
    {
      ...{ IP: addresses, Mask: fc.constantFrom(null, null, null, null, null, '/////w=='), HostIP: addresses },
      ...{ ID: numbers, Key: numbers, Metadata: words },
      ...{ K8sNamespace: words, K8sPodName: words, K8sPodUID: words, K8sServiceAccount: words },
      NamedPorts: fc.array(fc.record({ Name: words, Port: numbers, Protocol: words }), { maxLength: 2 }),
    },
    { requiredKeys: ['IP', 'HostIP', 'ID', 'Key', 'Metadata'] },
  );
  const texts = fc.oneof(
    usual.map((value) => JSON.stringify(value)),
    usual.map((value) => Buffer.from(ipIdentityKind.encode(value)).toString()),
  );

  test('is the same however it is read', () => {
    let plain = 0;
    fc.assert(
      fc.property(damaged(texts), (bytes) => {
        const read = readPlainIpIdentity(bytes);
        if (read === undefined) return;
        plain += 1;
        expect(decodeIpIdentity(bytes)).toEqual({ ok: true, value: read });
      }),
      { numRuns: 3_000 },
    );
    expect(plain).toBeGreaterThan(200);
  });

  test('changed in one place is the same however it is read', () => {
    const text =
      '{"IP":"10.1.0.7","Mask":null,"HostIP":"192.0.2.1","ID":65793,"Key":0,"Metadata":"","K8sNamespace":"shop","K8sPodName":"web-1",' +
      '"K8sServiceAccount":"own","NamedPorts":[{"Name":"a","Port":80,"Protocol":"TCP"},{"Name":"b","Port":53,"Protocol":"UDP"}]}';
    expect(readPlainIpIdentity(bytesOf(text))).toBeDefined();
    for (const bytes of changedOnce(text)) {
      const read = readPlainIpIdentity(bytes);
      if (read !== undefined) expect(decodeIpIdentity(bytes)).toEqual({ ok: true, value: read });
    }
  });

  test.each([
    [
      'of Cilium',
      {
        IP: '10.1.0.7',
        Mask: null,
        HostIP: '192.0.2.1',
        ID: 65_793,
        Key: 0,
        Metadata: '',
        K8sNamespace: 'shop',
        K8sPodName: 'web-1',
      },
    ],
    ['of the newer shape', { IP: '10.1.0.7', HostIP: '', ID: 4, Key: 99, Metadata: 'x', K8sPodUID: '1-2' }],
    [
      'with ports',
      {
        ...{ IP: 'fd00::7', Mask: null, HostIP: '192.0.2.1', ID: 65_793, Key: 0, Metadata: '' },
        ...{ K8sServiceAccount: 'default', NamedPorts: [{ Name: 'http', Port: 8080, Protocol: 'TCP' }] },
      },
    ],
  ])('%s is read in one go', (_, value) => {
    expect(readPlainIpIdentity(ipIdentityKind.encode(value))).toEqual(value);
  });
});

describe('a slice', () => {
  const ports = fc.oneof(
    { weight: 12, arbitrary: fc.constant({ http: { Protocol: 'TCP', Port: 8080 } }) },
    {
      weight: 2,
      arbitrary: fc.dictionary(
        words,
        fc.record({ Protocol: fc.constantFrom('TCP', 'UDP', 'SCTP', 'SCTP', 'TCP', 'UDP', 'tcp'), Port: numbers }),
      ),
    },
  );
  const zone = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom({ zone: 'z1' }, { zone: 'z1', forZones: [{ name: 'z1' }, { name: 'z2' }] }),
    },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
  const said: fc.Arbitrary<ServiceSliceRecord> = fc.record(
    {
      ...{ cluster: words, namespace: words, name: words, slice: fc.constantFrom('a', 'b', 'c'), clusterID: numbers },
      backends: fc.dictionary(addresses, ports, { maxKeys: 5 }),
      hostnames: fc.dictionary(addresses, words, { maxKeys: 3 }),
      zones: fc.dictionary(addresses, zone, { maxKeys: 3 }),
    },
    { requiredKeys: ['cluster', 'namespace', 'name', 'slice', 'clusterID', 'backends'] },
  );
  const texts = fc.oneof(
    said.map((value) => JSON.stringify(value)),
    said.map((value) => Buffer.from(serviceSliceKind.encode(value)).toString()),
  );
  const context = { key: 'clustermesh/v1/slices/west/shop/web/a', cluster: 'west', clusterId: 2 } as never;

  /** Whether it was plain. */
  function expectSame(bytes: Uint8Array): boolean {
    const read = readPlainSlice(bytes);
    if (read === undefined) return false;
    const decoded = serviceSliceKind.decode(bytes);
    if (!decoded.ok) throw new Error(decoded.error);
    const { value } = decoded;
    const { backends, hostnames, zones, ...names } = read;
    expect(value).toMatchObject(names);
    expect(Object.fromEntries(backends.map(({ name, ports: own }) => [name, own]))).toEqual(value.backends);
    for (const { name } of backends) expect(parseAddress(name)).toEqual({ ok: true, value: name });
    // The texts are those of the value as it is written again, whose maps have no other entries.
    const texts = [backends, hostnames, zones].map((all) => all.map(({ text }) => text).join(','));
    const [own, hosts, places] = texts.map((text) => `{${text}}`);
    const filled = (field: string, text = '{}') => (text === '{}' ? '' : `,"${field}":${text}`);
    const written = Buffer.from(serviceSliceKind.encode(value)).toString();
    expect(written.slice(written.indexOf('"backends":'))).toBe(
      `"backends":${own}${filled('hostnames', hosts)}${filled('zones', places)}}`,
    );
    expect(sliceNamingProblems(read, context)).toEqual(serviceSliceKind.validate(value, context));
    return true;
  }

  test('is the same however it is read', () => {
    let plain = 0;
    fc.assert(
      fc.property(damaged(texts), (bytes) => {
        if (expectSame(bytes)) plain += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(plain).toBeGreaterThan(200);
  });

  test('changed in one place is the same however it is read', () => {
    const text =
      '{"cluster":"west","namespace":"shop","name":"db","slice":"a","clusterID":2,"backends":{"10.2.0.1":{"a":{"Protocol":"TCP",' +
      '"Port":80},"b":{"Protocol":"UDP","Port":53}},"10.2.0.2":{}},"hostnames":{"10.2.0.1":"x","10.2.0.2":"y"},' +
      '"zones":{"10.2.0.1":{"zone":"z1","forZones":[{"name":"z1"},{"name":"z2"}]},"10.2.0.2":{"zone":"z2"}}}';
    expect(expectSame(bytesOf(text))).toBe(true);
    for (const bytes of changedOnce(text)) expectSame(bytes);
  });

  test('keeps nothing of its text for whoever keeps its names', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const addresses = Array.from({ length: 50 }, (_, at) => `192.168.100.${100 + at}`);
    const bytes = serviceSliceKind.encode({
      ...{
        cluster: 'west-of-everything',
        namespace: 'shop-of-the-west',
        name: 'basket-of-a-shop',
        slice: 'basket-of-a-shop-x2f4k',
      },
      ...{
        clusterID: 2,
        backends: Object.fromEntries(addresses.map((one) => [one, { 'metrics-of-all': { Protocol: 'TCP', Port: 1 } }])),
      },
    });
    const kept: unknown[] = [];
    const before = used();
    for (let at = 0; at < 1_000; at += 1) {
      const read = readPlainSlice(bytes);
      kept.push(
        read?.cluster,
        read?.namespace,
        read?.name,
        read?.slice,
        read?.backends[0]?.name,
        read?.backends[0]?.ports,
      );
    }
    // Five texts of at most 48 bytes each, an object or two, and their places in the list.
    expect((used() - before) / 1_000).toBeLessThan(800);
    expect(bytes.length).toBeGreaterThan(2_500);
    expect(kept).toHaveLength(6_000);
  });

  const NAMES = '"cluster":"west","namespace":"shop","name":"web","slice":"a","clusterID":2';
  test.each([
    ['a comma behind the last backend', '"backends":{"10.2.0.1":{},}'],
    ['a comma behind the last port', '"backends":{"10.2.0.1":{"http":{"Protocol":"TCP","Port":80},}}'],
    ['a comma before the first backend', '"backends":{,"10.2.0.1":{}}'],
    ['a comma behind the last zone', '"backends":{},"zones":{"10.2.0.1":{"zone":"z1"},}'],
    ['a backend twice', '"backends":{"10.2.0.1":{},"10.2.0.1":{}}'],
    ['a port twice', '"backends":{"10.2.0.1":{"a":{"Protocol":"TCP","Port":1},"a":{"Protocol":"TCP","Port":2}}}'],
    ['a host name twice', '"backends":{},"hostnames":{"10.2.0.1":"a","10.2.0.1":"b"}'],
    ['a field twice', '"backends":{},"backends":{}'],
    ['a port beyond all ports', '"backends":{"10.2.0.1":{"http":{"Protocol":"TCP","Port":65536}}}'],
    ['no JSON behind it', '"backends":{}}{'],
    ['a line break in a name', '"backends":{"10.2.0.1":{"a\n":{"Protocol":"TCP","Port":1}}}'],
    ['a line break behind it', '"backends":{}}\n'],
    ['bytes that are no UTF-8', '"backends":{},"hostnames":{"10.2.0.1":"\u00ff"}'],
  ])('with %s is left to who reads any JSON', (_, backends) => {
    const bytes = Buffer.from(`{${NAMES},${backends}}`, 'latin1');
    expect(readPlainSlice(bytes)).toBeUndefined();
  });

  test('of a headless service in two zones is read in one go', () => {
    const port = { Protocol: 'UDP', Port: 53 };
    const value: ServiceSliceRecord = {
      ...{ cluster: 'west', namespace: 'shop', name: 'db', slice: 'a', clusterID: 2 },
      backends: { '10.2.0.1': { '': port, dns: port }, 'fd00::1': { '': port, dns: port } },
      hostnames: { '10.2.0.1': 'db-0' },
      zones: { '10.2.0.1': { zone: 'z1' }, 'fd00::1': { zone: 'z2', forZones: [{ name: 'z1' }, { name: 'z2' }] } },
    };
    expect(readPlainSlice(serviceSliceKind.encode(value))?.zones).toHaveLength(2);
  });

  test('is the same in the value of the whole service', () => {
    const head = serviceHeadKind.encode({
      ...{
        cluster: 'west',
        namespace: 'shop',
        name: 'web',
        frontends: {},
        backends: {},
        labels: { a: '"backends":{}' },
      },
      ...{ selector: {}, includeExternal: true, shared: true, clusterID: 2 },
    });
    let plain = 0;
    const slices = fc.uniqueArray(said, { selector: ({ slice }) => slice, maxLength: 3 });
    fc.assert(
      fc.property(slices, (values) => {
        const stored = values.map((value) => serviceSliceKind.encode(value));
        if (stored.every((bytes) => readPlainSlice(bytes) !== undefined)) plain += 1;
        const read = [head, ...stored].map((bytes, at) =>
          (at === 0 ? serviceHeadKind : serviceSliceKind).decode(bytes),
        );
        const [first, ...others] = read.flatMap((one) => (one.ok ? [one.value] : []));
        const expected = serviceHeadKind.encode(
          composeService(first as ServiceHeadRecord, others as readonly ServiceSliceRecord[]),
        );
        const whole = wholeService({ head, slices: stored });
        expect(Buffer.from(whole?.bytes ?? []).toString()).toBe(Buffer.from(expected).toString());
      }),
      { numRuns: 1_000 },
    );
    expect(plain).toBeGreaterThan(100);
  });
});
