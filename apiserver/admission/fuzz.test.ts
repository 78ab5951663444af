// Given records of every kind with random damage, when they go through decoding and admission, then nothing throws, and nothing is
// admitted that a slow and simple reader of the catalogue would object to. The checker shares no code with the rules.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeCard } from '../../mesh/wire/card.ts';
import { encodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import {
  endpoint,
  identity,
  identityNumber,
  labelsOf,
  NOW,
  named,
  node,
  type SampleRecord,
  sampleCard,
  service,
  textOf,
  wholeCluster,
} from '../../test/samples/mesh.ts';
import type { StoreEvent } from '../store/port.ts';
import { AdmissionEngine } from './engine.ts';

const PEER = 'rogue';
const ID = 9;
/** The peer joined last; 10.2.128.0/17 is central's. */
const CARD = sampleCard({ name: PEER, id: ID, card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16', 'fd00:9::/48'] } });

const address = fc.oneof(
  fc.constantFrom('10.9.0.1', '10.2.200.1', '10.2.0.5', '8.8.8.8', '::ffff:10.9.0.2', 'fd00:9::1', '010.9.0.1', ''),
  fc.ipV4(),
  fc.ipV6(),
);
const number = fc.oneof(
  fc.constantFrom(identityNumber(ID), identityNumber(2), 0, 1, 2, 6, 255, 2 ** 24, -1, 1.5),
  fc.nat(),
);
const name = fc.constantFrom('shop/web', 'shop/cart', 'shop', '/', '../x', `${'x'.repeat(300)}/y`);

const record: fc.Arbitrary<SampleRecord> = fc.oneof(
  fc.tuple(address, number).map(([ip, id]) => endpoint(ip, id)),
  fc
    .tuple(number, fc.constantFrom(PEER, 'central'), fc.string())
    .map(([id, of, text]) => identity(of, id, labelsOf(of, text))),
  fc
    .record({
      of: fc.constantFrom(PEER, PEER, 'central'),
      id: fc.constantFrom(ID, ID, 2),
      name,
      backends: fc.array(address),
    })
    .map(({ of, id, name: key, backends }) => service({ cluster: of, id, name: key, backends })),
  fc
    .record({
      id: fc.constantFrom(ID, 2),
      ip: address,
      range: fc.constantFrom('10.9.1.0/24', '10.2.128.0/24', '0.0.0.0/0'),
    })
    .map(({ id, ip, range }) => node(PEER, id, ip, range)),
);

/** Bytes cut, changed, repeated, or replaced by anything at all. */
const damaged: fc.Arbitrary<SampleRecord> = fc
  .tuple(record, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.option(fc.nat()), fc.uint8Array())
  .map(([{ key, bytes }, changes, cut, anything]) => {
    if (cut !== null && cut % 7 === 0) return { key, bytes: anything };
    const copy = bytes.slice(0, cut === null ? undefined : Math.max(0, bytes.length - (cut % 20)));
    for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte;
    return { key, bytes: copy };
  });

const keyed: fc.Arbitrary<SampleRecord> = fc.oneof(
  { weight: 6, arbitrary: record },
  { weight: 6, arbitrary: damaged },
  {
    weight: 1,
    arbitrary: fc.tuple(damaged, fc.string()).map(([{ bytes }, key]) => ({ key: `cilium/state/${key}`, bytes })),
  },
);

const put = ({ key, bytes }: SampleRecord): StoreEvent => ({
  type: 'put',
  kv: { key, value: bytes, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});

test('no damage throws, and nothing wrong is admitted', { timeout: 60_000 }, () => {
  const clock = { now: () => NOW, monotonic: () => 0, after: () => () => {} };
  fc.assert(
    fc.property(fc.array(keyed, { maxLength: 30, size: 'max' }), fc.uint8Array(), (records, junk) => {
      const engine = new AdmissionEngine({ local: named('west'), clock });
      const central = wholeCluster('central', 2);
      engine.setLocalCard(encodeCard(sampleCard(wholeCluster('west', 1))));
      engine.setCard(named('central'), encodeCard(sampleCard(central)));
      engine.applyPeerBatch(named('central'), (central.records ?? []).map(put));
      engine.setCard(named(PEER), encodeCard(CARD));
      engine.setConfig(named(PEER), encodeClusterConfig({ id: ID }));
      engine.applyPeerBatch(named(PEER), records.map(put));
      engine.setCard(named(PEER), junk);
      engine.setConfig(named(PEER), junk);
      for (const [key, bytes] of engine.admitted(named(PEER))) expect(objections(key, textOf(bytes))).toEqual([]);
      for (const { key, bytes } of central.records ?? []) {
        expect(engine.admittedRecord(named('central'), key)).toEqual(bytes);
      }
      for (const quarantined of engine.quarantine(named(PEER)).values()) expect(quarantined.codes).not.toEqual([]);
      JSON.stringify(engine.report());
    }),
    { numRuns: 300 },
  );
});

function objections(key: string, text: string): readonly string[] {
  const [, , kind] = key.split('/');
  if (kind === 'identities') {
    const id = Number(key.split('/').at(-1));
    const wrongLabel = !text.includes(`k8s:io.cilium.k8s.policy.cluster=${PEER};`);
    return id >> 16 === ID && !wrongLabel ? [] : [`${key}: ${text}`];
  }
  const value = JSON.parse(text);
  if (kind === 'ip') {
    const allowed = [0, 4, 6, 7, 8].includes(value.ID) || value.ID >> 16 === ID;
    return allowed && mayUse(value.IP) ? [] : [`${key}: ${text}`];
  }
  const own = kind === 'services' ? value.cluster === PEER && value.clusterID === ID : value.Cluster === PEER;
  const addresses: string[] = kind === 'services' ? Object.keys(value.backends) : [];
  const allocation = kind === 'nodes' ? value.IPv4AllocCIDR : null;
  const fits = allocation === null || (allocation.IP === '10.9.1.0' && allocation.Mask === '////AA==');
  return own && fits && addresses.every(mayUse) ? [] : [`${key}: ${text}`];
}

/** By text alone: what the peer declared, without what is central's. */
function mayUse(text: string): boolean {
  const plain = text.toLowerCase();
  if (/^(::ffff:)?(10\.9|172\.9|192\.168\.9)\.\d/.test(plain)) return true;
  // IPv4-mapped in hexadecimal: 10.9/16, 172.9/16, 192.168.9/24.
  if (/^[0:]*:ffff:(0?a09|ac09):/.test(plain) || /^[0:]*:ffff:c0a8:0?9[0-9a-f]{2}$/.test(plain)) return true;
  return /^fd00:0*9:0*:/.test(plain) || plain.startsWith('fd00:9::');
}
