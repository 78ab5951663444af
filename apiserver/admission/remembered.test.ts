// Given API servers of one cluster over one etcd, when one is started after another, then a finding keeps its date, a range that the own cluster
// added stays a newcomer, and what cannot be read in etcd costs the memory alone.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { admittedCardKey, encodeCard } from '../../mesh/wire/card.ts';
import {
  decodeFindingDates,
  encodeFindingDates,
  FINDING_DATES_KEY,
  FINDING_DATES_MAX,
} from '../../mesh/wire/finding-dates.ts';
import { formatTime } from '../../mesh/wire/time.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import {
  codes,
  endpoint,
  identityNumber,
  jsonOf,
  NOW,
  named,
  only,
  sampleCard,
  wholeCluster,
} from '../../test/samples/mesh.ts';
import { KeptValues } from '../kept-values.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { AdmissionEngine } from './engine.ts';
import { Remembered } from './remembered.ts';
import { SETTLED_AFTER_MS } from './settled.ts';

const WEST = named('west');
const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2);
const rogue = wholeCluster('rogue', 9, { card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16'] } });
const FENCE = 'clustermesh/v1/election/writer';
const MINUTE = 60_000;

let store: MemoryStore;
/** Wall clock and monotonic clock of whichever process is there. */
let clock: ManualClock;
let stops: AbortController[];

beforeEach(() => {
  store = new MemoryStore();
  clock = new ManualClock(NOW);
  stops = [];
});
afterEach(() => {
  for (const stop of stops) stop.abort();
});

interface Replica {
  readonly engine: AdmissionEngine;
  leading: boolean;
  stop(): void;
}

/** As the API server composes it; `peers` say what they declare, and nothing else. */
async function start({ leading = true, ownCard = sampleCard(west), peers = [central, rogue] } = {}): Promise<Replica> {
  const stop = new AbortController();
  stops.push(stop);
  const engine = new AdmissionEngine({ local: WEST, clock });
  const replica = { engine, leading, stop: () => stop.abort() };
  const remembered = new Remembered({ self: WEST, admission: engine, leading: () => replica.leading, clock });
  const mirror = store.createMirror({
    prefixes: ['cilium/', 'clustermesh/'],
    spanning: true,
    observer: remembered,
  });
  void mirror.run(stop.signal);
  await vi.waitFor(() => expect(mirror.state.phase).toBe('live'));
  engine.setLocalCard(encodeCard(ownCard));
  for (const peer of peers) engine.setCard(named(peer.name), encodeCard(sampleCard(peer)));
  const kept = new KeptValues({
    store,
    observed: mirror.entries,
    values: remembered.values,
    clock,
    log: silentLog,
  });
  const { modRevision } = (await store.get(FENCE)) ?? { modRevision: 0 };
  if (leading) void kept.lead(stop.signal, { key: FENCE, modRevision });
  return replica;
}

const storedDates = async () => decodeFindingDates((await store.get(FINDING_DATES_KEY))?.value ?? new Uint8Array());

/** Lets `ms` pass, with looks of the leader in between. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += ms / 4) {
    clock.advance(ms / 4);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }
}

describe('the date of a finding', () => {
  const overlap = (replica: Replica) => only(replica.engine.report(), 'CM-CIDR-001');

  test('survives the process, though the finding is not there at once', async () => {
    const first = await start();
    const { since, fingerprint } = overlap(first);
    await pass(20_000);
    expect([...(await storedDates()).keys()]).toEqual([fingerprint]);
    first.stop();
    await pass(10 * MINUTE);
    const second = await start({ peers: [central] });
    // Its peer is not connected yet.
    expect(codes(second.engine.report())).toEqual([]);
    await pass(MINUTE);
    expect([...(await storedDates()).keys()]).toEqual([fingerprint]);
    second.engine.setCard(named('rogue'), encodeCard(sampleCard(rogue)));
    expect(overlap(second)).toMatchObject({ since, fingerprint });
    expect(Date.parse(overlap(second).last_seen)).toBeGreaterThan(Date.parse(since));
  });

  test('is corrected where a report was asked for before etcd was listed', async () => {
    const [fingerprint, at] = [overlap(await start({ leading: false })).fingerprint, NOW - MINUTE];
    const early = await start({ leading: false });
    expect(overlap(early).since).not.toBe(new Date(at).toISOString());
    await store.transact([
      { type: 'put', key: FINDING_DATES_KEY, value: encodeFindingDates(new Map([[fingerprint, at]])) },
    ]);
    await vi.waitFor(() => expect(overlap(early).since).toBe(new Date(at).toISOString()));
  });

  test('is the same on a replica that does not write', async () => {
    const leader = await start();
    const { since } = overlap(leader);
    await pass(MINUTE);
    expect(overlap(await start({ leading: false })).since).toBe(since);
  });

  test('is forgotten when the finding is gone, and begins anew', async () => {
    const replica = await start();
    const { since } = overlap(replica);
    await pass(SETTLED_AFTER_MS + MINUTE);
    replica.engine.removePeer(named('rogue'));
    replica.engine.report();
    await pass(MINUTE);
    expect((await storedDates()).size).toBe(0);
    replica.engine.setCard(named('rogue'), encodeCard(sampleCard(rogue)));
    expect(Date.parse(overlap(replica).since)).toBeGreaterThan(Date.parse(since));
  });

  test('is not what somebody else has written into the key: garbage, other shapes, dates to come', async () => {
    const { fingerprint } = overlap(await start({ leading: false }));
    const later = encodeFindingDates(new Map([[fingerprint, NOW + 99 * MINUTE]]));
    for (const value of ['', 'garbage', '[]', '{"since":7}', `{"since":{"${fingerprint}":"soon"}}`, later]) {
      await store.transact([{ type: 'put', key: FINDING_DATES_KEY, value: Buffer.from(value) }]);
      expect(overlap(await start({ leading: false })).since).toBe(new Date(clock.now()).toISOString());
    }
    // The leader puts it right.
    overlap(await start());
    await pass(20_000);
    expect([...(await storedDates()).keys()]).toEqual([fingerprint]);
  });

  test('takes no more room than it may, and keeps the oldest', () => {
    const many = new Map(Array.from({ length: FINDING_DATES_MAX * 2 }, (_, at) => [`f${at}`, NOW - at]));
    const bytes = encodeFindingDates(many);
    expect(bytes.length).toBeLessThan(512 * 1024);
    const kept = decodeFindingDates(bytes);
    expect(kept.size).toBe(FINDING_DATES_MAX);
    expect(kept.has(`f${FINDING_DATES_MAX * 2 - 1}`)).toBe(true);
    expect(kept.has('f0')).toBe(false);
  });
});

test('nothing is written while nothing changes', async () => {
  const replica = await start();
  replica.engine.report();
  await pass(MINUTE);
  const before = await store.status();
  replica.engine.setLocalCard(encodeCard({ ...sampleCard(west), time: formatTime(clock.now()) }));
  replica.engine.report();
  await pass(SETTLED_AFTER_MS);
  expect((await store.status()).revision).toBe(before.revision);
});

test('a replica that leads no longer writes nothing', async () => {
  await store.transact([{ type: 'put', key: FENCE, value: Buffer.from('somebody') }]);
  const replica = await start();
  await store.transact([{ type: 'put', key: FENCE, value: Buffer.from('somebody else') }]);
  replica.engine.report();
  await pass(MINUTE);
  expect(await store.get(FINDING_DATES_KEY)).toBeUndefined();
});

describe('a range that the own cluster added', () => {
  const grown = { ...sampleCard(west), podCIDRs: ['10.1.0.0/16', '10.2.64.0/18'] };
  const inIt = endpoint('10.2.64.1', identityNumber(2));
  const say = ({ engine }: Replica) =>
    engine.applyPeerBatch(named('central'), [
      { type: 'put', kv: { ...inIt, value: inIt.bytes, createRevision: 1, modRevision: 1, version: 1, lease: '0' } },
    ]);

  test('stays a newcomer when the process that saw it come is gone', async () => {
    const first = await start({ peers: [central] });
    await pass(MINUTE);
    first.engine.setLocalCard(encodeCard(grown));
    expect(codes(first.engine.report())).toEqual(['CM-CIDR-005']);
    await pass(MINUTE);
    first.stop();
    // The card in etcd has the range by now, and nobody is there yet who has it too.
    const second = await start({ ownCard: grown, peers: [] });
    expect(codes(second.engine.report())).toEqual([]);
    await pass(MINUTE);
    second.engine.setCard(named('central'), encodeCard(sampleCard(central)));
    say(second);
    expect(only(second.engine.report(), 'CM-CIDR-005')).toMatchObject({
      winner: 'central',
      subject: { cluster: 'west' },
    });
    expect(second.engine.quarantine(named('central')).get(inIt.key)?.codes).toEqual(['CM-CIDR-005']);
  });

  test('becomes history where it is free, once everything was looked at', async () => {
    const free = { ...sampleCard(west), podCIDRs: ['10.1.0.0/16', '10.77.0.0/16'] };
    const first = await start({ peers: [central] });
    await pass(MINUTE);
    first.stop();
    const second = await start({ ownCard: free, peers: [central] });
    expect(jsonOf(second.engine.admittedCard(WEST))).toMatchObject({ podCIDRs: ['10.1.0.0/16'] });
    await pass(SETTLED_AFTER_MS);
    second.engine.setFreshness(named('central'), { freshness: 'fresh', heartbeatAgeMs: 0, synced: true });
    expect(jsonOf(second.engine.admittedCard(WEST))).toMatchObject({ podCIDRs: free.podCIDRs });
    await pass(MINUTE);
    expect(jsonOf((await store.get(admittedCardKey(WEST)))?.value)).toMatchObject({ podCIDRs: free.podCIDRs });
  });

  test('is judged without history where that cannot be read, or is of another cluster', async () => {
    for (const value of [Buffer.from('garbage'), encodeCard(sampleCard(central))]) {
      await store.transact([{ type: 'put', key: admittedCardKey(WEST), value }]);
      const replica = await start({ leading: false, ownCard: grown, peers: [central] });
      expect(codes(replica.engine.report())).toEqual(['CM-CIDR-001']);
    }
  });
});
