// Which value a key of the cluster's own etcd is to have, as far as it stems from a peer. A pure function of the key and of
// what is known of the peers: whoever asks twice gets the same answer, and nobody needs to remember what was written.

import { wholeKeyOf } from '../../mesh/conflict/pieces.ts';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { CARDS_PREFIX, cardKey } from '../../mesh/wire/card.ts';
import { CLUSTER_CONFIG_PREFIX, clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import { encodePeerRecord, PEERS_PREFIX, peerRecordKey } from '../../mesh/wire/peer-record.ts';
import { QUARANTINE_PREFIX, quarantineKey } from '../../mesh/wire/quarantine.ts';
import { CILIUM_KIND_NAMES, cacheKeyOf, sourceOfCacheKey } from '../../mesh/wire/record-kinds.ts';
import { isCacheKey, KEY_LAYOUTS, kindOfKey, OWN_CACHE_ROOTS, OWN_STATE_ROOTS } from '../../mesh/wire/state-keys.ts';
import { cacheSyncedKey, SYNCED_ROOT } from '../../mesh/wire/synced.ts';
import type { KeyOfPeer, ReflectedPeer } from './port.ts';

export type Wish =
  | { readonly type: 'value'; readonly value: Uint8Array }
  /** The key is to exist; what it says does not matter (canaries). */
  | { readonly type: 'presence' }
  | { readonly type: 'absence' }
  /** Not known yet: what is there stays. */
  | { readonly type: 'unknown' };

const UNKNOWN: Wish = { type: 'unknown' };
const ABSENCE: Wish = { type: 'absence' };
const PRESENCE: Wish = { type: 'presence' };

/** Beside the cache, the prefixes below which every key names a peer, and is the reflector's. */
const NAMED_PREFIXES = [CLUSTER_CONFIG_PREFIX, SYNCED_ROOT, CARDS_PREFIX, PEERS_PREFIX, QUARANTINE_PREFIX];

/** A key of the own etcd that stems from a peer. */
export interface PeersKey extends KeyOfPeer {
  /** The peer's own key, of which this is the cached one. */
  readonly source: string | undefined;
  /** It is a copy of a whole service, which is made of the pieces where there are any. */
  readonly isWhole: boolean;
}

/**
 * In which form what a peer says of services has been written here, all of it. `copies`: in pieces, and the copies that are made of them
 * for Cilium's readers.
 */
export type LandedForm = 'whole' | 'pieces' | 'copies';

export interface Landing {
  /** Peers whose whole admitted state has been written, so that their canaries may stand. */
  readonly landed: ReadonlyMap<ClusterName, LandedForm>;
  /** Whether the own etcd has the key. */
  readonly has: (key: string) => boolean;
}

/** `undefined` for the own cluster's keys and for keys that nobody here writes. */
export function locate(key: string, self: ClusterName): PeersKey | undefined {
  const isCached = isCacheKey(key);
  const cached = isCached ? sourceOfCacheKey(key) : undefined;
  const name = isCached ? cached?.peer : nameBehindPrefix(key);
  if (name === undefined || name === self) return undefined;
  const parsed = parseClusterName(name);
  if (!parsed.ok) return undefined;
  return { key, peer: parsed.value, source: cached?.key, isWhole: key.startsWith(WHOLE_PREFIX) };
}

function nameBehindPrefix(key: string): string | undefined {
  const prefix = NAMED_PREFIXES.find((candidate) => key.startsWith(candidate));
  if (prefix === undefined) return undefined;
  const rest = key.slice(prefix.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : rest.slice(0, slash);
}

/** Without the whole services that are made of pieces: composed.ts. */
export function wishFor(
  located: PeersKey,
  peer: ReflectedPeer | undefined,
  peersKnown: boolean,
  { landed, has }: Landing,
): Wish {
  const { key, peer: name } = located;
  if (peer === undefined) return peersKnown ? ABSENCE : UNKNOWN;
  if (key === peerRecordKey(name)) return { type: 'value', value: encodePeerRecord(peer.record) };
  if (key === piecesCanary(name)) {
    // Readers go by the pieces while it stands. So it comes after them, and goes once the whole services are there again.
    const form = landed.get(name);
    if (form === undefined || (form === 'whole') === peer.inPieces) return UNKNOWN;
    return peer.inPieces ? PRESENCE : ABSENCE;
  }
  if (key.startsWith(SYNCED_ROOT)) {
    const kind = CILIUM_KIND_NAMES.find((one) => cacheSyncedKey(name, one) === key);
    if (kind === undefined) return ABSENCE;
    const isThere = kind === 'services' && peer.inPieces ? landed.get(name) === 'copies' : landed.has(name);
    return isThere ? PRESENCE : UNKNOWN;
  }
  const value = valueFor(located, peer);
  if (value !== undefined) return { type: 'value', value };
  if (!peer.complete) return UNKNOWN;
  const isInUse = !peer.inPieces && isPiece(key) && has(piecesCanary(name));
  return isInUse ? UNKNOWN : ABSENCE;
}

/** Where everything that waited has been written. `areRead`: the canary of the pieces stands. */
export const landedForm = ({ inPieces }: ReflectedPeer, areRead: boolean): LandedForm =>
  inPieces ? (areRead ? 'copies' : 'pieces') : 'whole';
/** Says that a peer's services are here in pieces, all of them. */
export const piecesCanary = (name: ClusterName): string => cacheSyncedKey(name, 'heads');

const WHOLE_PREFIX = KEY_LAYOUTS.services.cachePrefix;
const isPiece = (key: string): boolean =>
  key.startsWith(OWN_CACHE_ROOTS.heads) || key.startsWith(OWN_CACHE_ROOTS.slices);

function valueFor({ key, peer: name, source }: PeersKey, peer: ReflectedPeer): Uint8Array | undefined {
  if (source !== undefined) return peer.admitted.get(source);
  if (key === clusterConfigKey(name)) return peer.config;
  if (key === cardKey(name)) return peer.card;
  return peer.quarantined.get(key.slice(quarantineKey(name, '').length));
}

/** The copy of the whole service that a piece is part of. */
export function wholeCopyOf(peer: ClusterName, key: string): string | undefined {
  const kind = kindOfKey(key);
  const whole = kind === 'heads' || kind === 'slices' ? wholeKeyOf({ kind, key }) : undefined;
  return whole === undefined ? undefined : cacheKeyOf(peer, whole);
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
  yield* wholeCopiesOf(name, peer);
  for (const key of peer.quarantined.keys()) yield quarantineKey(name, key);
}

/** The copies of services that the peer has in pieces. */
export function* wholeCopiesOf(name: ClusterName, { admitted }: ReflectedPeer): Generator<string> {
  for (const key of admitted.keys()) {
    const whole = key.startsWith(OWN_STATE_ROOTS.heads) ? wholeCopyOf(name, key) : undefined;
    if (whole !== undefined) yield whole;
  }
}

export const canariesOfPeer = (name: ClusterName): readonly string[] => [
  ...CILIUM_KIND_NAMES.map((kind) => cacheSyncedKey(name, kind)),
  piecesCanary(name),
];
