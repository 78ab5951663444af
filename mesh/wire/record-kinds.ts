// All record types that clusters exchange, by kind, and what a key belongs to.

import { type ClusterServiceRecord, clusterServiceKind } from './cluster-service.ts';
import { type IdentityRecord, identityKind } from './identity.ts';
import { type IpIdentityRecord, ipIdentityKind } from './ip-identity.ts';
import { type NodeRecord, nodeKind } from './node.ts';
import type { CiliumKindName, RecordKind, RecordKindName } from './record.ts';
import { type ServiceHeadRecord, serviceHeadKind } from './service-head.ts';
import { type ServiceSliceRecord, serviceSliceKind } from './service-slice.ts';
import { type ServiceSpecRecord, serviceSpecKind } from './service-spec.ts';
import { cacheKey, KEY_LAYOUTS, kindOfKey, parseRecordKey, stateKey } from './state-keys.ts';

export interface RecordValues {
  readonly services: ClusterServiceRecord;
  readonly nodes: NodeRecord;
  readonly identities: IdentityRecord;
  readonly ip: IpIdentityRecord;
  readonly specs: ServiceSpecRecord;
  readonly heads: ServiceHeadRecord;
  readonly slices: ServiceSliceRecord;
}

export const RECORD_KINDS: { readonly [K in RecordKindName]: RecordKind<RecordValues[K]> } = {
  services: clusterServiceKind,
  nodes: nodeKind,
  identities: identityKind,
  ip: ipIdentityKind,
  specs: serviceSpecKind,
  heads: serviceHeadKind,
  slices: serviceSliceKind,
};

export const RECORD_KIND_NAMES = Object.keys(RECORD_KINDS) as readonly RecordKindName[];

/** Those without whose canary what a cluster says is not complete, whoever it is. */
export const CILIUM_KIND_NAMES: readonly CiliumKindName[] = ['services', 'nodes', 'identities', 'ip'];

/** Where a peer's state key is cached here; `undefined` for a key of no record kind. */
export function cacheKeyOf(peer: string, key: string): string | undefined {
  const kind = kindOfKey(key);
  if (kind === undefined) return undefined;
  const parts = parseRecordKey(KEY_LAYOUTS[kind], key);
  return parts.ok && !parts.value.cached ? cacheKey(KEY_LAYOUTS[kind], peer, parts.value.suffix) : undefined;
}

/** The peer and its own key that a cache key stands for. */
export function sourceOfCacheKey(key: string): { readonly peer: string; readonly key: string } | undefined {
  const kind = kindOfKey(key);
  if (kind === undefined) return undefined;
  const parts = parseRecordKey(KEY_LAYOUTS[kind], key);
  if (!parts.ok || !parts.value.cached || parts.value.cluster === undefined) return undefined;
  const { cluster, suffix } = parts.value;
  return { peer: cluster, key: stateKey(KEY_LAYOUTS[kind], cluster, suffix) };
}
