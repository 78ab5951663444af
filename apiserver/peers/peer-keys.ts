// Which keys of a peer are read, and what they are for. A door answers only for whole allowed prefixes, so each of them is
// watched by itself.

import type { ClusterName } from '../../mesh/model/names.ts';
import { KEY_LAYOUTS, stateKey } from '../../mesh/wire/state-keys.ts';
import { syncedKey } from '../../mesh/wire/synced.ts';
import { bundleKey } from '../../mesh/wire/trust-bundle.ts';

/** The record types without whose canary a peer's state is incomplete. */
const CANARY_PREFIXES = [
  'cilium/state/nodes/v1',
  'cilium/state/services/v1',
  'cilium/state/identities/v1',
  'cilium/state/ip/v1',
];

export interface PeerKeys {
  readonly config: string;
  readonly card: string;
  /** Which authorities the peer announces; only a peer whose card offers it is asked. */
  readonly bundle: string;
  readonly heartbeat: string;
  readonly canaries: readonly string[];
  readonly isCanary: (key: string) => boolean;
  readonly prefixes: readonly string[];
  /** Without the card, which a plain Cilium cluster's etcd refuses to show. */
  readonly plainPrefixes: readonly string[];
  /** How the peer exports its services, and the canary of that; only a peer whose card offers it is asked. */
  readonly specs: { readonly prefix: string; readonly canary: string };
}

export function peerKeys(peer: ClusterName): PeerKeys {
  const config = `cilium/cluster-config/${peer}`;
  const card = `clustermesh/v1/cards/${peer}`;
  const bundle = bundleKey(peer);
  const heartbeat = 'cilium/.heartbeat';
  const synced = `cilium/synced/${peer}/`;
  const plainPrefixes = ['cilium/state/', config, synced, heartbeat];
  return {
    config,
    card,
    bundle,
    heartbeat,
    canaries: CANARY_PREFIXES.map((prefix) => synced + prefix),
    isCanary: (key) => key.startsWith(synced),
    prefixes: [...plainPrefixes, card],
    plainPrefixes,
    specs: { prefix: stateKey(KEY_LAYOUTS.specs, peer, ''), canary: syncedKey(peer, 'specs') },
  };
}
