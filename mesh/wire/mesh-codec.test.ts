import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClusterId, type ClusterName, type IpAddress, type Revision, serviceKey } from '../model/names.ts';
import type { Result } from '../model/result.ts';
import type { Backend, MeshService } from '../model/service.ts';
import { applyDelta, diffSnapshots, type SnapshotDelta } from '../snapshot/delta.ts';
import { compareBackends, compareText } from '../snapshot/order.ts';
import { ServiceMap } from '../snapshot/service-map.ts';
import type { MeshSnapshot } from '../snapshot/snapshot.ts';
import { encodeAck, encodeHello, parseAgentMessage, REFUSALS_MAX } from './agent-message.ts';
import { MeshReader, type ServerEvent } from './mesh-reader.ts';
import { encodeDelta, encodeHeartbeat, encodeSnapshot, MESSAGE_BYTES } from './mesh-writer.ts';

const storeId = '00000000deadbeef';
const position = (revision: number) => ({ storeId, revision: revision as Revision });
const clusters = new Map([
  ['east' as ClusterName, 1 as ClusterId],
  ['west' as ClusterName, 2 as ClusterId],
]);
const ports = [
  { name: '', protocol: 'UDP', port: 53 },
  { name: 'http', protocol: 'TCP', port: 80 },
] as const;

const backend = fc
  .record({
    cluster: fc.constantFrom('east', 'west'),
    host: fc.integer({ min: 0, max: 65_535 }),
    state: fc.constantFrom('active' as const, 'terminating' as const),
    ports: fc.subarray([...ports], { minLength: 1 }),
  })
  .map(
    ({ cluster, host, state, ports }): Backend => ({
      address: `10.1.${host >> 8}.${host & 255}` as IpAddress,
      cluster: cluster as ClusterName,
      clusterId: (cluster === 'east' ? 1 : 2) as ClusterId,
      state,
      ports,
    }),
  );

const service = fc
  .record({
    name: fc.stringMatching(/^[a-z]{1,3}$/),
    frontends: fc.uniqueArray(fc.constantFrom('10.96.0.1', '10.96.0.2', 'fd00::1'), { maxLength: 3 }),
    affinity: fc.constantFrom({}, { clientIPTimeoutSeconds: 1 }, { clientIPTimeoutSeconds: 86_400 }),
    age: fc.constantFrom(
      {},
      { createdSeconds: 1 },
      { createdSeconds: 1_767_225_600 },
      { createdSeconds: 4_294_967_295 },
    ),
    backends: fc.uniqueArray(backend, { selector: ({ cluster, address }) => cluster + address, maxLength: 20 }),
  })
  .map(
    ({ name, frontends, affinity, age, backends }): MeshService => ({
      key: serviceKey('shop', name),
      frontends: (frontends as IpAddress[]).sort(compareText),
      ports,
      ...affinity,
      ...age,
      backends: backends.sort(compareBackends),
    }),
  );

const services = fc.uniqueArray(service, { selector: ({ key }) => key, maxLength: 10 });

const snapshot = (services: readonly MeshService[], revision = 5): MeshSnapshot => ({
  position: position(revision),
  cluster: 'west' as ClusterName,
  clusters,
  services: ServiceMap.of(services),
});

const plain = (snapshot: MeshSnapshot) => ({
  ...snapshot,
  services: new Map([...snapshot.services.values()].map((one) => [one.key, { ...one, backends: [...one.backends] }])),
});

function expectOk<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** Reads all messages; all but the last are parts of it. */
function readAll(messages: Iterable<Uint8Array>): ServerEvent {
  const reader = new MeshReader();
  const events = [...messages].map((bytes) => expectOk(reader.read(bytes)));
  expect(events.slice(0, -1).every(({ type }) => type === 'part')).toBe(true);
  return events.at(-1) ?? { type: 'part' };
}

function readSnapshot(messages: Iterable<Uint8Array>): MeshSnapshot {
  const event = readAll(messages);
  if (event.type !== 'snapshot') throw new Error(`${event.type} is no snapshot`);
  return event.snapshot;
}

function readDelta(messages: Iterable<Uint8Array>): SnapshotDelta {
  const event = readAll(messages);
  if (event.type !== 'delta') throw new Error(`${event.type} is no delta`);
  return event.delta;
}

/** A service whose messages are several. */
function large(count: number, state: Backend['state'] = 'active'): MeshService {
  const backends = Array.from(
    { length: count },
    (_, index): Backend => ({
      address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` as IpAddress,
      cluster: 'east' as ClusterName,
      clusterId: 1 as ClusterId,
      state,
      ports: [...ports],
    }),
  );
  return {
    key: serviceKey('shop', 'large'),
    frontends: ['10.96.0.9' as IpAddress],
    ports,
    backends: backends.sort(compareBackends),
  };
}

describe('what was written is what is read', () => {
  test('a snapshot', () => {
    fc.assert(
      fc.property(services, (list) => {
        expect(plain(readSnapshot(encodeSnapshot(snapshot(list))))).toEqual(plain(snapshot(list)));
      }),
    );
  });

  test('a delta', () => {
    fc.assert(
      fc.property(services, services, (a, b) => {
        const [from, to] = [snapshot(a, 5), snapshot(b, 7)];
        const delta = diffSnapshots(from, to);
        const read = readDelta(encodeDelta(delta));
        expect(read).toEqual(delta);
        expect(plain(expectOk(applyDelta(from, read)))).toEqual(plain(to));
      }),
    );
  });

  test('changed clusters', () => {
    const from = snapshot([]);
    const to = { ...snapshot([], 6), clusters: new Map([['north' as ClusterName, 3 as ClusterId]]) };
    expect(readDelta(encodeDelta(diffSnapshots(from, to))).clusters).toEqual(to.clusters);
  });

  test('a service larger than a message, whole and as a step', () => {
    const others = ['a', 'z'].map((name) => ({ ...large(1), key: serviceKey('shop', name) }));
    const to = snapshot([...others, large(20_000)], 6);
    const messages = [...encodeSnapshot(to)];
    expect(messages.length).toBeGreaterThan(5);
    expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(1.5 * MESSAGE_BYTES);
    expect(plain(readSnapshot(messages))).toEqual(plain(to));

    for (const [a, b] of [
      [snapshot(others), to],
      [{ ...to, position: position(5) }, snapshot(others, 6)],
      [{ ...to, position: position(5) }, snapshot([large(1)], 6)],
      [{ ...to, position: position(5) }, snapshot([...others, large(20_000, 'terminating')], 6)],
    ] as const) {
      const steps = [...encodeDelta(diffSnapshots(a, b))];
      expect(Math.max(...steps.map(({ length }) => length))).toBeLessThan(1.5 * MESSAGE_BYTES);
      expect(plain(expectOk(applyDelta(a, readDelta(steps))))).toEqual(plain(b));
    }
  });

  test('a heartbeat', () => {
    expect(readAll([encodeHeartbeat(position(9))])).toEqual({ type: 'heartbeat', position: position(9) });
    expect(readAll([encodeHeartbeat(undefined)])).toEqual({ type: 'heartbeat', position: undefined });
  });

  test('a hello and an acknowledgement', () => {
    for (const resume of [undefined, position(2 ** 53 - 1)]) {
      const hello = { node: 'node-1.west', software: '0.1.0', protocol: 1, resume, startOver: resume !== undefined };
      expect(expectOk(parseAgentMessage(encodeHello(hello)))).toEqual({ type: 'hello', hello });
    }
    const refusal = { service: serviceKey('shop', 'cart'), code: 'CM-KERN-001', reason: 'the map is full' };
    const refused = new Array(REFUSALS_MAX + 5).fill(refusal);
    const ack = { position: position(8), services: 3, backends: 9, reconcileMicros: 412, datapath: 'ebpf' } as const;
    expect(expectOk(parseAgentMessage(encodeAck({ ...ack, refused })))).toEqual({
      type: 'ack',
      ack: { ...ack, refused: refused.slice(0, REFUSALS_MAX), refusedTotal: REFUSALS_MAX + 5 },
    });
  });

  test('what an agent shows and accepts, where it says so', () => {
    const digest = (byte: string) => new Array(32).fill(byte).join(':');
    const trust = { certificate: digest('0A'), authorities: [digest('FF'), digest('7E')] };
    const hello = { node: 'node-1', software: '', protocol: 1, resume: undefined, startOver: false, trust };
    expect(expectOk(parseAgentMessage(encodeHello(hello)))).toEqual({ type: 'hello', hello });
    const ack = { position: position(8), services: 0, backends: 0, refused: [], reconcileMicros: 1 };
    const sent = encodeAck({ ...ack, datapath: 'ebpf' }, trust);
    expect(expectOk(parseAgentMessage(sent))).toMatchObject({ type: 'ack', ack: { trust } });
    // A store of hundreds is cut, and what is no digest is left out: the agent is heard all the same.
    const odd = { certificate: digest('0A'), authorities: ['AB:CD', ...new Array(40).fill(digest('01'))] };
    const heard = parseAgentMessage(encodeHello({ ...hello, trust: odd }));
    expect(heard).toMatchObject({
      ok: true,
      value: { hello: { trust: { authorities: new Array(31).fill(digest('01')) } } },
    });
  });
});

test('a chunk may have a field beside it that this version does not know', () => {
  const later = [0x7a, 1, 0x41];
  const messages = [...encodeSnapshot(snapshot([large(3)]))].map((bytes) => Uint8Array.of(...bytes, ...later));
  expect(plain(readSnapshot(messages))).toEqual(plain(snapshot([large(3)])));
});

test('equal ports are one object after reading', () => {
  const read = readSnapshot(encodeSnapshot(snapshot([large(100)])));
  const backends = [...read.services.values()].flatMap((service) => [...service.backends]);
  expect(new Set(backends.map((one) => one.ports)).size).toBe(1);
});

describe('bytes that mean nothing', () => {
  test('are an error and never a throw', () => {
    const wellFormed = [
      ...encodeSnapshot(snapshot([large(3)])),
      ...encodeDelta(diffSnapshots(snapshot([]), snapshot([large(2)], 6))),
    ];
    const damaged = fc
      .record({ message: fc.constantFrom(...wellFormed), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) })
      .map(({ message, at, byte }) => message.map((old, index) => (index === at % message.length ? byte : old)));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array(), damaged, fc.constantFrom(...wellFormed)), { maxLength: 6 }),
        (messages) => {
          const reader = new MeshReader();
          for (const bytes of messages) {
            expect(typeof reader.read(bytes).ok).toBe('boolean');
            expect(typeof parseAgentMessage(bytes).ok).toBe('boolean');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a snapshot with less than it announced is refused', () => {
    const [begin, , end] = [...encodeSnapshot(snapshot([large(1)]))];
    const reader = new MeshReader();
    if (begin === undefined || end === undefined) throw new Error('a snapshot has a begin and an end');
    expect(reader.read(begin).ok).toBe(true);
    expect(reader.read(end)).toEqual({ ok: false, error: '0 services of the 1 announced' });
  });

  test('backends out of order, or without a port of the service, are refused', () => {
    const good = large(2);
    for (const backends of [
      [...good.backends].reverse(),
      [...good.backends].map((one) => ({ ...one, ports: [{ name: 'other', protocol: 'TCP' as const, port: 1 }] })),
    ]) {
      const reader = new MeshReader();
      const results = [...encodeSnapshot(snapshot([{ ...good, backends }]))].map((bytes) => reader.read(bytes).ok);
      expect(results.at(-1)).toBe(false);
    }
  });

  test('what an agent may not claim is refused', () => {
    const hello = { node: 'node-1', software: '', protocol: 1, resume: undefined, startOver: false };
    for (const wrong of [{ node: 'a b' }, { protocol: 0 }, { resume: { storeId: 'west', revision: 1 as Revision } }]) {
      expect(parseAgentMessage(encodeHello({ ...hello, ...wrong })).ok).toBe(false);
    }
  });
});

test('one endpoint of a service of 5,000 backends is a message of a few hundred bytes', () => {
  const before = large(5_000);
  const backends = [...before.backends].map((one, index) =>
    index === 17 ? { ...one, state: 'terminating' as const } : one,
  );
  const delta = diffSnapshots(snapshot([before]), snapshot([{ ...before, backends }], 6));
  const bytes = [...encodeDelta(delta)].reduce((sum, { length }) => sum + length, 0);
  expect(bytes).toBeLessThan(512);
});

describe('the bytes are stable', () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const from = { ...snapshot([large(1)]), clusters: new Map() };
  const next = { ...large(2), frontends: [], backends: [...large(2).backends].slice(1) };
  const to = { ...snapshot([next], 6), clusters: new Map([['east' as ClusterName, 1 as ClusterId]]) };

  test('of a delta', () => {
    expect([...encodeDelta(diffSnapshots(from, to))].map(hex)).toEqual([
      '229e010a140a1030303030303030306465616462656566100512140a103030303030303030646561646265656610061a640a0a73686f702f6c617267651218120712035544501835120d0a0468747470120354435018501a2a0a0831302e302e302e3112046561737418012a07120355445018352a0d0a04687474701203544350185022100a0831302e302e302e301204656173742a080a046561737410013001',
    ]);
  });

  test('of the age of a service, which readers of before pass over', () => {
    const bare = { ...large(1), ports: [], frontends: [], backends: [] };
    const aged = { ...bare, createdSeconds: 1_767_225_600 };
    const step = (before: MeshService, after: MeshService) =>
      [...encodeDelta(diffSnapshots(snapshot([before]), snapshot([after], 6)))].map(hex);
    expect(step(bare, aged)).toEqual([
      '22420a140a1030303030303030306465616462656566100512140a103030303030303030646561646265656610061a140a0a73686f702f6c6172676512062080f2d6ca06',
    ]);
  });

  test('of a hello and an acknowledgement', () => {
    const hello = { node: 'node-1', software: '0.1.0', protocol: 1, resume: position(5), startOver: false };
    expect(hex(encodeHello(hello))).toBe(
      '0a270a066e6f64652d311205302e312e30180122140a10303030303030303064656164626565661005',
    );
    const refused = [{ service: serviceKey('shop', 'cart'), code: 'CM-KERN-001', reason: 'full' }];
    const ack = {
      position: position(5),
      services: 1,
      backends: 2,
      refused,
      reconcileMicros: 9,
      datapath: 'ebpf',
    } as const;
    expect(hex(encodeAck(ack))).toBe(
      '12440a140a1030303030303030306465616462656566100510011802221e0a0973686f702f63617274120b434d2d4b45524e2d3030311a0466756c6c280130093a0465627066',
    );
  });
});
