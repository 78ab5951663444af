// What all stored record types have in common: a key, a codec, and a validator of the value against its key. Each type has one
// file with its key functions, codec, validator and, in the test, golden bytes.

import type { ClusterId, ClusterName, MaxConnectedClusters } from '../model/names.ts';
import type { Result } from '../model/result.ts';

/** Record types of Cilium's schema. Each has a canary, without which what a cluster says is not complete. */
export type CiliumKindName = 'services' | 'nodes' | 'identities' | 'ip';

/**
 * Record types of ours: how a service is exported (service-spec.ts), and services in pieces (service-head.ts, service-slice.ts). No
 * Cilium cluster has them, and nobody waits for them who was not told that they come.
 */
export type OwnKindName = 'specs' | 'heads' | 'slices';
export type RecordKindName = CiliumKindName | OwnKindName;

export interface KeyParts {
  /** The cluster that the key names; absent for types whose keys carry none (identities and ip under `state`). */
  readonly cluster: string | undefined;
  /** What identifies the record within its cluster: `ns/name`, node name, number, address. */
  readonly suffix: string;
  readonly cached: boolean;
}

/** What a value must fit. */
export interface RecordContext {
  readonly key: string;
  readonly cluster: ClusterName;
  readonly clusterId: ClusterId;
  readonly maxConnectedClusters: MaxConnectedClusters;
}

export type RecordCode = 'CM-REC-001' | 'CM-IDENT-001' | 'CM-IDENT-002' | 'CM-IDENT-003';

export interface RecordProblem {
  readonly code: RecordCode;
  /** Where in the value, or `key`. */
  readonly field: string;
  readonly reason: string;
}

export interface RecordKind<T> {
  readonly kind: RecordKindName;
  /** Where a cluster has its own: `cilium/state/<kind>/v1/`. */
  readonly statePrefix: string;
  readonly stateKey: (cluster: string, suffix: string) => string;
  readonly cacheKey: (cluster: string, stateKey: string) => string;
  /** Of a state key or a cache key. */
  readonly parseKey: (key: string) => Result<KeyParts, string>;
  /** Never throws. Unknown fields, at any depth, stay in the value. */
  readonly decode: (bytes: Uint8Array) => Result<T, string>;
  readonly encode: (value: T) => Uint8Array;
  readonly validate: (value: T, context: RecordContext) => readonly RecordProblem[];
}

/** Go reads ports as uint16, cluster ids and identities as uint32: a larger number is no value of theirs. */
export const PORT_MAX = 65_535;
export const UINT32_MAX = 0xffff_ffff;

/** etcd's own request limit is 1.5 MiB; a larger value than this is refused before it is parsed. */
export const VALUE_BYTES_MAX = 1024 * 1024;

export const misfit = (field: string, reason: string): RecordProblem => ({ code: 'CM-REC-001', field, reason });
