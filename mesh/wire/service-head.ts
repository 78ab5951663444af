// STABLE: `clustermesh/v1/heads/<cluster>/<namespace>/<name>`, JSON ClusterService without backends: everything of a service but them.
// With the slices of the same service (service-slice.ts) it says what the whole value says under Cilium's key, and one endpoint
// of a large service does not carry the others along. The fields and bytes are those of Cilium's ClusterService.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import {
  type ClusterServiceRecord,
  clusterServiceProblems,
  decodeClusterService,
  encodeClusterService,
} from './cluster-service.ts';
import { misfit, type RecordKind, type RecordProblem } from './record.ts';
import { KEY_LAYOUTS, recordKeys, stateKey } from './state-keys.ts';

/** `backends`, `hostnames` and `zones` are empty. */
export type ServiceHeadRecord = ClusterServiceRecord;

const LAYOUT = KEY_LAYOUTS.heads;

export const serviceHeadKey = (cluster: ClusterName, service: ServiceKey): string => stateKey(LAYOUT, cluster, service);

export const serviceHeadKind: RecordKind<ServiceHeadRecord> = {
  ...recordKeys(LAYOUT),
  decode: decodeClusterService,
  encode: encodeClusterService,
  validate: (value, context) => [...clusterServiceProblems(LAYOUT, value, context), ...backendProblems(value)],
};

const OF_BACKENDS = ['backends', 'hostnames', 'zones'] as const;

/** A backend that came with the head would be one that no slice can take away. */
const backendProblems = (value: ServiceHeadRecord): readonly RecordProblem[] =>
  OF_BACKENDS.filter((field) => Object.keys(value[field] ?? {}).length > 0).map((field) =>
    misfit(field, 'is not empty: backends are for slices'),
  );
