import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import type { KeyValue, MirrorBatch, StoreEvent } from '../store/port.ts';
import { byteKeyOfText, holdsKey, type KeyInterval, requestedInterval } from './byte-key.ts';
import { DoorHistory } from './history.ts';
import { answerRange, RANGE_BYTES_MAX } from './range.ts';
import { COMPACTED, FUTURE_REVISION, NOT_READY } from './refusals.ts';

const STORE = '00000000000000aa';
const ALL: KeyInterval = { start: byteKeyOfText('\0'), end: undefined };
const LIMITS = { eventsMax: 20, bytesMax: 1_000_000 };

/** An etcd of the simplest kind: a copy of everything for each revision. */
class Reference {
  readonly at = new Map<number, ReadonlyMap<string, KeyValue>>([[1, new Map()]]);
  revision = 1;

  get now(): ReadonlyMap<string, KeyValue> {
    return this.at.get(this.revision) ?? new Map();
  }

  /** As one revision. */
  write(writes: readonly (readonly [key: string, value: string | undefined])[]): readonly StoreEvent[] {
    const revision = this.revision + 1;
    const next = new Map(this.now);
    const events: StoreEvent[] = [];
    for (const [key, value] of writes) {
      const previous = this.now.get(key);
      const before = previous === undefined ? {} : { previous };
      if (value === undefined) {
        if (previous === undefined) continue;
        next.delete(key);
        events.push({ type: 'delete', key, modRevision: revision, ...before });
        continue;
      }
      const createRevision = previous?.createRevision ?? revision;
      const version = (previous?.version ?? 0) + 1;
      const kv = { key, value: Buffer.from(value), createRevision, modRevision: revision, version, lease: '0' };
      next.set(key, kv);
      events.push({ type: 'put', kv, ...before });
    }
    if (events.length === 0) return events;
    this.revision = revision;
    this.at.set(revision, next);
    return events;
  }
}

const batch = (revision: number, events: readonly StoreEvent[], relisted = false): MirrorBatch => ({
  position: { storeId: STORE, revision: revision as Revision },
  events,
  relisted,
});

// Few keys, so that they are written again and again; two whose order differs between bytes and UTF-16.
const KEYS = ['a', 'a/b', 'a0', 'b', 'c/1', 'c/2', '\uffee', '\u{1f600}'];
const key = fc.constantFrom(...KEYS);
const write = fc.tuple(key, fc.option(fc.constantFrom('1', '22', '333'), { nil: undefined }));
const revisions = fc.array(fc.uniqueArray(write, { selector: ([key]) => key, minLength: 1, maxLength: 4 }), {
  maxLength: 60,
});
const interval = fc
  .tuple(key, fc.oneof(key, fc.constantFrom('', '\0')))
  .map(([start, end]) => requestedInterval(Buffer.from(start), Buffer.from(end)));

const byBytes = (a: KeyValue, b: KeyValue) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
const inside = (entries: Iterable<KeyValue>, interval: KeyInterval) =>
  [...entries].filter(({ key }) => holdsKey(interval, byteKeyOfText(key))).sort(byBytes);

describe('history', () => {
  test('every revision that is kept reads as it was, in both directions, and the others are refused', () => {
    fc.assert(
      fc.property(revisions, interval, fc.nat(70), (written, interval, revision) => {
        const reference = new Reference();
        const history = new DoorHistory(LIMITS);
        history.onBatch(batch(1, [], true));
        for (const writes of written) {
          const events = reference.write(writes);
          history.onBatch(batch(reference.revision, events));
        }

        const asked = Math.max(1, revision);
        const request = (more: object) => answerRange(history, interval, { revision: asked, ...more }, () => {});
        const answer = request({});
        if (asked > reference.revision || asked < history.oldestRevision) {
          const error = asked > reference.revision ? FUTURE_REVISION : COMPACTED;
          expect(answer).toEqual({ ok: false, error });
          return;
        }
        const expected = inside(reference.at.get(asked)?.values() ?? [], interval);
        expect(answer).toMatchObject({ ok: true, value: { entries: expected, count: expected.length, more: false } });
        const [all, two] = [{ sortOrder: 2 }, { sortOrder: 2, limit: 2 }].map(request);
        expect(all).toMatchObject({ value: { entries: expected.toReversed() } });
        expect(two).toMatchObject({
          value: { entries: expected.toReversed().slice(0, 2), more: expected.length > 2, count: expected.length },
        });
        expect(history.keptEvents).toBeLessThanOrEqual(LIMITS.eventsMax);
      }),
      { numRuns: 300 },
    );
  });

  test('what is kept never starts within a revision, and the newest revision is always whole', () => {
    const reference = new Reference();
    const history = new DoorHistory({ eventsMax: 5, bytesMax: 1_000_000 });
    history.onBatch(batch(1, [], true));
    const writeAll = () =>
      history.onBatch(batch(reference.revision + 1, reference.write(KEYS.map((key) => [key, 'v']))));
    writeAll();
    expect([...history.changesFrom(2)]).toHaveLength(KEYS.length);
    expect(history.oldestRevision).toBe(1);
    writeAll();
    expect([...history.changesFrom(0)].map(({ revision }) => revision)).toEqual(KEYS.map(() => 3));
    expect(history.oldestRevision).toBe(2);
  });

  test('bytes bound what is kept as well', () => {
    const reference = new Reference();
    const history = new DoorHistory({ eventsMax: 1_000, bytesMax: 100_000 });
    history.onBatch(batch(1, [], true));
    for (let i = 0; i < 100; i++) {
      history.onBatch(batch(reference.revision + 1, reference.write([['a', 'v'.repeat(10_000)]])));
    }
    expect(history.keptEvents).toBeGreaterThan(1);
    expect(history.keptEvents).toBeLessThan(10);
  });

  test('a list anew forgets the history and keeps what is', () => {
    const reference = new Reference();
    const history = new DoorHistory(LIMITS);
    expect(answerRange(history, ALL, {}, () => {})).toEqual({ ok: false, error: NOT_READY });
    history.onBatch(batch(9, reference.write([['a', '1']]), true));
    expect(history).toMatchObject({ epoch: 1, oldestRevision: 9, revision: 9, keptEvents: 0 });
    history.onBatch(batch(10, reference.write([['b', '1']])));
    history.onBatch(batch(12, reference.write([['a', undefined]]), true));
    expect(history).toMatchObject({ epoch: 2, oldestRevision: 12, revision: 12, keptEvents: 0 });
    expect([...history.entriesAt(ALL, 12)].map(({ key }) => key)).toEqual(['b']);
    // Another etcd, of which the mirror would tell by listing: whatever it says, the revisions of the two do not mix.
    history.onBatch({ ...batch(12, []), position: { storeId: '00000000000000bb', revision: 12 as Revision } });
    expect(history.epoch).toBe(3);
  });
});

describe('large answers', () => {
  const history = new DoorHistory(LIMITS);
  const reference = new Reference();
  const mebibyte = 'v'.repeat(1024 * 1024);
  const many = Array.from({ length: 40 }, (_, i) => [`key ${String(i).padStart(2, '0')}`, mebibyte] as const);
  history.onBatch(batch(2, reference.write(many), true));

  test('end early where there is a limit, and the rest can be read', () => {
    const page = answerRange(history, ALL, { limit: 5_000 }, () => {});
    if (!page.ok) throw new Error(page.error.details);
    expect(page.value).toMatchObject({ more: true, count: 40 });
    expect(page.value.entries.length).toBe(Math.floor(RANGE_BYTES_MAX / (1024 * 1024 + 206)));
    const start = byteKeyOfText(`${page.value.entries.at(-1)?.key}\0`);
    const rest = answerRange(history, { start, end: undefined }, { limit: 5_000 }, () => {});
    expect(rest).toMatchObject({ ok: true, value: { more: false } });
    expect(rest.ok && rest.value.entries.length + page.value.entries.length).toBe(40);
  });

  test('are refused without one, and are none without the values', () => {
    const refused = answerRange(history, ALL, {}, () => {});
    expect(refused).toMatchObject({ ok: false, error: { details: expect.stringMatching(/message larger than max/) } });
    expect(answerRange(history, ALL, { keysOnly: true }, () => {})).toMatchObject({ ok: true, value: { count: 40 } });
  });

  test('cost what is looked at', () => {
    const looks = (request: object) => {
      let looked = 0;
      answerRange(history, ALL, request, (count) => {
        looked += count;
      });
      return looked;
    };
    expect(looks({ limit: 1 })).toBe(2);
    expect(looks({ limit: 1, sortOrder: 2 })).toBe(2);
    expect(looks({ minModRevision: 99 })).toBe(40);
    expect(looks({ countOnly: true })).toBe(0);
  });
});
