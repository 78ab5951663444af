// The mesh of the fuzz: two clusters that are right in everything, and two peers, with a card and without, whose records are damaged. Also
// the records before they are damaged, of every kind, some of them wrong already.

import { AdmissionEngine } from '../../apiserver/admission/engine.ts';
import type { StoreEvent } from '../../apiserver/store/port.ts';
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
  type SampleCluster,
  type SampleRecord,
  sampleCard,
  service,
  spec,
  wholeCluster,
} from '../samples/mesh.ts';
import { ADDRESSES, type Mutator } from './mutate.ts';
import type { KnownOthers, KnownPeer } from './objections.ts';

const RIGHT = [
  wholeCluster('west', 1, { records: [spec('west')] }),
  wholeCluster('central', 2, { records: [spec('central', { sessionAffinity: 'ClientIP' })] }),
];
/** It joined last, and a part of its pods' range is central's. */
const ROGUE = wholeCluster('rogue', 9, {
  card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16', 'fd00:9::/48'] },
  records: [],
});
const PLAIN = { name: 'plain', id: 7, plain: true };
export const PEERS: readonly SampleCluster[] = [ROGUE, PLAIN];

export const known: Readonly<Record<string, { readonly peer: KnownPeer; readonly others: KnownOthers }>> = {
  rogue: {
    peer: {
      name: 'rogue',
      id: 9,
      declared: ['10.2.128.0/17', '10.9.0.0/16', 'fd00:9::/48', '172.9.0.0/16', '192.168.9.0/24'],
    },
    others: othersOf([1, 2]),
  },
  // Whatever has no card comes behind all that have one, so that rogue is one of the others here.
  plain: { peer: { name: 'plain', id: 7, declared: undefined }, others: othersOf([1, 2, 9]) },
};

function othersOf(ids: readonly number[]): KnownOthers {
  const right = ids.filter((id) => id !== 9);
  return {
    pods: [...ids.map((id) => `10.${id}.0.0/16`), ...(ids.includes(9) ? ['fd00:9::/48'] : [])],
    services: ids.map((id) => `172.${id}.0.0/16`),
    nodes: ids.map((id) => `192.168.${id}.0/24`),
    addresses: right.flatMap((id) => [`10.${id}.0.5`, `192.168.${id}.1`]),
    ports: { 'shop/web': { http: 'TCP/80' } },
  };
}

export const put = ({ key, bytes }: SampleRecord): StoreEvent => ({
  type: 'put',
  kv: { key, value: bytes, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});

export class FuzzWorld {
  readonly engine: AdmissionEngine;

  constructor() {
    this.engine = new AdmissionEngine({
      local: named('west'),
      clock: { now: () => NOW, monotonic: () => 0, after: () => () => {} },
      // How fast it comes is not what is looked at here.
      pace: { changesPerSecond: 1e9, overSeconds: 1 },
    });
    for (const cluster of [...RIGHT, ...PEERS]) this.#join(cluster);
  }

  #join(cluster: SampleCluster): void {
    const { engine } = this;
    const name = named(cluster.name);
    const card = cluster.plain === true ? undefined : encodeCard(sampleCard(cluster));
    const config = encodeClusterConfig({ id: cluster.id, capabilities: { maxConnectedClusters: 255 } });
    engine.setCard(name, card);
    engine.setConfig(name, config);
    engine.applyPeerBatch(name, (cluster.records ?? []).map(put));
  }

  /** Of the clusters that are right in everything, what is not as they said. */
  untouched(): readonly string[] {
    return RIGHT.flatMap(({ name, records = [] }) =>
      records
        .filter(({ key, bytes }) => {
          const admitted = this.engine.admittedRecord(named(name), key);
          return admitted === undefined || Buffer.compare(admitted, bytes) !== 0;
        })
        .map(({ key }) => `${name}: ${key} is not what it was`),
    );
  }
}

/** A card and a config, to be damaged. */
export const cardOf = (cluster: SampleCluster): Uint8Array => encodeCard(sampleCard(cluster));
export const configOf = ({ id }: SampleCluster): Uint8Array => encodeClusterConfig({ id });

/** A record of the peer that is well formed; what it says may be another's. */
export function baseRecord({ name, id }: Pick<SampleCluster, 'name' | 'id'>, mutator: Mutator): SampleRecord {
  const nearby = (at: number) => `10.${id}.${at & 3}.${at & 15}`;
  const address = () => (mutator.chance(3) ? mutator.oneOf(ADDRESSES) : nearby(mutator.below(64)));
  const number = () => (mutator.chance(4) ? mutator.oneOf(NUMBERS) : identityNumber(id, mutator.below(6)));
  const of = mutator.chance(12) ? 'central' : name;
  switch (mutator.below(6)) {
    case 0:
      return identity(of, number(), labelsOf(of, ...(mutator.chance(2) ? ['k8s:app=web'] : [])));
    case 1:
      return service({
        cluster: of,
        id: mutator.chance(12) ? 2 : id,
        name: mutator.oneOf(['shop/web', 'shop/cart', 'shop/pay']),
        backends: Array.from({ length: mutator.below(4) }, address),
        frontendPorts: mutator.oneOf(PORTS),
        frontend: mutator.chance(8) ? null : `172.${id}.0.${mutator.below(20)}`,
        more: { shared: !mutator.chance(10), ...(mutator.chance(8) ? { frontends: TWO_FRONTENDS } : {}) },
      });
    case 2:
      return node(of, mutator.chance(12) ? 2 : id, address(), mutator.oneOf(ALLOCATIONS), `n${mutator.below(6)}`);
    case 3:
      return spec(of, mutator.oneOf(EXPORTS), mutator.oneOf(['shop/web', 'shop/cart', 'shop/pay']));
    default:
      return endpoint(address(), number());
  }
}

const EXPORTS: readonly object[] = [
  {},
  { type: 'Headless', ports: null, ipFamilies: ['IPv6', 'IPv4'] },
  { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
  { internalTrafficPolicy: 'Local', trafficDistribution: 'PreferClose', labels: { tier: 'web' } },
  { annotations: { team: 'a' }, exportCreationTimestamp: '2026-01-01T00:00:00.5+01:00', labels: null },
  {
    ports: [
      { protocol: 'UDP', port: 53 },
      { name: 'x', protocol: 'SCTP', appProtocol: 'kubernetes.io/h2c', port: 9 },
    ],
  },
];

const NUMBERS = [0, 1, 2, 4, 6, 7, 8, 255, 256, 65_537, 131_073, 589_825, 2 ** 32 - 1];
const ALLOCATIONS = [
  '10.9.1.0/24',
  '10.9.2.0/24',
  '10.7.1.0/24',
  '10.2.128.0/24',
  '10.2.0.0/20',
  '0.0.0.0/0',
  '192.168.0.0/16',
  undefined,
];
/** They contradict each other. */
const TWO_FRONTENDS = {
  '172.9.0.30': { http: { Protocol: 'TCP', Port: 81 } },
  '172.9.0.31': { http: { Protocol: 'TCP', Port: 80 } },
};
const PORTS = [
  { http: { Protocol: 'TCP', Port: 80 } },
  { http: { Protocol: 'TCP', Port: 80 }, admin: { Protocol: 'UDP', Port: 9000 } },
  { http: { Protocol: 'TCP', Port: 81 } },
  { web: { Protocol: 'TCP', Port: 80 } },
];
