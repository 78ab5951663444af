// STABLE: the layout of Cilium's record keys. Under `cilium/state/` services and nodes name their cluster, identities and ip
// do not; under `cilium/cache/` every key names the cluster that it came from.

import { err, ok, type Result } from '../model/result.ts';
import type { KeyParts, RecordKind, RecordKindName } from './record.ts';

export interface KeyLayout {
  readonly kind: RecordKindName;
  /** The state key names the cluster behind the version. */
  readonly keyedByCluster: boolean;
  /** Fixed part behind the version in state keys: `id/`, `default/`. */
  readonly stateInfix: string;
  /** The same in cache keys, behind the cluster. */
  readonly cacheInfix: string;
}

export const KEY_LAYOUTS: Readonly<Record<RecordKindName, KeyLayout>> = {
  services: { kind: 'services', keyedByCluster: true, stateInfix: '', cacheInfix: '' },
  nodes: { kind: 'nodes', keyedByCluster: true, stateInfix: '', cacheInfix: '' },
  identities: { kind: 'identities', keyedByCluster: false, stateInfix: 'id/', cacheInfix: 'id/' },
  ip: { kind: 'ip', keyedByCluster: false, stateInfix: 'default/', cacheInfix: '' },
};

export const STATE_ROOT = 'cilium/state/';
export const CACHE_ROOT = 'cilium/cache/';

export const statePrefix = (kind: RecordKindName): string => `${STATE_ROOT}${kind}/v1/`;
export const cachePrefix = (kind: RecordKindName, cluster: string): string => `${CACHE_ROOT}${kind}/v1/${cluster}/`;

export function stateKey({ kind, keyedByCluster, stateInfix }: KeyLayout, cluster: string, suffix: string): string {
  return `${statePrefix(kind)}${keyedByCluster ? `${cluster}/` : stateInfix}${suffix}`;
}

export function cacheKey(layout: KeyLayout, cluster: string, suffix: string): string {
  return `${cachePrefix(layout.kind, cluster)}${layout.cacheInfix}${suffix}`;
}

export function parseRecordKey(layout: KeyLayout, key: string): Result<KeyParts, string> {
  const state = statePrefix(layout.kind);
  if (key.startsWith(state)) {
    const rest = key.slice(state.length);
    return layout.keyedByCluster ? withCluster(rest, '', false) : withoutCluster(rest, layout.stateInfix);
  }
  const cache = `${CACHE_ROOT}${layout.kind}/v1/`;
  if (key.startsWith(cache)) return withCluster(key.slice(cache.length), layout.cacheInfix, true);
  return err(`not a key of ${layout.kind}`);
}

/** The part of a record kind that follows from its layout. */
export function recordKeys(
  layout: KeyLayout,
): Pick<RecordKind<never>, 'kind' | 'statePrefix' | 'stateKey' | 'cacheKey' | 'parseKey'> {
  return {
    kind: layout.kind,
    statePrefix: statePrefix(layout.kind),
    stateKey: (cluster, suffix) => stateKey(layout, cluster, suffix),
    cacheKey: (cluster, key) => {
      const parts = parseRecordKey(layout, key);
      return cacheKey(layout, cluster, parts.ok ? parts.value.suffix : key);
    },
    parseKey: (key) => parseRecordKey(layout, key),
  };
}

/** The kind of a state or cache key, `undefined` for keys of no record kind. */
export function kindOfKey(key: string): RecordKindName | undefined {
  for (const root of [STATE_ROOT, CACHE_ROOT]) {
    if (!key.startsWith(root)) continue;
    const name = key.slice(root.length, key.indexOf('/', root.length));
    return Object.hasOwn(KEY_LAYOUTS, name) ? (name as RecordKindName) : undefined;
  }
  return undefined;
}

function withCluster(rest: string, infix: string, cached: boolean): Result<KeyParts, string> {
  const slash = rest.indexOf('/');
  if (slash < 1) return err('names no cluster');
  const behind = rest.slice(slash + 1);
  if (!behind.startsWith(infix)) return err(`lacks ${infix} behind the cluster`);
  const suffix = behind.slice(infix.length);
  return suffix === '' ? err('names no record') : ok({ cluster: rest.slice(0, slash), suffix, cached });
}

function withoutCluster(rest: string, infix: string): Result<KeyParts, string> {
  if (!rest.startsWith(infix)) return err(`lacks ${infix} behind the version`);
  const suffix = rest.slice(infix.length);
  return suffix === '' ? err('names no record') : ok({ cluster: undefined, suffix, cached: false });
}
