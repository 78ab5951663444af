// The bytes of every stored type, as Cilium's programs and ours write them (Cilium v1.20.0). A change here is a change of a
// contract with programs that are already running: values must be read, and written again, byte for byte.

import { describe, expect, test } from 'vitest';
import type { ClusterName, MaxConnectedClusters, ServiceKey } from '../model/names.ts';
import type { Result } from '../model/result.ts';
import { admittedCardKey, cardKey, decodeCard, encodeCard } from './card.ts';
import { clusterConfigKey, decodeClusterConfig, encodeClusterConfig } from './cluster-config.ts';
import { clusterServiceKey } from './cluster-service.ts';
import { decodeFindingDates, encodeFindingDates, FINDING_DATES_KEY } from './finding-dates.ts';
import { identityKey } from './identity.ts';
import { identityAllocationKey, parseIdentityAllocationKey } from './identity-allocation.ts';
import { ipKey } from './ip-identity.ts';
import { decodeLocalService, encodeLocalService, localServiceKey } from './local-service.ts';
import { decodeLocalSlice, encodeLocalSlice, localHeadKey, localPiecesCanary, localSliceKey } from './local-slice.ts';
import { nodeKey } from './node.ts';
import { decodePeerRecord, encodePeerRecord, parsePeerRecordKey, peerRecordKey } from './peer-record.ts';
import { decodeQuarantined, encodeQuarantined, parseQuarantineKey, quarantineKey } from './quarantine.ts';
import type { RecordContext } from './record.ts';
import { cacheKeyOf, RECORD_KINDS, sourceOfCacheKey } from './record-kinds.ts';
import { kindOfKey } from './state-keys.ts';
import { cacheSyncedKey, HEARTBEAT_KEY, parseSyncedKey, syncedKey } from './synced.ts';
import { encodeTime } from './time.ts';

const CLUSTER = 'cluster3' as ClusterName;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);
const must = <T>(result: Result<T, string>): T => {
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

const GOLDEN: readonly {
  readonly name: string;
  readonly key: string;
  readonly cache: string;
  readonly value: string;
}[] = [
  {
    name: 'service',
    key: 'cilium/state/services/v1/cluster3/test/echo',
    cache: 'cilium/cache/services/v1/cluster3/test/echo',
    value:
      '{"cluster":"cluster3","namespace":"test","name":"echo","frontends":{"10.96.0.10":{"http":{"Protocol":"TCP","Port":80}}},' +
      '"backends":{"10.244.1.10":{"http":{"Protocol":"TCP","Port":8080}}},"labels":{},"selector":{"app":"echo"},' +
      '"includeExternal":true,"shared":true,"clusterID":3}',
  },
  {
    name: 'headless service with hostnames and zones',
    key: 'cilium/state/services/v1/cluster3/test/db',
    cache: 'cilium/cache/services/v1/cluster3/test/db',
    value:
      '{"cluster":"cluster3","namespace":"test","name":"db","frontends":{},"backends":{"10.244.1.10":{"":{"Protocol":"UDP","Port":53}}},' +
      '"hostnames":{"10.244.1.10":"db-0"},"zones":{"10.244.1.10":{"zone":"z1","forZones":[{"name":"z1"}]}},"labels":{"a\\u003cb":"\\u0026"},' +
      '"selector":{},"includeExternal":false,"shared":true,"clusterID":3}',
  },
  {
    name: 'node',
    key: 'cilium/state/nodes/v1/cluster3/n1',
    cache: 'cilium/cache/nodes/v1/cluster3/n1',
    value:
      '{"Name":"n1","Cluster":"cluster3","IPAddresses":[{"Type":"InternalIP","IP":"172.18.0.2"},{"Type":"CiliumInternalIP","IP":"10.244.0.10"}],' +
      '"IPv4AllocCIDR":{"IP":"10.244.0.0","Mask":"////AA=="},"IPv4SecondaryAllocCIDRs":null,"IPv6AllocCIDR":null,' +
      '"IPv6SecondaryAllocCIDRs":null,"IPv4HealthIP":"10.244.0.134","IPv6HealthIP":"","IPv4IngressIP":"","IPv6IngressIP":"",' +
      '"ClusterID":3,"Source":"custom-resource","EncryptionKey":0,"Labels":{"kubernetes.io/hostname":"n1"},"Annotations":null,' +
      '"WireguardPubKey":"","BootID":"570d3fd1-93db-4862-ba99-6a3c2c10c38f"}',
  },
  {
    name: 'identity',
    key: 'cilium/state/identities/v1/id/196915',
    cache: 'cilium/cache/identities/v1/cluster3/id/196915',
    value: 'k8s:app=baz;k8s:io.cilium.k8s.policy.cluster=cluster3;k8s:io.kubernetes.pod.namespace=bar;',
  },
  {
    name: 'address of a pod, as 1.20.0 writes it',
    key: 'cilium/state/ip/v1/default/10.244.2.74',
    cache: 'cilium/cache/ip/v1/cluster3/10.244.2.74',
    value:
      '{"IP":"10.244.2.74","Mask":null,"HostIP":"172.18.0.2","ID":199475,"Key":5,"Metadata":"","K8sNamespace":"bar","K8sPodName":"web-0",' +
      '"K8sServiceAccount":"default","NamedPorts":[{"Name":"http","Port":8080,"Protocol":"TCP"}]}',
  },
  {
    name: 'address of a pod, in the newer shape',
    key: 'cilium/state/ip/v1/default/fd00::1',
    cache: 'cilium/cache/ip/v1/cluster3/fd00::1',
    value:
      '{"IP":"fd00::1","HostIP":"","ID":6,"Key":0,"Metadata":"","K8sNamespace":"bar","K8sPodName":"web-0",' +
      '"K8sPodUID":"0f6c9c1e-5a0e-4b39-9f0a-6f4d7a1f2b11"}',
  },
  {
    name: 'range of addresses',
    key: 'cilium/state/ip/v1/default/10.9.0.0/16',
    cache: 'cilium/cache/ip/v1/cluster3/10.9.0.0/16',
    value: '{"IP":"10.9.0.0","Mask":"//8AAA==","HostIP":"172.18.0.2","ID":199475,"Key":0,"Metadata":""}',
  },
  {
    name: 'how a service is exported, which is ours, in the fields of an export of Cilium',
    key: 'clustermesh/v1/services/cluster3/test/echo',
    cache: 'clustermesh/v1/cache/services/cluster3/test/echo',
    value:
      '{"cluster":"cluster3","name":"echo","namespace":"test","annotations":{"team":"shop"},"labels":{"tier":"web"},' +
      '"exportCreationTimestamp":"2026-01-01T00:00:00Z","ports":[{"name":"http","protocol":"TCP","appProtocol":"kubernetes.io/h2c",' +
      '"port":80}],"type":"ClusterSetIP","sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":600}},' +
      '"ipFamilies":["IPv4","IPv6"],"internalTrafficPolicy":"Cluster","trafficDistribution":"PreferClose"}',
  },
  {
    name: 'the least that an export says',
    key: 'clustermesh/v1/services/cluster3/default/basic',
    cache: 'clustermesh/v1/cache/services/cluster3/default/basic',
    value:
      '{"cluster":"cluster3","name":"basic","namespace":"default","exportCreationTimestamp":"2026-01-01T00:00:00Z",' +
      '"ports":[{"name":"http","protocol":"TCP","port":80}],"type":"ClusterSetIP","sessionAffinity":"None"}',
  },
  {
    name: 'a service without its backends, which is ours',
    key: 'clustermesh/v1/heads/cluster3/test/echo',
    cache: 'clustermesh/v1/cache/heads/cluster3/test/echo',
    value:
      '{"cluster":"cluster3","namespace":"test","name":"echo","frontends":{"10.96.0.10":{"http":{"Protocol":"TCP","Port":80}}},' +
      '"backends":{},"labels":{},"selector":{"app":"echo"},"includeExternal":true,"shared":true,"clusterID":3}',
  },
  {
    name: 'the backends of one of its slices, which is ours',
    key: 'clustermesh/v1/slices/cluster3/test/echo/echo-kvlm2',
    cache: 'clustermesh/v1/cache/slices/cluster3/test/echo/echo-kvlm2',
    value:
      '{"cluster":"cluster3","namespace":"test","name":"echo","slice":"echo-kvlm2","clusterID":3,' +
      '"backends":{"10.244.1.10":{"http":{"Protocol":"TCP","Port":8080}},"fd00::1":{"http":{"Protocol":"TCP","Port":8080}}},' +
      '"hostnames":{"10.244.1.10":"echo-0"},"zones":{"10.244.1.10":{"zone":"z1","forZones":[{"name":"z1"}]}}}',
  },
];

describe("records that clusters exchange, Cilium's in Cilium's bytes", () => {
  test.each(GOLDEN)('$name', ({ key, cache, value }) => {
    const name = kindOfKey(key);
    if (name === undefined) throw new Error(`${key} is of no kind`);
    // Each kind with its own value type: what is decoded by it is encoded by it.
    const kind = RECORD_KINDS[name] as (typeof RECORD_KINDS)['services'];
    const record = must(kind.decode(bytes(value)));
    expect(text(kind.encode(record))).toBe(value);

    const { suffix } = must(kind.parseKey(key));
    expect(kind.stateKey(CLUSTER, suffix)).toBe(key);
    expect(kind.cacheKey(CLUSTER, key)).toBe(cache);
    expect(must(kind.parseKey(cache))).toEqual({ cluster: CLUSTER, suffix, cached: true });
    expect([cacheKeyOf(CLUSTER, key), sourceOfCacheKey(cache)]).toEqual([cache, { peer: CLUSTER, key }]);

    const maxConnectedClusters: MaxConnectedClusters = 255;
    const context = { cluster: CLUSTER, clusterId: 3, maxConnectedClusters } as Omit<RecordContext, 'key'>;
    for (const place of [key, cache]) expect(kind.validate(record, { ...context, key: place })).toEqual([]);
  });

  test('keys by their parts', () => {
    expect([
      clusterServiceKey(CLUSTER, 'test/echo' as ServiceKey),
      nodeKey(CLUSTER, 'n1'),
      identityKey(196915),
      ipKey('10.244.2.74'),
      ipKey('10.9.0.0/16'),
    ]).toEqual([GOLDEN[0]?.key, GOLDEN[2]?.key, GOLDEN[3]?.key, GOLDEN[4]?.key, GOLDEN[6]?.key]);
  });
});

const OWN: readonly {
  readonly name: string;
  readonly value: string;
  readonly again: (value: Uint8Array) => Uint8Array;
}[] = [
  {
    name: 'cluster-config',
    value: '{"id":3,"capabilities":{"syncedCanaries":true,"maxConnectedClusters":255,"serviceExportsEnabled":false}}',
    again: (value) => encodeClusterConfig(must(decodeClusterConfig(value))),
  },
  {
    name: 'card',
    value:
      '{"schema":"clustermesh/v1","name":"west","id":2,"uid":"0f6c9c1e-5a0e-4b39-9f0a-6f4d7a1f2b11","joinedAt":null,' +
      '"podCIDRs":["10.2.0.0/16","fd00:2::/48"],"serviceCIDRs":["172.20.0.0/16"],"nodeCIDRs":["192.168.2.0/24"],"maxConnectedClusters":255,' +
      '"datapath":{"mode":"tunnel","tunnelProtocol":"vxlan","tunnelPort":8472,"encryption":"none"},' +
      '"versions":{"software":"0.1.0","protocol":1},"capabilities":["synced-canaries","service-exports"],' +
      '"trust":{"spkiPins":["sha256/Zm9v"]},"time":"2026-11-23T12:00:00Z"}',
    again: (value) => {
      const { card, problems } = must(decodeCard(value));
      expect(problems).toEqual([]);
      return encodeCard(card);
    },
  },
  {
    name: 'local service',
    value:
      '{"key":"shop/cart","frontends":["10.96.0.10"],"ports":[{"name":"http","protocol":"TCP","port":80}],"global":true,"shared":false,' +
      '"affinity":"local","createdSeconds":1767225600,"backends":[{"address":"10.3.0.5","cluster":"cluster3","clusterId":3,"state":"terminating",' +
      '"ports":[{"name":"http","protocol":"TCP","port":8080}]}],"labels":{"a":"b"},"selector":{"app":"cart"}}',
    again: (value) => encodeLocalService(must(decodeLocalService(value))),
  },
  {
    name: 'local service without its backends',
    value:
      '{"key":"shop/cart","frontends":["10.96.0.10"],"ports":[{"name":"http","protocol":"TCP","port":80}],"global":true,"shared":false,' +
      '"affinity":"local","backends":[],"labels":{"a":"b"},"selector":{"app":"cart"}}',
    again: (value) => encodeLocalService(must(decodeLocalService(value))),
  },
  {
    name: 'backends of one slice of a local service',
    value:
      '{"key":"shop/cart","slice":"cart-x7","cluster":"cluster3","clusterId":3,"ports":[{"name":"http","protocol":"TCP","port":8080}],' +
      '"active":["10.3.0.5","fd00::5"],"terminating":["10.3.0.6"]}',
    again: (value) => encodeLocalSlice(must(decodeLocalSlice(value))),
  },
  {
    name: 'quarantined record',
    value:
      '{"key":"cilium/state/ip/v1/default/10.1.0.1","value":"e30=","findings":["f1"],"codes":["CM-REC-001"],' +
      '"reason":"IP is missing","since":"2026-01-01T00:00:00Z"}',
    again: (value) => encodeQuarantined(must(decodeQuarantined(value))),
  },
  {
    name: 'peer',
    value: '{"name":"east","id":4,"freshness":"ageing","synced":true}',
    again: (value) => encodePeerRecord(must(decodePeerRecord(value))),
  },
];

describe('values about a cluster', () => {
  test.each(OWN)('$name', ({ value, again }) => {
    expect(text(again(bytes(value)))).toBe(value);
  });

  test('since when findings are there', () => {
    const value =
      '{"since":{"0123456789abcdef":"2026-01-01T00:00:00.250Z","fedcba9876543210":"2026-01-02T00:00:00.000Z"}}';
    expect(text(encodeFindingDates(decodeFindingDates(bytes(value))))).toBe(value);
  });

  test('the time of heartbeats and canaries', () => {
    expect(text(encodeTime(Date.UTC(2026, 0, 1)))).toBe('2026-01-01T00:00:00Z');
  });

  test('keys', () => {
    expect(HEARTBEAT_KEY).toBe('cilium/.heartbeat');
    expect(clusterConfigKey(CLUSTER)).toBe('cilium/cluster-config/cluster3');
    expect(syncedKey(CLUSTER, 'ip')).toBe('cilium/synced/cluster3/cilium/state/ip/v1');
    expect(syncedKey(CLUSTER, 'specs')).toBe('cilium/synced/cluster3/clustermesh/v1/services');
    expect(syncedKey(CLUSTER, 'heads')).toBe('cilium/synced/cluster3/clustermesh/v1/heads');
    expect(syncedKey(CLUSTER, 'slices')).toBe('cilium/synced/cluster3/clustermesh/v1/slices');
    expect(cacheSyncedKey(CLUSTER, 'ip')).toBe('cilium/synced/cluster3/cilium/cache/ip/v1');
    expect(parseSyncedKey(syncedKey(CLUSTER, 'ip'))).toEqual({ cluster: CLUSTER, prefix: 'cilium/state/ip/v1' });
    expect(cardKey(CLUSTER)).toBe('clustermesh/v1/cards/cluster3');
    expect(admittedCardKey(CLUSTER)).toBe('clustermesh/v1/admitted/cluster3');
    expect(FINDING_DATES_KEY).toBe('clustermesh/v1/findings/since');
    expect(localServiceKey('shop/cart' as ServiceKey)).toBe('clustermesh/v1/local/services/shop/cart');
    expect(localHeadKey('shop/cart' as ServiceKey)).toBe('clustermesh/v1/local/heads/shop/cart');
    expect(localSliceKey({ service: 'shop/cart' as ServiceKey, slice: 'cart-x7' })).toBe(
      'clustermesh/v1/local/slices/shop/cart/cart-x7',
    );
    expect(localPiecesCanary(CLUSTER)).toBe('cilium/synced/cluster3/clustermesh/v1/local/slices');
    expect(identityAllocationKey(196915)).toBe('clustermesh/v1/identities/196915');
    expect(parseIdentityAllocationKey('clustermesh/v1/identities/0196915')).toBeUndefined();
    expect(peerRecordKey(CLUSTER)).toBe('clustermesh/v1/peers/cluster3');
    expect(parsePeerRecordKey(peerRecordKey(CLUSTER))).toBe(CLUSTER);
    const quarantined = quarantineKey(CLUSTER, 'cilium/state/ip/v1/default/10.9.0.0/16');
    expect(quarantined).toBe('clustermesh/v1/quarantine/cluster3/cilium/state/ip/v1/default/10.9.0.0/16');
    expect(parseQuarantineKey(quarantined)).toEqual({ peer: CLUSTER, key: 'cilium/state/ip/v1/default/10.9.0.0/16' });
  });
});
