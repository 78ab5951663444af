// Which keys of a peer are read, and what they are for. A door answers only for whole allowed prefixes, so each of them is
// watched by itself.

import type { ClusterName } from '../../mesh/model/names.ts';
import { CILIUM_KIND_NAMES } from '../../mesh/wire/record-kinds.ts';
import { KEY_LAYOUTS, STATE_ROOT, stateKey } from '../../mesh/wire/state-keys.ts';
import { syncedKey } from '../../mesh/wire/synced.ts';
import { bundleKey } from '../../mesh/wire/trust-bundle.ts';

/** The record types without whose canary a peer's state is incomplete. */
const CANARY_PREFIXES = [
  'cilium/state/nodes/v1',
  'cilium/state/services/v1',
  'cilium/state/identities/v1',
  'cilium/state/ip/v1',
];

const PIECES = ['slices', 'heads'] as const;

export interface PeerKeys {
  readonly config: string;
  readonly card: string;
  /** Which authorities the peer announces; only a peer whose card offers it is asked. */
  readonly bundle: string;
  readonly heartbeat: string;
  readonly canaries: readonly string[];
  readonly isCanary: (key: string) => boolean;
  /** What the peer says of itself, of which there is little; else it is a record. */
  readonly isStatement: (key: string) => boolean;
  readonly prefixes: readonly string[];
  /** Without the card, which a plain Cilium cluster's etcd refuses to show. */
  readonly plainPrefixes: readonly string[];
  /** Services in pieces; a peer that offers them, and has them all, is asked for them instead of whole services. */
  readonly pieces: {
    /** Of the pieces and of all records but services. Slices before heads, as they are to be taken in. */
    readonly prefixes: readonly string[];
    readonly canaries: readonly string[];
  };
  /** How the peer exports its services, and the canary of that; only a peer whose card offers it is asked. */
  readonly specs: { readonly prefix: string; readonly canary: string };
}

export function peerKeys(peer: ClusterName): PeerKeys {
  const config = `cilium/cluster-config/${peer}`;
  const card = `clustermesh/v1/cards/${peer}`;
  const bundle = bundleKey(peer);
  const heartbeat = 'cilium/.heartbeat';
  const synced = `cilium/synced/${peer}/`;
  const statements = new Set([config, card, bundle, heartbeat]);
  const plainPrefixes = [STATE_ROOT, config, synced, heartbeat];
  return {
    config,
    card,
    bundle,
    heartbeat,
    canaries: CANARY_PREFIXES.map((prefix) => synced + prefix),
    isCanary: (key) => key.startsWith(synced),
    isStatement: (key) => statements.has(key) || key.startsWith(synced),
    prefixes: [...plainPrefixes, card],
    plainPrefixes,
    pieces: {
      prefixes: [
        ...PIECES.map((kind) => stateKey(KEY_LAYOUTS[kind], peer, '')),
        ...CILIUM_KIND_NAMES.filter((kind) => kind !== 'services').map((kind) => `${STATE_ROOT}${kind}/`),
      ],
      canaries: PIECES.map((kind) => syncedKey(peer, kind)),
    },
    specs: { prefix: stateKey(KEY_LAYOUTS.specs, peer, ''), canary: syncedKey(peer, 'specs') },
  };
}
