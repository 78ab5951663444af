// Which keys a client of the door may read, by who it is. An interval is checked whole, open ends included: what reaches beyond
// is refused and never trimmed, because a client that is answered with less than it asked for takes the rest for empty. Pure.

import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { CARDS_PREFIX, cardKey, SERVICE_PIECES, SERVICE_SPECS, TRUST_BUNDLE } from '../../mesh/wire/card.ts';
import { CLUSTER_CONFIG_PREFIX, clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import { CACHE_ROOT, OWN_CACHE_ROOTS, OWN_STATE_ROOTS, STATE_ROOT } from '../../mesh/wire/state-keys.ts';
import { HEARTBEAT_KEY, SYNCED_ROOT } from '../../mesh/wire/synced.ts';
import { bundleKey } from '../../mesh/wire/trust-bundle.ts';
import { NOTHING_WITHHELD, type Withheld } from '../withheld.ts';
import { byteKeyOfText, holdsInterval, intervalText, type KeyInterval, prefixInterval, singleKey } from './byte-key.ts';

/**
 * peer: another cluster, which sees what this one shares. local: an agent of this cluster, which sees what was admitted from
 * the others. admin: a person of this cluster, who sees both.
 */
export type ClientKind = 'peer' | 'local' | 'admin';

export interface Access {
  /** The error says what is allowed. */
  check(interval: KeyInterval): Result<undefined, string>;
}

/** `own` is the cluster whose door this is; what is withheld is refused to peers, as by the door of a version that does not have it. */
export function accessOf(kind: ClientKind, own: ClusterName, withheld: Withheld = NOTHING_WITHHELD): Access {
  const grants = grantsOf(kind, own, withheld);
  const allowed = grants.map(({ name }) => name).join(', ');
  return {
    check(interval) {
      if (grants.some((grant) => holdsInterval(grant.interval, interval))) return ok(undefined);
      return err(`${intervalText(interval)} is not within one of ${allowed}`);
    },
  };
}

interface Grant {
  readonly name: string;
  readonly interval: KeyInterval;
}

function grantsOf(kind: ClientKind, own: ClusterName, withheld: Withheld): readonly Grant[] {
  switch (kind) {
    case 'peer':
      return [
        prefix(STATE_ROOT),
        ...OFFERED_ROOTS.filter(({ by }) => !withheld.has(by)).map(({ root }) => prefix(`${root}${own}/`)),
        key(clusterConfigKey(own)),
        prefix(`${SYNCED_ROOT}${own}/`),
        HEARTBEAT,
        key(cardKey(own)),
        ...(withheld.has(TRUST_BUNDLE) ? [] : [key(bundleKey(own))]),
        HEALTH_PROBE,
      ];
    case 'local':
      return LOCAL;
    case 'admin':
      return [
        prefix(STATE_ROOT),
        ...[OWN_STATE_ROOTS, OWN_CACHE_ROOTS].flatMap((roots) => Object.values(roots).map(prefix)),
        ...LOCAL,
      ];
    default:
      return kind satisfies never;
  }
}

/** What is there for peers beyond Cilium's schema, by the capability that tells of it. */
const OFFERED_ROOTS = [
  { root: OWN_STATE_ROOTS.specs, by: SERVICE_SPECS },
  { root: OWN_STATE_ROOTS.heads, by: SERVICE_PIECES },
  { root: OWN_STATE_ROOTS.slices, by: SERVICE_PIECES },
] as const;

const prefix = (name: string): Grant => ({ name: `${name}*`, interval: prefixInterval(name) });
const key = (name: string): Grant => ({ name, interval: singleKey(byteKeyOfText(name)) });

/** Cilium's clients watch this key as a prefix, without a slash behind it; nothing else starts like this. */
const HEARTBEAT = prefix(HEARTBEAT_KEY);

/** What `etcdctl endpoint health` reads to see whether it is answered; the key never exists. */
const HEALTH_PROBE = key('health');

const LOCAL: readonly Grant[] = [
  prefix(CACHE_ROOT),
  prefix(CLUSTER_CONFIG_PREFIX),
  prefix(SYNCED_ROOT),
  HEARTBEAT,
  prefix(CARDS_PREFIX),
  HEALTH_PROBE,
];
