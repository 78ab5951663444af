// The door against etcd itself: the same requests, over the wire, get the same answers. Given random writes to a real etcd and a
// door that has caught up with them, when both are asked the same random Range, or several of them in one transaction, or watched by
// the same random watches, then both answer alike; watches are also compared with what was written. Needs: etcd on the PATH, loopback.

import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EtcdWire, type messages } from '../../apiserver/store/etcd-wire.ts';
import { decimalOf, exactNumber, int64Of, watchIdOf } from '../../apiserver/store/int64.ts';
import { prefixRange } from '../../apiserver/store/key-range.ts';
import type { Write } from '../../apiserver/store/port.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { doorDnsName } from '../../mesh/model/certificate-names.ts';
import { clientCredentials, type MirroredDoor, OWN, startMirroredDoor } from './mirrored-door.ts';

const ROOT = 'cilium/state/';
/** Few keys, so that they are written, deleted and written again; some lie under others, one is not ASCII. */
const KEYS = ['a', 'a/b', 'a/c', 'a0', 'b', 'b/b', 'c', 'ü', '\uffff', '\u{10000}'].map((name) => ROOT + name);
const PATIENCE = { timeout: 10_000, interval: 5 };

type RangeRequest = messages.RangeRequest.$Properties;
type CreateRequest = messages.WatchCreateRequest.$Properties;
type WatchStream = ClientDuplexStream<messages.WatchRequest.$Properties, messages.WatchResponse.$Properties>;

// --- Messages as plain values ---

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('latin1');

const entryOf = (kv: messages.KeyValue.$Properties | null | undefined) =>
  kv === null || kv === undefined
    ? undefined
    : {
        key: text(kv.key),
        value: text(kv.value),
        create: exactNumber(kv.createRevision),
        mod: exactNumber(kv.modRevision),
        version: exactNumber(kv.version),
        lease: decimalOf(kv.lease),
      };

const headerOf = (header: messages.ResponseHeader.$Properties | null | undefined) => ({
  cluster: decimalOf(header?.clusterId),
  revision: exactNumber(header?.revision),
});

const eventOf = (event: messages.Event.$Properties) => ({
  type: event.type === 1 ? 'delete' : 'put',
  kv: entryOf(event.kv),
  previous: entryOf(event.prevKv),
});
type SeenEvent = ReturnType<typeof eventOf>;

// --- Asking ---

interface Side {
  readonly name: 'etcd' | 'door';
  readonly client: Client;
}

function range({ client }: Side, request: RangeRequest): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = EtcdWire.range;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      if (error !== null || answer === undefined) resolve(failureOf(error));
      else resolve({ ...headerOf(answer.header), ...rangeOf(answer) });
    });
  });
}

/** A transaction that only reads. */
function rangesTogether({ client }: Side, requests: readonly RangeRequest[]): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = EtcdWire.txn;
  const request = { success: requests.map((requestRange) => ({ requestRange })) };
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      if (error !== null || answer === undefined) resolve(failureOf(error));
      else {
        const { header, succeeded, responses } = answer;
        const ranges = (responses ?? []).map(({ responseRange }) => responseRange && rangeOf(responseRange));
        resolve({ ...headerOf(header), succeeded, ranges });
      }
    });
  });
}

const rangeOf = ({ kvs, more, count }: messages.RangeResponse.$Properties) => ({
  entries: (kvs ?? []).map(entryOf),
  more: more === true,
  count: exactNumber(count),
});

const failureOf = (error: ServiceError | null) => ({ code: status[error?.code ?? 0], details: error?.details });

/** One watch stream and what has come through it. */
function openStream({ client }: Side) {
  const { path, requestSerialize, responseDeserialize } = EtcdWire.watch;
  const stream: WatchStream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const notices: unknown[] = [];
  const events = new Map<number, SeenEvent[]>();
  const progress: { readonly watchId: number; readonly revision: number }[] = [];
  stream.on('error', () => {});
  stream.on('data', (answer: messages.WatchResponse.$Properties) => {
    const watchId = watchIdOf(answer.watchId);
    const { created = false, canceled = false, cancelReason = '', compactRevision } = answer;
    if (created || canceled) {
      notices.push({ watchId, created, canceled, cancelReason, compactRevision: exactNumber(compactRevision) });
    } else if (answer.events === null || answer.events === undefined || answer.events.length === 0) {
      progress.push({ watchId, revision: headerOf(answer.header).revision });
    } else {
      events.set(watchId, [...(events.get(watchId) ?? []), ...answer.events.map(eventOf)]);
    }
  });
  return {
    notices,
    events,
    progress,
    create: (createRequest: CreateRequest) => stream.write({ createRequest }),
    cancel: (watchId: number) => stream.write({ cancelRequest: { watchId } }),
    askProgress: () => stream.write({ progressRequest: {} }),
    close: () => stream.cancel(),
  };
}

// --- Random requests ---

const point = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...KEYS).map((key) => Buffer.from(key)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(ROOT, `${ROOT}a/`, `${ROOT}b`, 'cilium/state0').map((key) => Buffer.from(key)),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 3 }).map((tail) => Buffer.concat([Buffer.from(ROOT), tail])),
  },
);
const everything = prefixRange(ROOT);
/** What the client may read: mostly intervals that make sense, the rest has its ends the wrong way round, or is empty. */
const interval = fc
  .oneof(
    fc.tuple(point, point).map(([a, b]) => ({ key: a, rangeEnd: b })),
    fc.tuple(point, point).map(([a, b]) => ({ key: smaller(a, b), rangeEnd: smaller(a, b) === a ? b : a })),
    point.map((key) => ({ key, rangeEnd: Buffer.alloc(0) })),
    fc.constantFrom(...KEYS, ROOT).map((prefix) => {
      const { start, end } = prefixRange(prefix);
      return { key: Buffer.from(start), rangeEnd: Buffer.from(end) };
    }),
    fc.constant({ key: Buffer.from(everything.start), rangeEnd: Buffer.from(everything.end) }),
  )
  .filter(({ key }) => Buffer.compare(key, everything.end) < 0);
const smaller = (a: Buffer, b: Buffer): Buffer => (Buffer.compare(a, b) < 0 ? a : b);

/** The revision behind that of the empty etcd that the door saw first. */
const OLDEST = 2;
/** How far back from the newest revision; negative: ahead of it. */
const age = fc.oneof(fc.constant(undefined), fc.integer({ min: -2, max: 60 }));
const revisionAt = (newest: number, back: number | undefined): number =>
  back === undefined ? 0 : Math.max(OLDEST, newest - back);
const bound = fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(80) });

const writes = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom(...KEYS),
    // Deleted, put, or put under a lease.
    what: fc.constantFrom('delete', 'put', 'put', 'lease'),
    value: fc.string({ maxLength: 6 }),
  }),
  { selector: ({ key }) => key, minLength: 1, maxLength: 5 },
);
type WritePlan = typeof writes extends fc.Arbitrary<infer Plan> ? Plan : never;

const rangePlan = fc.record({
  interval,
  age,
  limit: fc.constantFrom(0, 0, 1, 2, 5, 100),
  sortOrder: fc.constantFrom(0, 0, 1, 2),
  keysOnly: fc.boolean(),
  countOnly: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  serializable: fc.boolean(),
  bounds: fc.record({ minMod: bound, maxMod: bound, minCreate: bound, maxCreate: bound }),
});

type RangePlan = typeof rangePlan extends fc.Arbitrary<infer Plan> ? Plan : never;

const requestOf = (
  { interval: asked, age: back, limit, bounds, ...flags }: RangePlan,
  newest: number,
): RangeRequest => ({
  ...{ ...asked, ...flags, limit, revision: revisionAt(newest, back) },
  minModRevision: revisionAt(newest, bounds.minMod),
  maxModRevision: revisionAt(newest, bounds.maxMod),
  minCreateRevision: revisionAt(newest, bounds.minCreate),
  maxCreateRevision: revisionAt(newest, bounds.maxCreate),
});

const watchPlan = fc.record({
  interval,
  age,
  prevKv: fc.boolean(),
  fragment: fc.boolean(),
  filters: fc.subarray([0, 1], { maxLength: 1 }),
  watchId: fc.constantFrom(0, 0, 0, 1, 7),
});

describe.skipIf(skippedWithout('etcd'))('the door answers as etcd does', () => {
  let subject: MirroredDoor;
  let etcd: Side;
  let door: Side;
  let lease: string;
  /** All that was written, as a watch from the beginning sees it. */
  const written: SeenEvent[] = [];

  beforeAll(async () => {
    subject = await startMirroredDoor();
    etcd = { name: 'etcd', client: new Client(subject.etcd.endpoints[0] ?? '', credentials.createInsecure()) };
    const peer = clientCredentials(await subject.certificate('peer', 'peer'));
    const options = { 'grpc.ssl_target_name_override': doorDnsName(OWN) };
    door = { name: 'door', client: new Client(subject.endpoint, peer, options) };
    lease = (await subject.store.grantLease(3600)).id;
    // The door has the history from here on: the first list is of an empty etcd.
    await vi.waitFor(() => expect(subject.mirror.state.phase).toBe('live'), PATIENCE);
  });
  afterAll(async () => {
    etcd?.client.close();
    door?.client.close();
    await subject?.close();
  });

  async function write(plan: WritePlan): Promise<number> {
    const present = new Map<string, SeenEvent['kv']>();
    for (const { type, kv } of written) if (kv !== undefined) present.set(kv.key, type === 'put' ? kv : undefined);
    const changes = plan.map(({ key, what, value }): Write => {
      if (what === 'delete') return { type: 'delete', key };
      return { type: 'put', key, value: Buffer.from(value), ...(what === 'lease' ? { lease } : {}) };
    });
    const { position } = await subject.store.transact(changes);
    for (const change of changes) {
      const key = Buffer.from(change.key).toString('latin1');
      const previous = present.get(key);
      const mod = position.revision;
      if (change.type === 'put') {
        const value = text(change.value);
        const entry = {
          create: previous?.create ?? mod,
          version: (previous?.version ?? 0) + 1,
          lease: change.lease ?? '0',
        };
        written.push({ type: 'put', kv: { key, value, mod, ...entry }, previous });
      } else if (previous !== undefined) {
        written.push({ type: 'delete', kv: { key, value: '', create: 0, mod, version: 0, lease: '0' }, previous });
      }
    }
    return position.revision;
  }

  async function caughtUp(): Promise<number> {
    const { revision } = await subject.store.status();
    await vi.waitFor(() => expect(subject.mirror.state.position?.revision).toBe(revision), PATIENCE);
    return revision;
  }

  test('to any read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(writes, { minLength: 1, maxLength: 8 }),
        fc.array(rangePlan, { minLength: 1, maxLength: 25 }),
        async (changes, plans) => {
          for (const change of changes) await write(change);
          const newest = await caughtUp();
          const requests = plans.map((plan) => requestOf(plan, newest));
          for (const request of requests) expect(await range(door, request)).toEqual(await range(etcd, request));
          expect(await rangesTogether(door, requests)).toEqual(await rangesTogether(etcd, requests));
        },
      ),
      { numRuns: 60, endOnFailure: true },
    );
  });

  test('to reads together, as many as etcd takes', async () => {
    const newest = await caughtUp();
    const requests = (count: number) =>
      Array.from({ length: count }, () => ({ key: Buffer.from(ROOT), revision: newest }));
    for (const count of [0, 1, 128, 129]) {
      expect(await rangesTogether(door, requests(count)), `${count} reads`).toEqual(
        await rangesTogether(etcd, requests(count)),
      );
    }
  });

  test('in the order of other things than keys, where these differ', async () => {
    await write([{ key: KEYS[0] ?? '', what: 'put', value: '1' }]);
    await write([{ key: KEYS[1] ?? '', what: 'put', value: '22' }]);
    await write([{ key: KEYS[1] ?? '', what: 'put', value: '0' }]);
    await caughtUp();
    const { start: key, end: rangeEnd } = prefixRange(`${ROOT}a`);
    for (const sortTarget of [2, 3, 4]) {
      for (const sortOrder of [1, 2]) {
        for (const limit of [0, 1, 2]) {
          const request = { key, rangeEnd, sortTarget, sortOrder, limit };
          // Entries that are equal in that order come in any order.
          if (sortTarget === 4 && limit !== 0) continue;
          const [ours, theirs] = [await range(door, request), await range(etcd, request)] as { entries: unknown[] }[];
          expect(sortTarget === 3 ? ours : sortedOf(ours)).toEqual(sortTarget === 3 ? theirs : sortedOf(theirs));
        }
      }
    }
  });
  const sortedOf = (answer: { readonly entries: readonly unknown[] } | undefined) =>
    (answer?.entries ?? []).map((entry) => JSON.stringify(entry)).sort();

  test('to any watches on one stream, in the past and ahead', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(writes, { maxLength: 6 }),
        fc.array(watchPlan, { minLength: 1, maxLength: 5 }),
        fc.array(writes, { minLength: 1, maxLength: 6 }),
        async (before, plans, after) => {
          for (const change of before) await write(change);
          const created = await caughtUp();
          const requests = plans.map(({ interval: asked, age: back, ...options }): CreateRequest => {
            return { ...asked, ...options, startRevision: revisionAt(created, back) };
          });
          const streams = [etcd, door].map((side) => ({ side, stream: openStream(side) }));
          for (const { stream } of streams) for (const request of requests) stream.create(request);
          for (const { stream } of streams) {
            await vi.waitFor(() => expect(stream.notices.length).toBe(requests.length), PATIENCE);
          }
          const [ofEtcd, ofDoor] = streams.map(({ stream }) => stream);
          expect(ofDoor?.notices).toEqual(ofEtcd?.notices);

          for (const change of after) await write(change);
          await caughtUp();
          const expected = expectedEvents(requests, ofDoor?.notices ?? [], created);
          for (const { side, stream } of streams) {
            const received = () => ({ side: side.name, events: Object.fromEntries(stream.events) });
            await vi.waitFor(() => expect(received()).toEqual({ side: side.name, events: expected }), PATIENCE);
          }
          for (const { stream } of streams) stream.close();
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
  });

  /** By watch id: what was written from its start on, in its interval, without what it filters. */
  function expectedEvents(requests: readonly CreateRequest[], notices: readonly unknown[], created: number) {
    const expected: Record<number, SeenEvent[]> = {};
    for (const [index, request] of requests.entries()) {
      const { watchId, canceled } = notices[index] as { watchId: number; canceled: boolean };
      if (canceled) continue;
      const [start, end] = [text(request.key), text(request.rangeEnd)];
      const from = exactNumber(request.startRevision) || created + 1;
      const events = written
        .filter(({ kv }) => kv !== undefined && kv.mod >= from)
        .filter(({ kv }) => (end === '' ? kv?.key === start : (kv?.key ?? '') >= start && (kv?.key ?? '') < end))
        .filter(({ type }) => !request.filters?.includes(type === 'put' ? 0 : 1))
        .map((event) => (request.prevKv === true ? event : { ...event, previous: undefined }));
      if (events.length > 0) expected[watchId] = events;
    }
    return expected;
  }

  test('to progress, and to what ends a watch', async () => {
    const newest = await caughtUp();
    for (const side of [etcd, door]) {
      const stream = openStream(side);
      const { start: key, end: rangeEnd } = everything;
      stream.create({ key, rangeEnd, progressNotify: true });
      stream.create({ key, rangeEnd, watchId: 9 });
      stream.create({ key, rangeEnd, watchId: 9 });
      await vi.waitFor(() => expect(stream.notices.length).toBe(3), PATIENCE);
      stream.askProgress();
      await vi.waitFor(() => expect(stream.progress).toContainEqual({ watchId: -1, revision: newest }), PATIENCE);
      stream.cancel(9);
      stream.cancel(77);
      await vi.waitFor(() => expect(stream.notices.length).toBe(4), PATIENCE);
      const made = { created: true, canceled: false, cancelReason: '', compactRevision: 0 };
      expect({ side: side.name, notices: stream.notices }).toEqual({
        side: side.name,
        notices: [
          { ...made, watchId: 0 },
          { ...made, watchId: 9 },
          {
            ...made,
            watchId: -1,
            canceled: true,
            cancelReason: 'mvcc: duplicate watch ID provided on the WatchStream',
          },
          { ...made, watchId: 9, created: false, canceled: true },
        ],
      });
      // Without being asked, to the watch that wants it.
      await vi.waitFor(() => expect(stream.progress).toContainEqual({ watchId: 0, revision: newest }), PATIENCE);
      expect(stream.progress.every(({ watchId }) => watchId !== 9)).toBe(true);
      stream.close();
    }
  });
});

test('int64 ids of leases survive the way', () => {
  expect(decimalOf(int64Of('7587870421984352789'))).toBe('7587870421984352789');
});
