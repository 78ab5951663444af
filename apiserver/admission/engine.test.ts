// Given a local cluster and peers whose state comes in batches, when something changes, then exactly what follows from the
// whole of it is admitted, and whoever only listens for keys knows it.

import { describe, expect, test } from 'vitest';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import { encodeCard } from '../../mesh/wire/card.ts';
import { encodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import { decodeQuarantined } from '../../mesh/wire/quarantine.ts';
import type { Clock } from '../../runtime/clock.ts';
import {
  bytesOf,
  codes,
  endpoint,
  identity,
  identityNumber,
  jsonOf,
  NOW,
  named,
  only,
  type SampleCluster,
  type SampleRecord,
  sampleCard,
  service,
  textOf,
  wholeCluster,
} from '../../test/samples/mesh.ts';
import type { StoreEvent } from '../store/port.ts';
import { AdmissionEngine } from './engine.ts';
import type { QuotaLimits } from './quota.ts';

const put = ({ key, bytes }: SampleRecord): StoreEvent => ({
  type: 'put',
  kv: { key, value: bytes, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});
const gone = ({ key }: Pick<SampleRecord, 'key'>): StoreEvent => ({ type: 'delete', key, modRevision: 2 });

const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2);
const rogue = wholeCluster('rogue', 9, {
  card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16'] },
  records: [
    endpoint('10.2.200.1', identityNumber(9)),
    service({ cluster: 'rogue', id: 9, name: 'shop/cart', backends: ['10.2.200.1', '10.9.0.7'] }),
  ],
});
const CART = 'cilium/state/services/v1/rogue/shop/cart';

class Setting {
  now = NOW;
  readonly engine: AdmissionEngine;
  /** What a listener that only looks at the keys it hears of knows to be admitted, as `peer key`. */
  readonly followed = new Map<string, string>();
  readonly followedQuarantine = new Set<string>();

  constructor(quota?: QuotaLimits) {
    const clock: Clock = { now: () => this.now, monotonic: () => this.now - NOW, after: () => () => {} };
    this.engine = new AdmissionEngine({ local: named('west'), clock, ...(quota === undefined ? {} : { quota }) });
    this.engine.onChange((peer, keys) => {
      for (const key of keys) {
        const bytes = this.engine.admittedRecord(peer, key);
        if (bytes === undefined) this.followed.delete(`${peer} ${key}`);
        else this.followed.set(`${peer} ${key}`, textOf(bytes));
        if (this.engine.quarantine(peer).has(key)) this.followedQuarantine.add(`${peer} ${key}`);
        else this.followedQuarantine.delete(`${peer} ${key}`);
      }
    });
    this.engine.setLocalCard(encodeCard(sampleCard(west)));
    this.engine.applyLocalBatch((west.records ?? []).map(put));
  }

  join(cluster: SampleCluster): this {
    const peer = named(cluster.name);
    this.engine.addPeer(peer);
    if (cluster.plain !== true) this.engine.setCard(peer, encodeCard(sampleCard(cluster)));
    this.engine.setConfig(peer, encodeClusterConfig({ id: cluster.id, capabilities: { maxConnectedClusters: 255 } }));
    this.engine.applyPeerBatch(peer, (cluster.records ?? []).map(put));
    this.engine.setFreshness(peer, { freshness: 'fresh', heartbeatAgeMs: 0, synced: true });
    return this;
  }

  say(peer: string, ...events: readonly StoreEvent[]): this {
    this.engine.applyPeerBatch(named(peer), events);
    return this;
  }

  card(cluster: SampleCluster, change: Partial<ClusterCard>): this {
    this.engine.setCard(named(cluster.name), encodeCard({ ...sampleCard(cluster), ...change }));
    return this;
  }

  admitted(peer: string, key: string): unknown {
    const bytes = this.engine.admittedRecord(named(peer), key);
    return bytes === undefined ? undefined : jsonOf(bytes);
  }

  /** Everything that is admitted, as the engine has it. */
  get world(): ReadonlyMap<string, string> {
    const all = [...this.engine.peers, named('west')].flatMap((peer) =>
      [...this.engine.admitted(peer)].map(([key, bytes]) => [`${peer} ${key}`, textOf(bytes)] as const),
    );
    return new Map(all);
  }
}

const ip = (address: string) => `cilium/state/ip/v1/default/${address}`;

describe('a rogue whose pod range lies in that of another', () => {
  test('loses that part only; the quarantine says why; the report names both ranges', () => {
    const setting = new Setting().join(central).join(rogue);
    expect(setting.admitted('rogue', CART)).toMatchObject({ backends: { '10.9.0.7': {} } });
    expect(setting.admitted('rogue', ip('10.2.200.1'))).toBeUndefined();
    expect(setting.admitted('rogue', ip('10.9.0.5'))).toBeDefined();
    for (const { key, bytes } of central.records ?? []) {
      expect(setting.engine.admittedRecord(named('central'), key)).toEqual(bytes);
    }
    const report = setting.engine.report({ revision: 7 });
    const finding = only(report, 'CM-CIDR-001');
    expect(finding).toMatchObject({
      severity: 'error',
      winner: 'central',
      evidence: { intersection: '10.2.128.0/17' },
    });
    expect(report).toMatchObject({ cluster: 'west', revision: 7, verdict: 'degraded' });
    const [whole, part] = [ip('10.2.200.1'), CART].map((key) => setting.engine.quarantine(named('rogue')).get(key));
    expect(whole).toMatchObject({ codes: ['CM-CIDR-001'], findings: [finding.fingerprint] });
    expect(part?.reason).toContain('only backends');
    expect(Buffer.from(part?.value ?? '', 'base64')).toEqual(Buffer.from(rogue.records?.[5]?.bytes ?? []));
    const encoded = setting.engine.encodedQuarantine(named('rogue')).get(CART);
    expect(encoded === undefined ? undefined : decodeQuarantined(encoded)).toEqual({ ok: true, value: part });
  });

  test('is released as soon as it gives the range up, and its quarantine is empty', () => {
    const setting = new Setting()
      .join(central)
      .join(rogue)
      .card(rogue, { podCIDRs: ['10.9.0.0/16'] });
    // What lies outside the ranges that it declares now is its own fault.
    expect(codes(setting.engine.report())).toEqual(['CM-CIDR-006', 'CM-CIDR-006']);
    setting.say('rogue', gone({ key: ip('10.2.200.1') }), gone({ key: CART }));
    expect(codes(setting.engine.report())).toEqual([]);
    expect(setting.engine.quarantine(named('rogue')).size).toBe(0);
    expect(setting.followedQuarantine.size).toBe(0);
    expect(setting.followed).toEqual(setting.world);
  });

  test('takes nothing with it when it is removed', () => {
    const setting = new Setting().join(central).join(rogue);
    const before = [...setting.engine.admitted(named('central')).keys()];
    setting.engine.removePeer(named('rogue'));
    expect([...setting.engine.admitted(named('central')).keys()]).toEqual(before);
    expect(codes(setting.engine.report())).toEqual([]);
    expect(setting.followed).toEqual(setting.world);
    expect(setting.followedQuarantine.size).toBe(0);
  });
});

describe('an address that two peers claim', () => {
  const shared = '192.168.77.7';
  const claim = endpoint(shared, 6);
  const first = { name: 'first', id: 11, plain: true, records: [claim] };
  const second = { name: 'second', id: 12, plain: true, records: [claim] };

  test('belongs to the first in order, in whatever order they came; the next moves up without a gap', () => {
    const setting = new Setting().join(second).join(first);
    expect(setting.admitted('first', claim.key)).toBeDefined();
    expect(setting.admitted('second', claim.key)).toBeUndefined();
    setting.say('second', gone(claim));
    expect(setting.admitted('first', claim.key)).toBeDefined();
    setting.say('second', put(claim));
    setting.say('first', gone(claim));
    expect(setting.admitted('second', claim.key)).toBeDefined();
    expect(setting.engine.quarantine(named('second')).size).toBe(0);
    expect(setting.followed).toEqual(setting.world);
  });
});

describe('records', () => {
  test('a value that cannot be used leaves the previous one in use, until the key is gone', () => {
    const setting = new Setting().join(central);
    const good = endpoint('10.2.0.5', identityNumber(2));
    setting.say('central', put({ key: good.key, bytes: bytesOf('{"IP":') }));
    expect(setting.engine.admittedRecord(named('central'), good.key)).toEqual(good.bytes);
    expect(only(setting.engine.report(), 'CM-REC-001')).toMatchObject({ evidence: { previous_value_kept: true } });
    expect(setting.engine.quarantine(named('central')).get(good.key)?.codes).toEqual(['CM-REC-001']);
    setting.say('central', gone(good));
    expect(setting.engine.admittedRecord(named('central'), good.key)).toBeUndefined();
    expect(codes(setting.engine.report())).toEqual([]);
  });

  test('an endpoint is unknown until its identity comes, and worse than a warning after a minute', () => {
    const number = identityNumber(2, 50);
    const setting = new Setting().join({ ...central, records: [endpoint('10.2.0.9', number)] });
    expect(setting.admitted('central', ip('10.2.0.9'))).toMatchObject({ ID: 0 });
    expect(only(setting.engine.report(), 'CM-IDENT-004').severity).toBe('warning');
    setting.now += 61_000;
    expect(only(setting.engine.report(), 'CM-IDENT-004')).toMatchObject({
      severity: 'error',
      since: new Date(NOW).toISOString(),
    });
    setting.say('central', put(identity('central', number)));
    expect(setting.admitted('central', ip('10.2.0.9'))).toMatchObject({ ID: number });
    expect(codes(setting.engine.report())).toEqual([]);
    expect(setting.followed).toEqual(setting.world);
  });

  test('what a list from scratch does not hold any more is forgotten', () => {
    const setting = new Setting().join(central);
    setting.engine.retainRecords(named('central'), new Map([[ip('10.2.0.5'), true]]));
    expect([...setting.engine.admitted(named('central')).keys()]).toEqual([ip('10.2.0.5')]);
  });
});

describe('cards', () => {
  test.each([
    ['unreadable', bytesOf('garbage')],
    ['withdrawn', undefined],
  ])('a card that is %s leaves the earlier one in use', (_, bytes) => {
    const setting = new Setting().join(central);
    setting.engine.setCard(named('central'), bytes);
    setting.say('central', put(endpoint('8.8.8.8', identityNumber(2))));
    expect(codes(setting.engine.report())).toEqual(['CM-CIDR-006', 'CM-REC-001']);
    expect(setting.admitted('central', ip('10.2.0.5'))).toBeDefined();
    expect(setting.admitted('central', ip('8.8.8.8'))).toBeUndefined();
  });

  test('a range added later is held back as new, and is no history until it is free', () => {
    const grown = { podCIDRs: ['10.2.0.0/16', '10.1.64.0/18'] };
    const setting = new Setting().join(central).card(central, grown);
    setting.say('central', put(endpoint('10.1.64.1', identityNumber(2))));
    expect(only(setting.engine.report(), 'CM-CIDR-005')).toMatchObject({ winner: 'west' });
    expect(setting.admitted('central', ip('10.1.64.1'))).toBeUndefined();
    expect(jsonOf(setting.engine.admittedCard(named('central')))).toMatchObject({ podCIDRs: ['10.2.0.0/16'] });
    setting.engine.setLocalCard(encodeCard({ ...sampleCard(west), podCIDRs: ['10.1.0.0/18'] }));
    expect(setting.admitted('central', ip('10.1.64.1'))).toBeDefined();
    expect(jsonOf(setting.engine.admittedCard(named('central')))).toMatchObject(grown);
  });

  test('a range that the own cluster adds is a newcomer here as it is at its peers, until it is free', () => {
    const setting = new Setting().join(central);
    const grown = { ...sampleCard(west), podCIDRs: ['10.1.0.0/16', '10.2.64.0/18'] };
    setting.engine.setLocalCard(encodeCard(grown));
    setting.say('central', put(endpoint('10.2.64.1', identityNumber(2))));
    const finding = only(setting.engine.report(), 'CM-CIDR-005');
    // West joined first, and loses all the same; on its own side the part of the winner is what it cannot use.
    expect(finding).toMatchObject({ winner: 'central', subject: { cluster: 'west', value: '10.2.64.0/18' } });
    expect(finding.effect.withheld).toMatchObject({ endpoints: 1 });
    expect(setting.admitted('central', ip('10.2.64.1'))).toBeUndefined();
    expect(setting.engine.quarantine(named('central')).get(ip('10.2.64.1'))?.codes).toEqual(['CM-CIDR-005']);
    expect(setting.admitted('central', ip('10.2.0.5'))).toBeDefined();
    setting.engine.setLocalCard(encodeCard(sampleCard(west)));
    expect(codes(setting.engine.report())).toEqual([]);
    expect(setting.admitted('central', ip('10.2.64.1'))).toBeDefined();
  });

  test('the own cluster knows who it is: another uid of it is no reason to wait', () => {
    const setting = new Setting().join(central);
    setting.engine.setLocalCard(encodeCard({ ...sampleCard(west), uid: 'from a backup' }));
    expect(codes(setting.engine.report())).toEqual([]);
  });

  test.each([
    ['late', -61_000, true, 'warning'],
    ['late', -61_000, false, undefined],
    ['late', -400_000, true, 'error'],
    ['early', 61_000, true, 'warning'],
    ['early', 400_000, false, 'error'],
    ['right', -20_000, true, undefined],
  ] as const)('CM-CFG-004: a clock that is %s by %i ms, on a card that came as it was written: %s', (...row) => {
    const [, offsetMs, writtenNow, severity] = row;
    const setting = new Setting().join(central);
    const time = new Date(NOW + offsetMs).toISOString();
    setting.engine.setCard(named('central'), encodeCard({ ...sampleCard(central), time }), writtenNow);
    const report = setting.engine.report();
    expect(report.findings.map((finding) => finding.severity)).toEqual(severity === undefined ? [] : [severity]);
    if (severity !== undefined) expect(only(report, 'CM-CFG-004').evidence).toMatchObject({ offset_ms: offsetMs });
    expect(setting.engine.quarantine(named('central')).size).toBe(0);
    for (const { key, bytes } of central.records ?? []) {
      expect(setting.engine.admittedRecord(named('central'), key)).toEqual(bytes);
    }
  });

  test('a rebuilt cluster changes nothing before somebody has confirmed it', () => {
    const setting = new Setting().join(central);
    const before = new Map(setting.world);
    setting.card(central, { uid: 'another' });
    setting.say(
      'central',
      put(endpoint('10.2.0.5', identityNumber(2), { HostIP: '192.168.2.2' })),
      put(endpoint('10.2.0.6', identityNumber(2))),
      gone({ key: 'cilium/state/services/v1/central/shop/web' }),
    );
    expect(setting.world).toEqual(before);
    expect(setting.engine.isFrozen(named('central'))).toBe(true);
    const finding = only(setting.engine.report(), 'CM-ID-004');
    expect(finding.effect.withheld).toMatchObject({ endpoints: 2 });
    expect(setting.engine.release('no such finding')).toBeUndefined();
    expect(setting.engine.release(finding.fingerprint)).toBe('central');
    expect(setting.admitted('central', ip('10.2.0.5'))).toMatchObject({ HostIP: '192.168.2.2' });
    expect(setting.admitted('central', ip('10.2.0.6'))).toBeDefined();
    expect(setting.admitted('central', 'cilium/state/services/v1/central/shop/web')).toBeUndefined();
    expect(codes(setting.engine.report())).toEqual([]);
    expect(setting.followed).toEqual(setting.world);
    expect(setting.followedQuarantine.size).toBe(0);
  });

  describe('a peer whose keys vanished without an overlap', () => {
    const keyed = (...spkiPins: string[]) => ({ trust: { spkiPins } });
    const admittedPins = (setting: Setting) =>
      jsonOf(setting.engine.admittedCard(named('central')) ?? bytesOf('')) as { trust?: { spkiPins: string[] } };

    test.each<[string, string[]]>([
      ['shows others', ['sha256/new']],
      ['shows none', []],
    ])('%s: its new state waits, until somebody has compared them', (_, shown) => {
      const setting = new Setting().join({ ...central, card: keyed('sha256/old') });
      const before = new Map(setting.world);
      setting.card(central, { ...keyed(...shown), podCIDRs: ['10.2.0.0/16', '10.20.0.0/16'] });
      setting.say('central', put(endpoint('10.2.0.6', identityNumber(2))));
      expect(setting.world).toEqual(before);
      expect(admittedPins(setting).trust?.spkiPins).toEqual(['sha256/old']);
      const finding = only(setting.engine.report(), 'CM-TRUST-008');
      expect(finding).toMatchObject({ severity: 'blocking', evidence: { admitted_pins: ['sha256/old'], pins: shown } });
      expect(setting.engine.release(finding.fingerprint)).toBe('central');
      expect(admittedPins(setting).trust?.spkiPins).toEqual(shown);
      expect(setting.admitted('central', ip('10.2.0.6'))).toBeDefined();
      expect(codes(setting.engine.report())).toEqual([]);
    });

    test('is believed when it showed both for a while', () => {
      const setting = new Setting().join({ ...central, card: keyed('sha256/old') });
      setting.card(central, keyed('sha256/old', 'sha256/new')).card(central, keyed('sha256/new'));
      expect(codes(setting.engine.report())).toEqual([]);
      expect(admittedPins(setting).trust?.spkiPins).toEqual(['sha256/new']);
    });

    test('and that was rebuilt as well is confirmed by one decision', () => {
      const setting = new Setting().join({ ...central, card: keyed('sha256/old') });
      setting.card(central, { uid: 'another', ...keyed('sha256/new') });
      expect(codes(setting.engine.report())).toEqual(['CM-TRUST-008', 'CM-ID-004']);
      setting.engine.release(only(setting.engine.report(), 'CM-ID-004').fingerprint);
      expect(codes(setting.engine.report())).toEqual([]);
    });
  });

  test('a release is told, also when no record changes by it, and a later process begins from what was decided', () => {
    const setting = new Setting().join(central).card(central, { uid: 'another' });
    const told: string[] = [];
    setting.engine.onChange((peer) => told.push(peer));
    setting.engine.release(only(setting.engine.report(), 'CM-ID-004').fingerprint);
    expect(told).toContain('central');
    const decided = setting.engine.admittedCard(named('central')) ?? bytesOf('');
    expect(jsonOf(decided)).toMatchObject({ uid: 'another' });

    const later = new Setting();
    later.engine.seedAdmittedCard(named('central'), decided);
    later.join({ ...central, card: { uid: 'another' } });
    expect(codes(later.engine.report())).toEqual([]);
  });

  test('a config that contradicts the card is not passed on', () => {
    const setting = new Setting().join(central);
    expect(jsonOf(setting.engine.admittedConfig(named('central')))).toMatchObject({ id: 2 });
    setting.engine.setConfig(named('central'), encodeClusterConfig({ id: 1 }));
    expect(setting.engine.admittedConfig(named('central'))).toBeUndefined();
    expect(only(setting.engine.report(), 'CM-REC-001')).toMatchObject({
      subject: { key: 'cilium/cluster-config/central' },
    });
  });
});

describe('quota', () => {
  test('what is beyond it stays outside and moves up when there is room; others are not touched', () => {
    const records = Array.from({ length: 5 }, (_, at) => endpoint(`10.9.0.${at + 10}`, 6));
    const setting = new Setting({ records: 4, bytes: 1_000_000 }).join(central).join({ name: 'rogue', id: 9, records });
    expect(setting.engine.admitted(named('rogue')).size).toBe(4);
    expect(only(setting.engine.report(), 'CM-REC-002')).toMatchObject({ evidence: { excess_records: 1 } });
    expect(setting.engine.admitted(named('central')).size).toBe(4);
    setting.say('rogue', gone({ key: ip('10.9.0.11') }));
    expect([...setting.engine.admitted(named('rogue')).keys()]).toContain(ip('10.9.0.14'));
    expect(codes(setting.engine.report())).toEqual([]);
  });

  test('counts bytes too', () => {
    const records = [endpoint('10.9.0.1', 6), endpoint('10.9.0.2', 6)];
    const size = records[0]?.bytes.length ?? 0;
    const setting = new Setting({ records: 10, bytes: size + 1 }).join({ name: 'rogue', id: 9, records });
    expect([...setting.engine.admitted(named('rogue')).keys()]).toEqual([ip('10.9.0.1')]);
  });
});
