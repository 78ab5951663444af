// STABLE: `cilium/synced/<cluster>/<prefix>`, RFC 3339 time: a canary, written when everything under the prefix has been. And
// `cilium/.heartbeat`, RFC 3339 time: readers note its arrival and ignore what it says, which makes it immune to clock skew.

import type { ClusterName } from '../model/names.ts';
import type { CiliumKindName, RecordKindName } from './record.ts';
import { KEY_LAYOUTS } from './state-keys.ts';

export { encodeTime } from './time.ts';

export const HEARTBEAT_KEY = 'cilium/.heartbeat';
export const SYNCED_ROOT = 'cilium/synced/';

/** The canary of what the cluster publishes itself. */
export const syncedKey = (cluster: ClusterName, kind: RecordKindName): string =>
  `${SYNCED_ROOT}${cluster}/${KEY_LAYOUTS[kind].statePrefix.slice(0, -1)}`;

/**
 * The canary of what is cached here of another cluster. That of `heads` says that its services are here in pieces, all of them; it
 * is for our own readers, which without it go by the whole services.
 */
export const cacheSyncedKey = (cluster: ClusterName, kind: CiliumKindName | 'heads'): string =>
  `${SYNCED_ROOT}${cluster}/${KEY_LAYOUTS[kind].cachePrefix.slice(0, -1)}`;

export interface SyncedKeyParts {
  readonly cluster: string;
  /** Everything below it has been written: `cilium/state/ip/v1`. */
  readonly prefix: string;
}

export function parseSyncedKey(key: string): SyncedKeyParts | undefined {
  if (!key.startsWith(SYNCED_ROOT)) return undefined;
  const slash = key.indexOf('/', SYNCED_ROOT.length);
  if (slash <= SYNCED_ROOT.length || slash === key.length - 1) return undefined;
  return { cluster: key.slice(SYNCED_ROOT.length, slash), prefix: key.slice(slash + 1) };
}
