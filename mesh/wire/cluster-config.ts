// STABLE: `cilium/cluster-config/<cluster>`, JSON CiliumClusterConfig: id and capabilities of a cluster. Source: Cilium v1.20
// pkg/clustermesh/types. All fields may be absent.

import type { ClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { checkFields, decodeObject, encodeObject, type JsonObject } from './json.ts';

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

export const encodeClusterConfig = (value: ClusterConfigRecord): Uint8Array =>
  encodeObject(value, ['id', 'capabilities']);

export function decodeClusterConfig(bytes: Uint8Array): Result<ClusterConfigRecord, string> {
  const object = decodeObject(bytes, BYTES_MAX);
  if (!object.ok) return object;
  const wrong =
    checkFields(object.value, { id: 'number?', capabilities: 'object?' }) ??
    checkFields((object.value.capabilities ?? {}) as JsonObject, {
      syncedCanaries: 'boolean?',
      cached: 'boolean?',
      maxConnectedClusters: 'number?',
      serviceExportsEnabled: 'boolean?',
      endpointSlicesExportMode: 'string?',
    });
  return wrong === undefined ? ok(object.value as ClusterConfigRecord) : err(wrong);
}

/** What a cache says of the cluster that it copies. */
export function cachedConfig(config: ClusterConfigRecord): ClusterConfigRecord {
  return { ...config, capabilities: { ...config.capabilities, syncedCanaries: true, cached: true } };
}
