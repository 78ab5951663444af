import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { etcdserverpb as pb } from '../store/gen/etcd.js';
import type { KeyValue, StoreEvent } from '../store/port.ts';
import { intervalText } from './byte-key.ts';
import { DoorHistory } from './history.ts';
import { denied, tooMany } from './refusals.ts';
import { StreamWatches } from './watches.ts';

const STORE = '00000000000000aa';
const bytes = (text: string) => Buffer.from(text);

describe('watches of a stream', () => {
  let history: DoorHistory;
  let watches: StreamWatches;
  let held: number;
  let woken: number;
  let revision: number;

  beforeEach(() => {
    history = new DoorHistory({ eventsMax: 100_000, bytesMax: 1e9 });
    held = 0;
    woken = 0;
    revision = 1;
    list();
    watches = new StreamWatches({
      history,
      objection: (interval) => (interval.start === 'secret' ? denied(intervalText(interval)) : undefined),
      reserve: () => {
        if (held === 5) return tooMany('five');
        held += 1;
        return undefined;
      },
      release: () => {
        held -= 1;
      },
      wake: () => {
        woken += 1;
      },
    });
  });

  function list(storeId = STORE): void {
    history.onBatch({ position: { storeId, revision: revision as Revision }, events: [], relisted: true });
  }

  /** Writes each key once, as one revision. */
  function write(keys: readonly string[], value = 'v', previous?: KeyValue): void {
    revision += 1;
    const events = keys.map((key): StoreEvent => {
      const kv = { key, value: bytes(value), createRevision: 2, modRevision: revision, version: 1, lease: '0' };
      return { type: 'put', kv, ...(previous === undefined ? {} : { previous }) };
    });
    history.onBatch({ position: { storeId: STORE, revision: revision as Revision }, events, relisted: false });
  }

  const create = (request: pb.WatchCreateRequest.$Properties) => watches.request({ createRequest: request });
  const all = { key: bytes('a'), rangeEnd: bytes('z') };

  /** What the client is sent, in short: `id: what`. */
  function take(): string[] {
    const taken: string[] = [];
    for (let next = watches.next(); next !== 'nothing'; next = watches.next()) {
      if (next === 'later') continue;
      const { watchId, created, canceled, compactRevision, cancelReason, fragment, events, header } =
        pb.WatchResponse.decode(next);
      const at = `@${header?.revision}`;
      const what = [
        ...(created ? ['created'] : []),
        ...(canceled ? [`cancelled ${cancelReason}`.trim()] : []),
        ...(Number(compactRevision) === 0 ? [] : [`compacted ${compactRevision}`]),
        ...(events?.length ? [events.map(({ kv }) => `${kv?.key}/${kv?.modRevision}`).join(' ')] : []),
        ...(fragment ? ['...'] : []),
      ];
      taken.push([`${watchId}:`, ...(what.length === 0 ? ['progress'] : what), at].join(' '));
    }
    return taken;
  }

  test('answers come in the order of requests, and before events', () => {
    create({ ...all, watchId: 7 });
    create({ ...all, watchId: 7 });
    create({ key: bytes('secret') });
    create({ key: bytes('z'), rangeEnd: bytes('a') });
    create(all);
    watches.request({ cancelRequest: { watchId: 99 } });
    write(['k']);
    watches.request({ cancelRequest: { watchId: 7 } });
    expect(take()).toEqual([
      '7: created @1',
      '-1: created cancelled mvcc: duplicate watch ID provided on the WatchStream @1',
      '-1: created cancelled etcdserver: permission denied: "secret" @1',
      '-1: created cancelled mvcc: watcher range is empty @1',
      '0: created @1',
      '7: cancelled @2',
      '0: k/2 @2',
    ]);
    expect(held).toBe(1);
  });

  test('starts in the past, now, or ahead', () => {
    write(['a']);
    write(['b']);
    create({ ...all, startRevision: 2 });
    create({ ...all });
    create({ ...all, startRevision: 5 });
    expect(take()).toEqual(['0: created @3', '1: created @3', '2: created @3', '0: a/2 b/3 @3']);
    write(['c']);
    expect(take()).toEqual(['0: c/4 @4', '1: c/4 @4']);
    write(['d']);
    expect(take()).toEqual(['0: d/5 @5', '1: d/5 @5', '2: d/5 @5']);
  });

  test('the watch furthest behind comes first, and progress waits for all', () => {
    create({ ...all, startRevision: 2, watchId: 1 });
    create({ ...all, startRevision: 3, watchId: 2 });
    take();
    write(['a']);
    write(['b']);
    watches.request({ progressRequest: {} });
    expect(take()).toEqual(['1: a/2 b/3 @3', '2: b/3 @3', '-1: progress @3']);
  });

  test('quiet watches that want it are told their progress at every tick', () => {
    create({ ...all, progressNotify: true });
    create({ ...all });
    create({ key: bytes('other'), progressNotify: true });
    take();
    watches.tick();
    write(['k']);
    watches.tick();
    // The first was sent events since, the second wants none.
    expect(take()).toEqual(['0: k/2 @2', '1: k/2 @2', '2: progress @2']);
    watches.tick();
    expect(take().sort()).toEqual(['2: progress @2']);
    watches.tick();
    expect(take().sort()).toEqual(['0: progress @2', '2: progress @2']);
  });

  test('a message ends with a whole revision, whatever its size', () => {
    const many = Array.from({ length: 3_000 }, (_, i) => `k${i}`);
    write(many);
    write(['a']);
    create({ ...all, startRevision: 2 });
    const [, first = '', second] = take();
    expect(first.split(' ')).toHaveLength(3_002);
    expect(first).toMatch(/^0: k0\/2 .* k2999\/2 @2$/);
    expect(second).toBe('0: a/3 @3');
  });

  test('the header of a message tells how far the watch is, not how far the store is', () => {
    for (let i = 0; i < 1_500; i++) write(['k']);
    create({ ...all, startRevision: 2 });
    const taken = take();
    expect(taken.map((line) => line.slice(line.indexOf('@')))).toEqual(['@1501', '@1001', '@1501']);
  });

  test('large revisions are cut for those who can join them', () => {
    write(['a', 'b', 'c'], 'v'.repeat(400_000));
    write(['d']);
    create({ ...all, startRevision: 2, fragment: true });
    expect(take()).toEqual(['0: created @3', '0: a/2 b/2 ... @2', '0: c/2 @2', '0: d/3 @3']);
  });

  test('what is filtered out is passed over', () => {
    create({ ...all, filters: [0], progressNotify: true });
    take();
    write(['k']);
    watches.tick();
    watches.tick();
    expect(take()).toEqual(['0: progress @2']);
  });

  test('a place that is forgotten, and another store, end the watch with a revision to start from', () => {
    create({ ...all, startRevision: 1 });
    create({ ...all, startRevision: 9 });
    expect(take()).toEqual(['0: created @1', '1: created @1', '0: cancelled compacted 2 @0']);
    revision = 20;
    list('00000000000000bb');
    expect(take()).toEqual(['1: cancelled compacted 21 @0']);
    create({ ...all, startRevision: 21 });
    // As etcd does, ids are not given twice.
    expect(take()).toEqual(['2: created @20']);
    expect(held).toBe(1);
    watches.close();
    expect(held).toBe(0);
  });

  test('a change wakes those whose keys it is in, once, and nobody looks through what is none of theirs', () => {
    create({ key: bytes('a'), rangeEnd: bytes('b'), watchId: 1 });
    create({ key: bytes('a'), rangeEnd: bytes('b'), watchId: 2 });
    create({ key: bytes('a/x'), watchId: 3 });
    take();
    for (let at = 0; at < 100; at += 1) write(['other']);
    expect(woken).toBe(0);
    write(['a/x', 'a/y']);
    expect(woken).toBe(1);
    expect(take()).toEqual(['1: a/x/102 a/y/102 @102', '2: a/x/102 a/y/102 @102', '3: a/x/102 @102']);
    list();
    expect(woken).toBe(2);
  });

  test('every watch is told what a look through everything would find, whenever it looks', () => {
    const key = fc.constantFrom('a', 'b', 'b/1', 'b/2', 'c');
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('write' as const), keys: fc.uniqueArray(key, { minLength: 1 }) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('watch' as const), from: key, to: key, back: fc.nat(5) }) },
      { weight: 3, arbitrary: fc.constant({ do: 'take' as const }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const fresh = new DoorHistory({ eventsMax: 100_000, bytesMax: 1e9 });
        const position = (at: number) => ({ storeId: STORE, revision: at as Revision });
        fresh.onBatch({ position: position(1), events: [], relisted: true });
        const stream = new StreamWatches({
          ...{
            history: fresh,
            objection: () => undefined,
            reserve: () => undefined,
            release: () => {},
            wake: () => {},
          },
        });
        const told = new Map<number, string[]>();
        const expected = new Map<number, { readonly from: string; readonly to: string; readonly keys: string[] }>();
        const written: { readonly key: string; readonly revision: number }[] = [];
        let newest = 1;
        const takeAll = () => {
          for (let next = stream.next(); next !== 'nothing'; next = stream.next()) {
            if (next === 'later') continue;
            const { watchId, events } = pb.WatchResponse.decode(next);
            const seen = told.get(Number(watchId)) ?? [];
            for (const { kv } of events) seen.push(`${kv?.key}/${kv?.modRevision}`);
            told.set(Number(watchId), seen);
          }
        };
        for (const each of steps) {
          if (each.do === 'take') takeAll();
          else if (each.do === 'write') {
            newest += 1;
            const events = each.keys.map((name): StoreEvent => {
              written.push({ key: name, revision: newest });
              const kv = {
                key: name,
                value: bytes('v'),
                createRevision: 2,
                modRevision: newest,
                version: 1,
                lease: '0',
              };
              return { type: 'put', kv };
            });
            fresh.onBatch({ position: position(newest), events, relisted: false });
            for (const { from, to, keys } of expected.values()) {
              for (const name of each.keys) if (name >= from && name < to) keys.push(`${name}/${newest}`);
            }
          } else if (each.from < each.to) {
            const start = Math.max(2, newest + 1 - each.back);
            stream.request({
              createRequest: { key: bytes(each.from), rangeEnd: bytes(each.to), startRevision: start },
            });
            const past = written.filter(
              ({ key: name, revision: at }) => at >= start && name >= each.from && name < each.to,
            );
            const keys = past.map(({ key: name, revision: at }) => `${name}/${at}`);
            expected.set(expected.size, { from: each.from, to: each.to, keys });
          }
        }
        takeAll();
        for (const [id, { keys }] of expected) expect(told.get(id) ?? []).toEqual(keys);
      }),
    );
  });

  test('the quota is a reason like others', () => {
    for (let i = 0; i < 6; i++) create(all);
    expect(take().at(-1)).toMatch(/^-1: created cancelled etcdserver: too many requests: five/);
  });

  test('the entry before is sent to those who ask for it', () => {
    const previous = { key: 'k', value: bytes('old'), createRevision: 1, modRevision: 1, version: 1, lease: '12' };
    write(['k'], 'new', previous);
    create({ ...all, startRevision: 2, prevKv: true });
    create({ ...all, startRevision: 2 });
    watches.next();
    watches.next();
    const [withPrevious, without] = [watches.next(), watches.next()].map((message) => {
      const { events } = pb.WatchResponse.decode(message as Buffer);
      return [`${events[0]?.kv?.value}`, events[0]?.prevKv && `${events[0].prevKv.value} ${events[0].prevKv.lease}`];
    });
    expect(withPrevious).toEqual(['new', 'old 12']);
    expect(without?.[1] ?? undefined).toBeUndefined();
  });
});
