// STABLE: `cilium/cluster-config/<cluster>`, JSON CiliumClusterConfig: id and capabilities of a cluster. Source: Cilium v1.20
// pkg/clustermesh/types. All fields may be absent.

import type { ClusterName } from '../model/names.ts';
import { ok, type Result } from '../model/result.ts';
import { isObject, type JsonObject } from './json.ts';
import { decodeShaped, encodeShaped, flag, object, omitEmpty, optional, text, whole } from './json-shape.ts';
import { UINT32_MAX } from './record.ts';

export interface ClusterCapabilities {
  readonly syncedCanaries?: boolean;
  /** The keys behind this config are a copy, under `cilium/cache/`. */
  readonly cached?: boolean;
  readonly maxConnectedClusters?: number;
  readonly serviceExportsEnabled?: boolean;
  readonly endpointSlicesExportMode?: string;
}

export interface ClusterConfigRecord {
  readonly id?: number;
  readonly capabilities?: ClusterCapabilities;
}

export const CLUSTER_CONFIG_PREFIX = 'cilium/cluster-config/';
/** Far more than any version of the structure needs. */
const BYTES_MAX = 64 * 1024;

export const clusterConfigKey = (cluster: ClusterName): string => `${CLUSTER_CONFIG_PREFIX}${cluster}`;

const SHAPE = object({
  id: omitEmpty(whole(UINT32_MAX)),
  capabilities: omitEmpty(
    object({
      syncedCanaries: omitEmpty(flag),
      cached: omitEmpty(flag),
      maxConnectedClusters: omitEmpty(whole(UINT32_MAX)),
      // Absence means that the writer does not know of exports: false is written.
      serviceExportsEnabled: optional(flag),
      endpointSlicesExportMode: omitEmpty(text),
    }),
  ),
});

export const encodeClusterConfig = (value: ClusterConfigRecord): Uint8Array => encodeShaped(value, SHAPE);

export function decodeClusterConfig(bytes: Uint8Array): Result<ClusterConfigRecord, string> {
  const read = decodeShaped(bytes, SHAPE, BYTES_MAX);
  return read.ok ? ok(withoutNull(read.value) as ClusterConfigRecord) : read;
}

/** Absent and null are the same to Go: readers here need only know of absence. */
function withoutNull(value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(entries.map(([name, field]) => [name, isObject(field) ? withoutNull(field) : field]));
}

/** What a cache says of the cluster that it copies. */
export function cachedConfig(config: ClusterConfigRecord): ClusterConfigRecord {
  return { ...config, capabilities: { ...config.capabilities, syncedCanaries: true, cached: true } };
}
