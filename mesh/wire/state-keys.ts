// STABLE: the layout of the keys of records. Under `cilium/state/` services and nodes name their cluster, identities and ip do
// not; under `cilium/cache/` every key names the cluster that it came from. Those are Cilium's; ours (`specs`, and services in
// pieces) stand under `clustermesh/v1/`, where Cilium's programs do not look.

import { err, ok, type Result } from '../model/result.ts';
import type { CiliumKindName, KeyParts, OwnKindName, RecordKind, RecordKindName } from './record.ts';

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
export const OWN_STATE_ROOTS: Readonly<Record<OwnKindName, string>> = {
  specs: 'clustermesh/v1/services/',
  heads: 'clustermesh/v1/heads/',
  slices: 'clustermesh/v1/slices/',
};
export const OWN_CACHE_ROOTS: Readonly<Record<OwnKindName, string>> = {
  specs: 'clustermesh/v1/cache/services/',
  heads: 'clustermesh/v1/cache/heads/',
  slices: 'clustermesh/v1/cache/slices/',
};

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

const own = (kind: OwnKindName): KeyLayout => ({
  ...{ kind, statePrefix: OWN_STATE_ROOTS[kind], cachePrefix: OWN_CACHE_ROOTS[kind] },
  ...{ keyedByCluster: true, stateInfix: '', cacheInfix: '' },
});

const OWN_LAYOUTS: Readonly<Record<OwnKindName, KeyLayout>> = {
  specs: own('specs'),
  heads: own('heads'),
  slices: own('slices'),
};

export const KEY_LAYOUTS: Readonly<Record<RecordKindName, KeyLayout>> = { ...CILIUM_LAYOUTS, ...OWN_LAYOUTS };

const STATE_ROOTS: readonly string[] = [STATE_ROOT, ...Object.values(OWN_STATE_ROOTS)];
const CACHE_ROOTS: readonly string[] = [CACHE_ROOT, ...Object.values(OWN_CACHE_ROOTS)];

/** Whether a key is where a cluster has records of its own. */
export const isStateKey = (key: string): boolean => STATE_ROOTS.some((root) => key.startsWith(root));
/** Whether a key is where a cluster has copies of its peers' records. */
export const isCacheKey = (key: string): boolean => CACHE_ROOTS.some((root) => key.startsWith(root));

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

/**
 * Without the version: a key of another one belongs to the kind, and is refused as one of it. Endpoints first, of which there are the most
 * by far: this is asked several times of each record.
 */
const KIND_PREFIXES: readonly { readonly kind: RecordKindName; readonly prefix: string }[] = [
  ...(['ip', 'nodes', 'identities', 'services'] as const).flatMap((kind) =>
    [STATE_ROOT, CACHE_ROOT].map((root) => ({ kind, prefix: `${root}${kind}/` })),
  ),
  ...Object.values(OWN_LAYOUTS).flatMap(({ kind, statePrefix: state, cachePrefix: cache }) =>
    [state, cache].map((prefix) => ({ kind, prefix })),
  ),
];

/** The kind of a state or cache key, `undefined` for keys of no record kind. */
export function kindOfKey(key: string): RecordKindName | undefined {
  for (const { kind, prefix } of KIND_PREFIXES) if (key.startsWith(prefix)) return kind;
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
