// A view that a test feeds as a mirror would, and the records that it is fed with: of the own cluster and of peers, whole and in pieces.

import type { ClusterId, ClusterName, IpAddress, Revision } from '../../mesh/model/names.ts';
import { serviceKey } from '../../mesh/model/names.ts';
import type { LocalService } from '../../mesh/model/service.ts';
import type { SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { type ClusterServiceRecord, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { encodeLocalService, localServiceKey } from '../../mesh/wire/local-service.ts';
import { encodeLocalSlice, localHeadKey, localPiecesCanary, localSliceKey } from '../../mesh/wire/local-slice.ts';
import { encodePeerRecord, type PeerFreshnessName, peerRecordKey } from '../../mesh/wire/peer-record.ts';
import { serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { type ServiceSliceRecord, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import type { StoreEvent } from '../store/port.ts';
import { createView } from './view.ts';

export const west = 'west' as ClusterName;
export const STORE = '00000000000000aa';
export const cart = serviceKey('shop', 'cart');
export const toBytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A view, and a hand that feeds it as a mirror would. */
export function fedView() {
  const view = createView({ cluster: { name: west, id: 1 as ClusterId }, clock: systemClock, log: silentLog });
  const published: { readonly next: MeshSnapshot; readonly delta: SnapshotDelta | undefined }[] = [];
  view.subscribe((next, delta) => published.push({ next, delta }));
  const feed = (
    revision: number,
    changes: Readonly<Record<string, Uint8Array | undefined>>,
    { relisted = false, storeId = STORE } = {},
  ) => {
    const events = Object.entries(changes).map(
      ([key, value]): StoreEvent =>
        value === undefined
          ? { type: 'delete', key, modRevision: revision }
          : { type: 'put', kv: { key, value, createRevision: 1, modRevision: revision, version: 1, lease: '0' } },
    );
    view.onBatch({ position: { storeId, revision: revision as Revision }, events, relisted });
  };
  const addresses = (service = cart) => {
    const there = view.current?.services.get(service);
    return there && Array.from(there.backends, ({ address }) => address);
  };
  return { view, published, feed, addresses };
}

export const local = (name: string, addresses: readonly string[], more: Partial<LocalService> = {}) => ({
  [localServiceKey(serviceKey('shop', name))]: encodeLocalService({
    key: serviceKey('shop', name),
    frontends: ['10.96.0.1' as IpAddress],
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    global: true,
    shared: true,
    affinity: 'none',
    backends: addresses.map((address) => ({
      address: address as IpAddress,
      cluster: west,
      clusterId: 1 as ClusterId,
      state: 'active',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    })),
    labels: {},
    selector: {},
    ...more,
  }),
});

export const localHead = (name: string, more: Partial<LocalService> = {}) => ({
  [localHeadKey(serviceKey('shop', name))]: Object.values(local(name, [], more))[0] ?? new Uint8Array(),
});

export const localSlice = (
  name: string,
  named: string,
  active: readonly string[],
  terminating: readonly string[] = [],
) => ({
  [localSliceKey({ service: serviceKey('shop', name), slice: named })]: encodeLocalSlice({
    ...{ key: serviceKey('shop', name), slice: named, cluster: west, clusterId: 1 },
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    active: active as readonly IpAddress[],
    terminating: (terminating as readonly IpAddress[]).filter((address) => !active.includes(address)),
  }),
});

export const LOCAL_IN_PIECES = { [localPiecesCanary(west)]: new TextEncoder().encode('2026-01-01T00:00:00Z') };

export const onHttp = (addresses: readonly string[]) =>
  Object.fromEntries(addresses.map((address) => [address, { http: { Protocol: 'TCP', Port: 8080 } }]));

export const whole = (
  cluster: string,
  name: string,
  addresses: readonly string[],
  more: Partial<ClusterServiceRecord> = {},
): ClusterServiceRecord => ({
  cluster,
  namespace: 'shop',
  name,
  frontends: {},
  backends: onHttp(addresses),
  labels: {},
  selector: {},
  includeExternal: true,
  shared: true,
  clusterID: 2,
  ...more,
});

export const cachedAs = (record: ClusterServiceRecord) => ({
  [`cilium/cache/services/v1/${record.cluster}/shop/${record.name}`]: clusterServiceKind.encode(record),
});

export const cached = (...record: Parameters<typeof whole>) => cachedAs(whole(...record));

export const head = (cluster: string, name: string, more: Partial<ClusterServiceRecord> = {}) => ({
  [`clustermesh/v1/cache/heads/${cluster}/shop/${name}`]: serviceHeadKind.encode(whole(cluster, name, [], more)),
});

export const slice = (
  cluster: string,
  name: string,
  sliceName: string,
  backends: ServiceSliceRecord['backends'],
  clusterID = 2,
) => ({
  [`clustermesh/v1/cache/slices/${cluster}/shop/${name}/${sliceName}`]: serviceSliceKind.encode({
    ...{ cluster, namespace: 'shop', name, slice: sliceName, clusterID, backends },
  }),
});

/** Says that everything of the cluster is there in pieces. */
export const inPieces = (cluster: string) => ({
  [`cilium/synced/${cluster}/clustermesh/v1/cache/heads`]: new TextEncoder().encode('2026-01-01T00:00:00Z'),
});

export const peer = (name: string, freshness: PeerFreshnessName) => ({
  [peerRecordKey(name as ClusterName)]: encodePeerRecord({ name, id: 2, freshness, synced: true }),
});
