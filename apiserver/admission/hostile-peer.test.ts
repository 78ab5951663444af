// Given a peer that floods, lies, sends what nobody can read, or stops in the middle, when it does, then it harms its own affairs and
// nobody else's, and nothing that it says in the end is lost.

import { describe, expect, test } from 'vitest';
import { encodeCard } from '../../mesh/wire/card.ts';
import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import {
  bytesOf,
  codes,
  endpoint,
  identityNumber,
  jsonOf,
  NOW,
  named,
  node,
  only,
  type SampleCluster,
  type SampleRecord,
  sampleCard,
  service,
  wholeCluster,
} from '../../test/samples/mesh.ts';
import type { StoreEvent } from '../store/port.ts';
import { AdmissionEngine } from './engine.ts';

const put = ({ key, bytes }: SampleRecord): StoreEvent => ({
  type: 'put',
  kv: { key, value: bytes, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});
const gone = (key: string): StoreEvent => ({ type: 'delete', key, modRevision: 2 });

const central = wholeCluster('central', 2);
const rogue = wholeCluster('rogue', 9);
const ip = (address: string) => `cilium/state/ip/v1/default/${address}`;
const podOf = (at: number) => endpoint(`10.9.1.${at}`, 6);

class Setting {
  readonly clock = new ManualClock(NOW);
  readonly engine = new AdmissionEngine({
    local: named('west'),
    clock: this.clock,
    quota: { records: 1_000, bytes: 4 * VALUE_BYTES_MAX },
    pace: { changesPerSecond: 100, overSeconds: 2 },
  });

  constructor() {
    this.engine.setLocalCard(encodeCard(sampleCard(wholeCluster('west', 1))));
    for (const cluster of [central, rogue]) this.join(cluster);
  }

  join(cluster: SampleCluster): void {
    this.engine.setCard(named(cluster.name), encodeCard(sampleCard(cluster)));
    this.say(cluster.name, ...(cluster.records ?? []).map(put));
    this.engine.setFreshness(named(cluster.name), { freshness: 'fresh', heartbeatAgeMs: 0, synced: true });
  }

  say(peer: string, ...events: readonly StoreEvent[]): void {
    this.engine.applyPeerBatch(named(peer), events);
  }

  identityOf(peer: string, address: string): unknown {
    const bytes = this.engine.admittedRecord(named(peer), ip(address));
    return bytes === undefined ? undefined : (jsonOf(bytes) as { ID: number }).ID;
  }

  /** Everything of central is as it was. */
  expectOthersUntouched(): void {
    for (const { key, bytes } of central.records ?? []) {
      expect(this.engine.admittedRecord(named('central'), key)).toEqual(bytes);
    }
    expect(this.engine.report().findings.filter(({ subject }) => subject.cluster !== 'rogue')).toEqual([]);
  }
}

/** The endpoint of `address` with another identity each time: 6, 7, 8, 6, … */
const flood = (address: string, count: number) =>
  Array.from({ length: count }, (_, at) => put(endpoint(address, 6 + (at % 3))));

describe('a peer that floods', () => {
  test('is late in what changes too fast, and loses none of it', () => {
    const setting = new Setting();
    setting.say('rogue', ...flood('10.9.1.1', 1_000), put(endpoint('10.9.1.1', 4)));
    expect(setting.identityOf('rogue', '10.9.1.1')).not.toBe(4);
    expect(setting.engine.waiting).toBe(1);
    expect(only(setting.engine.report(), 'CM-REC-002')).toMatchObject({
      subject: { cluster: 'rogue' },
      evidence: { changes_held_back: true, excess_records: 0, limits: { changes_per_second: 100 } },
    });
    setting.expectOthersUntouched();
    setting.clock.advance(200);
    expect(setting.identityOf('rogue', '10.9.1.1')).toBe(4);
    expect(setting.engine.waiting).toBe(0);
    setting.clock.advance(10_000);
    expect(codes(setting.engine.report())).toEqual([]);
  });

  test('does not slow the others, who are taken in at once', () => {
    const setting = new Setting();
    setting.say('rogue', ...flood('10.9.1.1', 1_000));
    setting.say('central', put(endpoint('10.2.0.5', 4)));
    expect(setting.identityOf('central', '10.2.0.5')).toBe(4);
    setting.say('central', gone(ip('10.2.0.5')));
    expect(setting.identityOf('central', '10.2.0.5')).toBeUndefined();
  });

  test('has its keys taken in as the pace allows, those that waited longest first', () => {
    const setting = new Setting();
    const pods = Array.from({ length: 250 }, (_, at) => podOf(at));
    // What is new is no change, however much of it comes: the quota of records bounds it.
    setting.say('rogue', ...pods.map(put));
    expect(codes(setting.engine.report())).toEqual([]);
    setting.say('rogue', ...flood('10.9.0.5', 300), ...pods.map(({ key }) => gone(key)));
    const left = () =>
      [...setting.engine.admitted(named('rogue')).keys()].filter((key) => key.includes('10.9.1.')).length;
    expect(left()).toBe(250);
    setting.clock.advance(1_000);
    expect(left()).toBeGreaterThan(140);
    expect(left()).toBeLessThan(200);
    expect(setting.engine.admittedRecord(named('rogue'), podOf(0).key)).toBeUndefined();
    setting.clock.advance(2_000);
    expect(left()).toBe(0);
  });

  test('is not late where it only says again what it said', () => {
    const setting = new Setting();
    const pods = Array.from({ length: 250 }, (_, at) => podOf(at));
    for (let again = 0; again < 5; again += 1) setting.say('rogue', ...pods.map(put));
    expect(codes(setting.engine.report())).toEqual([]);
  });

  test('waits with its card too, and with the latest one', () => {
    const setting = new Setting();
    for (let at = 0; at < 50; at += 1) {
      setting.engine.setCard(named('rogue'), encodeCard({ ...sampleCard(rogue), podCIDRs: [`10.9.${at}.0/24`] }));
    }
    setting.engine.setCard(
      named('rogue'),
      encodeCard({ ...sampleCard(rogue), podCIDRs: ['10.9.0.0/16', '10.1.9.0/24'] }),
    );
    expect(codes(setting.engine.report())).not.toContain('CM-CIDR-005');
    setting.clock.advance(10_000);
    expect(only(setting.engine.report(), 'CM-CIDR-005')).toMatchObject({ subject: { value: '10.1.9.0/24' } });
    setting.expectOthersUntouched();
  });

  test('leaves nothing behind when it is removed while changes wait', () => {
    const setting = new Setting();
    setting.say('rogue', ...flood('10.9.1.1', 1_000));
    setting.engine.removePeer(named('rogue'));
    setting.clock.advance(10_000);
    expect(setting.engine.peers).toEqual(['central']);
    expect(codes(setting.engine.report())).toEqual([]);
  });

  test('with more records than it may have keeps those it had, and the others theirs', () => {
    const setting = new Setting();
    const pods = Array.from({ length: 1_500 }, (_, at) => endpoint(`10.9.${2 + (at >> 8)}.${at & 255}`, 6));
    setting.say('rogue', ...pods.map(put));
    expect(setting.engine.admitted(named('rogue')).size).toBe(1_000);
    expect(setting.identityOf('rogue', '10.9.0.5')).toBe(identityNumber(9));
    expect(only(setting.engine.report(), 'CM-REC-002')).toMatchObject({ evidence: { excess_records: 504 } });
    setting.expectOthersUntouched();
  });
});

describe('a peer that sends what cannot be used', () => {
  const oversize = new Uint8Array(VALUE_BYTES_MAX + 1).fill(0x20);
  test.each([
    ['a value beyond the limit', put({ key: ip('10.9.0.5'), bytes: oversize })],
    ['bytes that are no text', put({ key: ip('10.9.0.5'), bytes: Uint8Array.of(0xff, 0xfe, 0) })],
    ['another record under the key', put({ key: ip('10.9.0.5'), bytes: endpoint('10.9.0.6', 6).bytes })],
    ['a record of another kind', put({ key: ip('10.9.0.5'), bytes: node('rogue', 9, '192.168.9.1').bytes })],
  ])('%s: the value before stays, and the quarantine has the new one', (_, event) => {
    const setting = new Setting();
    setting.say('rogue', event);
    expect(setting.identityOf('rogue', '10.9.0.5')).toBe(identityNumber(9));
    expect(only(setting.engine.report(), 'CM-REC-001')).toMatchObject({
      subject: { cluster: 'rogue', key: ip('10.9.0.5') },
      evidence: { previous_value_kept: true },
    });
    const kept = setting.engine.quarantine(named('rogue')).get(ip('10.9.0.5'));
    expect(kept?.codes).toEqual(['CM-REC-001']);
    // The store could not hold more.
    expect(kept?.value.length).toBeLessThanOrEqual(Math.ceil(VALUE_BYTES_MAX / 3) * 4);
    setting.expectOthersUntouched();
  });

  test('a card beyond the limit, or a config that is none, leaves those before in use', () => {
    const setting = new Setting();
    setting.engine.setCard(named('rogue'), bytesOf(`{"name":"rogue","x":"${'x'.repeat(70_000)}"}`));
    setting.engine.setConfig(named('rogue'), bytesOf('[]'));
    expect(codes(setting.engine.report())).toEqual(['CM-REC-001', 'CM-REC-001']);
    expect(setting.identityOf('rogue', '10.9.0.5')).toBe(identityNumber(9));
    setting.expectOthersUntouched();
  });
});

describe('a peer that lies', () => {
  test('takes nothing of what others have, whatever it claims, and keeps what is its own', () => {
    const setting = new Setting();
    setting.say(
      'rogue',
      put(endpoint('10.2.0.5', identityNumber(9))),
      put(endpoint('10.9.1.1', identityNumber(2))),
      put({ key: 'cilium/state/nodes/v1/central/n1', bytes: node('central', 2, '10.9.0.1').bytes }),
      put(node('rogue', 9, '192.168.2.1', '10.2.0.0/24', 'n2')),
      put(service({ cluster: 'central', id: 2, backends: ['10.9.0.5'] })),
      put(service({ cluster: 'rogue', id: 9, name: 'shop/cart', backends: ['10.2.0.5', '192.168.2.1', '10.9.0.5'] })),
    );
    const admitted = [...setting.engine.admitted(named('rogue')).keys()].sort();
    expect(admitted).toEqual(
      [...(rogue.records ?? []).map(({ key }) => key), 'cilium/state/services/v1/rogue/shop/cart'].sort(),
    );
    const cart = setting.engine.admittedRecord(named('rogue'), 'cilium/state/services/v1/rogue/shop/cart');
    expect(Object.keys((jsonOf(cart) as { backends: object }).backends)).toEqual(['10.9.0.5']);
    expect(setting.engine.quarantine(named('rogue')).size).toBe(6);
    setting.expectOthersUntouched();
  });

  test('says that it joined before everybody else, and comes no earlier for it', () => {
    const setting = new Setting();
    setting.engine.setCard(
      named('rogue'),
      encodeCard({
        ...sampleCard(rogue),
        joinedAt: '2020-01-01T00:00:00Z',
        id: 2,
        podCIDRs: ['10.9.0.0/16', '10.2.0.0/16'],
      }),
    );
    const report = setting.engine.report();
    expect(only(report, 'CM-ID-001')).toMatchObject({ winner: 'central', subject: { cluster: 'rogue' } });
    expect(report.findings).toContainEqual(
      expect.objectContaining({ code: 'CM-REC-001', evidence: expect.objectContaining({ field: 'joinedAt' }) }),
    );
    expect(setting.engine.admitted(named('rogue')).size).toBe(0);
    setting.expectOthersUntouched();
  });

  test('takes the id of another later than it joined, and is the newcomer to it although it joined first', () => {
    const setting = new Setting();
    const early = wholeCluster('early', 4, { joinedDay: 0 });
    setting.join(early);
    setting.engine.setCard(named('early'), encodeCard({ ...sampleCard(early), id: 2 }));
    expect(only(setting.engine.report(), 'CM-ID-001')).toMatchObject({
      winner: 'central',
      subject: { cluster: 'early' },
    });
    for (const { key, bytes } of central.records ?? []) {
      expect(setting.engine.admittedRecord(named('central'), key)).toEqual(bytes);
    }
  });

  test('declares the whole address space, and is held to what nobody else has', () => {
    const setting = new Setting();
    setting.engine.setCard(
      named('rogue'),
      encodeCard({ ...sampleCard(rogue), podCIDRs: ['0.0.0.0/0', '::/0'], serviceCIDRs: ['0.0.0.0/0'] }),
    );
    setting.say('rogue', put(endpoint('10.2.7.7', 6)), put(endpoint('10.9.0.7', 6)));
    expect(setting.identityOf('rogue', '10.2.7.7')).toBeUndefined();
    expect(setting.identityOf('rogue', '10.9.0.7')).toBe(6);
    expect(new Set(codes(setting.engine.report()))).toEqual(new Set(['CM-CIDR-005']));
    setting.expectOthersUntouched();
  });
});

describe('a peer that stops in the middle of a list', () => {
  test('keeps what it had; what the rest of the list leaves out goes once it is whole', () => {
    const setting = new Setting();
    const more = [podOf(1), podOf(2)];
    setting.say('rogue', ...more.map(put));
    // The next list brings one new record and then nothing more: nothing is retained by it, so nothing is taken away.
    setting.say('rogue', put(podOf(3)));
    for (const { key } of more) expect(setting.engine.admittedRecord(named('rogue'), key)).toBeDefined();
    setting.engine.setFreshness(named('rogue'), { freshness: 'stale', heartbeatAgeMs: 70_000, synced: false });
    expect(codes(setting.engine.report())).toEqual(['CM-FRESH-001', 'CM-FRESH-002']);
    setting.expectOthersUntouched();
    setting.engine.retainRecords(named('rogue'), new Map([[podOf(3).key, true]]));
    expect([...setting.engine.admitted(named('rogue')).keys()]).toEqual([podOf(3).key]);
  });
});
