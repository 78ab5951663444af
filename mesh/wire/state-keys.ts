// STABLE: the layout of the keys of records. Under `cilium/state/` services and nodes name their cluster, identities and ip do
// not; under `cilium/cache/` every key names the cluster that it came from. Those are Cilium's; `specs` is ours, and stands under
// `clustermesh/v1/`, where Cilium's programs do not look.

import { err, ok, type Result } from '../model/result.ts';
import type { CiliumKindName, KeyParts, RecordKind, RecordKindName } from './record.ts';

export interface KeyLayout {
  readonly kind: RecordKindName;
  /** Where a cluster has its own: `cilium/state/<kind>/v1/`. */
  readonly statePrefix: string;
  /** Where it has copies of its peers': `cilium/cache/<kind>/v1/`. */
  readonly cachePrefix: string;
  /** The state key names the cluster behind the prefix. */
  readonly keyedByCluster: boolean;
  /** Fixed part behind the prefix in state keys: `id/`, `default/`. */
  readonly stateInfix: string;
  /** The same in cache keys, behind the cluster. */
  readonly cacheInfix: string;
}

export const STATE_ROOT = 'cilium/state/';
export const CACHE_ROOT = 'cilium/cache/';
/** Ours. The roots of states and of copies differ, so that neither can be taken for a part of the other. */
export const SPECS_ROOT = 'clustermesh/v1/services/';
export const SPECS_CACHE_ROOT = 'clustermesh/v1/cache/services/';

const cilium = (kind: CiliumKindName): Pick<KeyLayout, 'kind' | 'statePrefix' | 'cachePrefix'> => ({
  kind,
  statePrefix: `${STATE_ROOT}${kind}/v1/`,
  cachePrefix: `${CACHE_ROOT}${kind}/v1/`,
});

const CILIUM_LAYOUTS: Readonly<Record<CiliumKindName, KeyLayout>> = {
  services: { ...cilium('services'), keyedByCluster: true, stateInfix: '', cacheInfix: '' },
  nodes: { ...cilium('nodes'), keyedByCluster: true, stateInfix: '', cacheInfix: '' },
  identities: { ...cilium('identities'), keyedByCluster: false, stateInfix: 'id/', cacheInfix: 'id/' },
  ip: { ...cilium('ip'), keyedByCluster: false, stateInfix: 'default/', cacheInfix: '' },
};

export const KEY_LAYOUTS: Readonly<Record<RecordKindName, KeyLayout>> = {
  ...CILIUM_LAYOUTS,
  specs: {
    ...{ kind: 'specs', statePrefix: SPECS_ROOT, cachePrefix: SPECS_CACHE_ROOT },
    ...{ keyedByCluster: true, stateInfix: '', cacheInfix: '' },
  },
};

/** Whether a key is where a cluster has records of its own. */
export const isStateKey = (key: string): boolean => key.startsWith(STATE_ROOT) || key.startsWith(SPECS_ROOT);
/** Whether a key is where a cluster has copies of its peers' records. */
export const isCacheKey = (key: string): boolean => key.startsWith(CACHE_ROOT) || key.startsWith(SPECS_CACHE_ROOT);

export const statePrefix = (kind: RecordKindName): string => KEY_LAYOUTS[kind].statePrefix;

export function stateKey(layout: KeyLayout, cluster: string, suffix: string): string {
  return `${layout.statePrefix}${layout.keyedByCluster ? `${cluster}/` : layout.stateInfix}${suffix}`;
}

export function cacheKey(layout: KeyLayout, cluster: string, suffix: string): string {
  return `${layout.cachePrefix}${cluster}/${layout.cacheInfix}${suffix}`;
}

export function parseRecordKey(layout: KeyLayout, key: string): Result<KeyParts, string> {
  if (key.startsWith(layout.statePrefix)) {
    const rest = key.slice(layout.statePrefix.length);
    return layout.keyedByCluster ? withCluster(rest, '', false) : withoutCluster(rest, layout.stateInfix);
  }
  if (key.startsWith(layout.cachePrefix)) {
    return withCluster(key.slice(layout.cachePrefix.length), layout.cacheInfix, true);
  }
  return err(`not a key of ${layout.kind}`);
}

/** The part of a record kind that follows from its layout. */
export function recordKeys(
  layout: KeyLayout,
): Pick<RecordKind<never>, 'kind' | 'statePrefix' | 'stateKey' | 'cacheKey' | 'parseKey'> {
  return {
    kind: layout.kind,
    statePrefix: layout.statePrefix,
    stateKey: (cluster, suffix) => stateKey(layout, cluster, suffix),
    cacheKey: (cluster, key) => {
      const parts = parseRecordKey(layout, key);
      return cacheKey(layout, cluster, parts.ok ? parts.value.suffix : key);
    },
    parseKey: (key) => parseRecordKey(layout, key),
  };
}

/** Without the version: a key of another one belongs to the kind, and is refused as one of it. */
const KIND_PREFIXES: readonly { readonly kind: RecordKindName; readonly prefix: string }[] = [
  ...Object.values(CILIUM_LAYOUTS).flatMap(({ kind }) =>
    [STATE_ROOT, CACHE_ROOT].map((root) => ({ kind, prefix: `${root}${kind}/` })),
  ),
  ...[SPECS_ROOT, SPECS_CACHE_ROOT].map((prefix) => ({ kind: 'specs' as const, prefix })),
];

/** The kind of a state or cache key, `undefined` for keys of no record kind. */
export const kindOfKey = (key: string): RecordKindName | undefined =>
  KIND_PREFIXES.find(({ prefix }) => key.startsWith(prefix))?.kind;

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
