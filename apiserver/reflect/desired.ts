// Which value a key of the cluster's own etcd is to have, as far as it stems from a peer. A pure function of the key and of
// what is known of the peers: whoever asks twice gets the same answer, and nobody needs to remember what was written.

import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { CARDS_PREFIX, cardKey } from '../../mesh/wire/card.ts';
import { CLUSTER_CONFIG_PREFIX, clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import { encodePeerRecord, PEERS_PREFIX, peerRecordKey } from '../../mesh/wire/peer-record.ts';
import { QUARANTINE_PREFIX, quarantineKey } from '../../mesh/wire/quarantine.ts';
import { cacheKeyOf, RECORD_KIND_NAMES, sourceOfCacheKey } from '../../mesh/wire/record-kinds.ts';
import { CACHE_ROOT } from '../../mesh/wire/state-keys.ts';
import { cacheSyncedKey, SYNCED_ROOT } from '../../mesh/wire/synced.ts';
import type { ReflectedPeer, ReflectedPeers } from './port.ts';

export type Wish =
  | { readonly type: 'value'; readonly value: Uint8Array }
  /** The key is to exist; what it says does not matter (canaries). */
  | { readonly type: 'presence' }
  | { readonly type: 'absence' }
  /** Not known yet: what is there stays. */
  | { readonly type: 'unknown' };

const UNKNOWN: Wish = { type: 'unknown' };
const ABSENCE: Wish = { type: 'absence' };

/** The prefixes below which every key that names a peer is the reflector's. */
export const REFLECTED_PREFIXES = [
  CACHE_ROOT,
  CLUSTER_CONFIG_PREFIX,
  SYNCED_ROOT,
  CARDS_PREFIX,
  PEERS_PREFIX,
  QUARANTINE_PREFIX,
];

/** The peer that a key belongs to; `undefined` for the own cluster's keys and for keys that nobody here writes. */
export function peerOfKey(key: string, self: ClusterName): ClusterName | undefined {
  const name = key.startsWith(CACHE_ROOT) ? sourceOfCacheKey(key)?.peer : nameBehindPrefix(key);
  if (name === undefined || name === self) return undefined;
  const parsed = parseClusterName(name);
  return parsed.ok ? parsed.value : undefined;
}

function nameBehindPrefix(key: string): string | undefined {
  const prefix = REFLECTED_PREFIXES.find((candidate) => key.startsWith(candidate));
  if (prefix === undefined) return undefined;
  const rest = key.slice(prefix.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : rest.slice(0, slash);
}

/** `reflected`: peers whose whole admitted state has been written, so that their canaries may stand. */
export function wishFor(
  key: string,
  peerName: ClusterName,
  peers: ReflectedPeers,
  reflected: ReadonlySet<ClusterName>,
): Wish {
  const peer = peers.peer(peerName);
  if (peer === undefined) return peers.known ? ABSENCE : UNKNOWN;
  if (key === peerRecordKey(peerName)) return { type: 'value', value: encodePeerRecord(peer.record) };
  if (key.startsWith(SYNCED_ROOT)) {
    const canary = RECORD_KIND_NAMES.some((kind) => cacheSyncedKey(peerName, kind) === key);
    if (!canary) return ABSENCE;
    return reflected.has(peerName) ? { type: 'presence' } : UNKNOWN;
  }
  const value = valueFor(key, peerName, peer);
  if (value !== undefined) return { type: 'value', value };
  return peer.complete ? ABSENCE : UNKNOWN;
}

function valueFor(key: string, peerName: ClusterName, peer: ReflectedPeer): Uint8Array | undefined {
  if (key.startsWith(CACHE_ROOT)) return peer.admitted.get(sourceOfCacheKey(key)?.key ?? '');
  if (key === clusterConfigKey(peerName)) return peer.config;
  if (key === cardKey(peerName)) return peer.card;
  return peer.quarantined.get(key.slice(quarantineKey(peerName, '').length));
}

/** The key for which a change of one of the peer's own records matters here, admitted and withheld. */
export function keysOfRecord(peer: ClusterName, key: string): readonly string[] {
  const cached = cacheKeyOf(peer, key);
  return cached === undefined ? [quarantineKey(peer, key)] : [cached, quarantineKey(peer, key)];
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
  RECORD_KIND_NAMES.map((kind) => cacheSyncedKey(name, kind));
