// STABLE: `cilium/synced/<cluster>/<prefix>`, RFC 3339 time: a canary, written when everything under the prefix has been. And
// `cilium/.heartbeat`, RFC 3339 time: readers note its arrival and ignore what it says, which makes it immune to clock skew.

import type { ClusterName } from '../model/names.ts';
import { encodeText } from './json.ts';
import type { RecordKindName } from './record.ts';
import { CACHE_ROOT, STATE_ROOT } from './state-keys.ts';

export const HEARTBEAT_KEY = 'cilium/.heartbeat';
export const SYNCED_ROOT = 'cilium/synced/';

/** The canary of what the cluster publishes itself. */
export const syncedKey = (cluster: ClusterName, kind: RecordKindName): string =>
  `${SYNCED_ROOT}${cluster}/${STATE_ROOT}${kind}/v1`;

/** The canary of what is cached here of another cluster. */
export const cacheSyncedKey = (cluster: ClusterName, kind: RecordKindName): string =>
  `${SYNCED_ROOT}${cluster}/${CACHE_ROOT}${kind}/v1`;

/** `2026-01-01T00:00:00Z`: whole seconds, as Go's RFC3339 layout writes them. */
export function encodeTime(epochMs: number): Uint8Array {
  return encodeText(`${new Date(epochMs).toISOString().slice(0, 19)}Z`);
}
