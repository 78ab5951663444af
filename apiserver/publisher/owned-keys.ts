// Which keys of the cluster's etcd the publisher writes, alone: what it publishes itself, and nothing that is cached of peers.

import type { ClusterName } from '../../mesh/model/names.ts';
import { cardKey } from '../../mesh/wire/card.ts';
import { clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import { LOCAL_SERVICES_PREFIX } from '../../mesh/wire/local-service.ts';
import { LOCAL_HEADS_PREFIX, LOCAL_SLICES_PREFIX, localPiecesCanary } from '../../mesh/wire/local-slice.ts';
import type { RecordKindName } from '../../mesh/wire/record.ts';
import { RECORD_KIND_NAMES } from '../../mesh/wire/record-kinds.ts';
import { isStateKey, KEY_LAYOUTS, kindOfKey, stateKey, statePrefix } from '../../mesh/wire/state-keys.ts';
import { HEARTBEAT_KEY, SYNCED_ROOT, syncedKey } from '../../mesh/wire/synced.ts';

export interface OwnedKeys {
  readonly config: string;
  readonly card: string;
  readonly heartbeat: string;
  readonly canaryOf: (kind: RecordKindName) => string;
  /** Those of all kinds, and the one of the local services in pieces. */
  readonly canaries: readonly string[];
  /** Everything under those that end in `/`, and the others themselves. */
  readonly prefixes: readonly string[];
  readonly owns: (key: string) => boolean;
  /** The record's kind, `localServices`, or empty for what there is one of. */
  readonly kindOf: (key: string) => RecordKindName | 'localServices' | '';
  /** What peers need of this cluster first does not wait behind what there is much of. */
  readonly isUrgent: (key: string) => boolean;
  /** For a canary, what has to be there before it. */
  readonly goesBefore: (key: string) => ((other: string) => boolean) | undefined;
}

const LOCAL_PREFIXES = [LOCAL_SERVICES_PREFIX, LOCAL_HEADS_PREFIX, LOCAL_SLICES_PREFIX];

export function ownedKeys(cluster: ClusterName): OwnedKeys {
  const config = clusterConfigKey(cluster);
  const card = cardKey(cluster);
  const urgent = new Set([config, card, HEARTBEAT_KEY]);
  const kindOfCanary = new Map(RECORD_KIND_NAMES.map((kind) => [syncedKey(cluster, kind), kind]));
  const localPieces = localPiecesCanary(cluster);
  const prefixes = [
    ...RECORD_KIND_NAMES.map((kind) => stateKey(KEY_LAYOUTS[kind], cluster, '')),
    `${SYNCED_ROOT}${cluster}/`,
    ...LOCAL_PREFIXES,
    ...urgent,
  ];
  return {
    config,
    card,
    heartbeat: HEARTBEAT_KEY,
    canaryOf: (kind) => syncedKey(cluster, kind),
    canaries: [...RECORD_KIND_NAMES.map((kind) => syncedKey(cluster, kind)), localPieces],
    prefixes,
    owns: (key) => prefixes.some((prefix) => (prefix.endsWith('/') ? key.startsWith(prefix) : key === prefix)),
    kindOf: (key) =>
      key.startsWith(LOCAL_HEADS_PREFIX) ? 'localServices' : isStateKey(key) ? (kindOfKey(key) ?? '') : '',
    isUrgent: (key) => urgent.has(key),
    goesBefore: (key) => {
      if (key === localPieces) return (other) => LOCAL_PREFIXES.some((prefix) => other.startsWith(prefix));
      const kind = kindOfCanary.get(key);
      if (kind === undefined) return undefined;
      const states = statePrefix(kind);
      if (kind !== 'services') return (other) => other.startsWith(states);
      return (other) => other.startsWith(states) || other.startsWith(LOCAL_SERVICES_PREFIX);
    },
  };
}
