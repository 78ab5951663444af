// Which value a key of the cluster's own etcd is to have, as far as it stems from a peer. A pure function of the key and of
// what is known of the peers: whoever asks twice gets the same answer, and nobody needs to remember what was written.

import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { CARDS_PREFIX, cardKey } from '../../mesh/wire/card.ts';
import { CLUSTER_CONFIG_PREFIX, clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import { encodePeerRecord, PEERS_PREFIX, peerRecordKey } from '../../mesh/wire/peer-record.ts';
import { QUARANTINE_PREFIX, quarantineKey } from '../../mesh/wire/quarantine.ts';
import { CILIUM_KIND_NAMES, cacheKeyOf, sourceOfCacheKey } from '../../mesh/wire/record-kinds.ts';
import { isCacheKey } from '../../mesh/wire/state-keys.ts';
import { cacheSyncedKey, SYNCED_ROOT } from '../../mesh/wire/synced.ts';
import type { ReflectedPeer } from './port.ts';

export type Wish =
  | { readonly type: 'value'; readonly value: Uint8Array }
  /** The key is to exist; what it says does not matter (canaries). */
  | { readonly type: 'presence' }
  | { readonly type: 'absence' }
  /** Not known yet: what is there stays. */
  | { readonly type: 'unknown' };

const UNKNOWN: Wish = { type: 'unknown' };
const ABSENCE: Wish = { type: 'absence' };

/** Beside the cache, the prefixes below which every key names a peer, and is the reflector's. */
const NAMED_PREFIXES = [CLUSTER_CONFIG_PREFIX, SYNCED_ROOT, CARDS_PREFIX, PEERS_PREFIX, QUARANTINE_PREFIX];

/** A key of the own etcd that stems from a peer. */
export interface PeersKey {
  readonly key: string;
  readonly peer: ClusterName;
  /** The peer's own key, of which this is the cached one. */
  readonly source: string | undefined;
}

/** `undefined` for the own cluster's keys and for keys that nobody here writes. */
export function locate(key: string, self: ClusterName): PeersKey | undefined {
  const isCached = isCacheKey(key);
  const cached = isCached ? sourceOfCacheKey(key) : undefined;
  const name = isCached ? cached?.peer : nameBehindPrefix(key);
  if (name === undefined || name === self) return undefined;
  const parsed = parseClusterName(name);
  return parsed.ok ? { key, peer: parsed.value, source: cached?.key } : undefined;
}

function nameBehindPrefix(key: string): string | undefined {
  const prefix = NAMED_PREFIXES.find((candidate) => key.startsWith(candidate));
  if (prefix === undefined) return undefined;
  const rest = key.slice(prefix.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : rest.slice(0, slash);
}

/** `reflected`: peers whose whole admitted state has been written, so that their canaries may stand. */
export function wishFor(
  located: PeersKey,
  peer: ReflectedPeer | undefined,
  peersKnown: boolean,
  reflected: ReadonlySet<ClusterName>,
): Wish {
  const { key, peer: name } = located;
  if (peer === undefined) return peersKnown ? ABSENCE : UNKNOWN;
  if (key === peerRecordKey(name)) return { type: 'value', value: encodePeerRecord(peer.record) };
  if (key.startsWith(SYNCED_ROOT)) {
    const canary = CILIUM_KIND_NAMES.some((kind) => cacheSyncedKey(name, kind) === key);
    if (!canary) return ABSENCE;
    return reflected.has(name) ? { type: 'presence' } : UNKNOWN;
  }
  const value = valueFor(located, peer);
  if (value !== undefined) return { type: 'value', value };
  return peer.complete ? ABSENCE : UNKNOWN;
}

function valueFor({ key, peer: name, source }: PeersKey, peer: ReflectedPeer): Uint8Array | undefined {
  if (source !== undefined) return peer.admitted.get(source);
  if (key === clusterConfigKey(name)) return peer.config;
  if (key === cardKey(name)) return peer.card;
  return peer.quarantined.get(key.slice(quarantineKey(name, '').length));
}

/** The keys for which a change of one of the peer's own records matters here: where it is when admitted, and when withheld. */
export function keysOfRecord(
  peer: ClusterName,
  key: string,
): { readonly cached: string | undefined; readonly withheld: string } {
  return { cached: cacheKeyOf(peer, key), withheld: quarantineKey(peer, key) };
}

export const declarationKeys = (name: ClusterName): readonly string[] => [
  peerRecordKey(name),
  clusterConfigKey(name),
  cardKey(name),
];

/** Every key that a peer's present state asks for, but for the canaries. */
export function* keysOfPeer(name: ClusterName, peer: ReflectedPeer): Generator<string> {
  yield* declarationKeys(name);
  for (const key of peer.admitted.keys()) yield cacheKeyOf(name, key) ?? quarantineKey(name, key);
  for (const key of peer.quarantined.keys()) yield quarantineKey(name, key);
}

export const canariesOfPeer = (name: ClusterName): readonly string[] =>
  CILIUM_KIND_NAMES.map((kind) => cacheSyncedKey(name, kind));
