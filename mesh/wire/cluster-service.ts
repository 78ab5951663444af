// STABLE: `cilium/state/services/v1/<cluster>/<namespace>/<name>`, JSON ClusterService. What a cluster says of a global and
// shared service. Source: Cilium v1.20 pkg/clustermesh/store.

import { parseAddress } from '../model/address.ts';
import { type ClusterName, type IpAddress, parseServiceKey, type ServiceKey, serviceKey } from '../model/names.ts';
import { ok, type Result } from '../model/result.ts';
import { PROTOCOLS } from '../model/service.ts';
import {
  anything,
  decodeShaped,
  encodeShaped,
  flag,
  map,
  object,
  omitEmpty,
  optional,
  required,
  text,
  whole,
  withZeros,
} from './json-shape.ts';
import {
  misfit,
  PORT_MAX,
  type RecordContext,
  type RecordKind,
  type RecordProblem,
  UINT32_MAX,
  VALUE_BYTES_MAX,
} from './record.ts';
import { KEY_LAYOUTS, type KeyLayout, parseRecordKey, recordKeys, stateKey } from './state-keys.ts';

export interface PortValue {
  readonly Protocol: string;
  readonly Port: number;
}

/** Address → port name → port. */
export type PortsByAddress = Readonly<Record<string, Readonly<Record<string, PortValue>>>>;

export interface ClusterServiceRecord {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty for a headless service. */
  readonly frontends: PortsByAddress;
  readonly backends: PortsByAddress;
  readonly hostnames?: Readonly<Record<string, string>>;
  readonly zones?: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly includeExternal: boolean;
  readonly shared: boolean;
  readonly clusterID: number;
}

const PORTS_BY_NAME_SHAPE = map(object({ Protocol: required(text), Port: required(whole(PORT_MAX)) }));
export const PORTS_SHAPE = map(PORTS_BY_NAME_SHAPE);
/** What is said of backends, address by address: the fields, and the shapes of what they say of one. */
export const BACKEND_FIELDS = { backends: PORTS_BY_NAME_SHAPE, hostnames: text, zones: anything } as const;

const SHAPE = object({
  cluster: required(text),
  namespace: required(text),
  name: required(text),
  frontends: optional(PORTS_SHAPE),
  backends: optional(PORTS_SHAPE),
  hostnames: omitEmpty(map(text)),
  zones: omitEmpty(map(anything)),
  labels: optional(map(text)),
  selector: optional(map(text)),
  includeExternal: optional(flag),
  shared: optional(flag),
  clusterID: optional(whole(UINT32_MAX)),
});
const LAYOUT = KEY_LAYOUTS.services;

export const clusterServiceKey = (cluster: ClusterName, service: ServiceKey): string =>
  stateKey(LAYOUT, cluster, service);

export const clusterServiceKind: RecordKind<ClusterServiceRecord> = {
  ...recordKeys(LAYOUT),
  decode: decodeClusterService,
  encode: encodeClusterService,
  validate: (value, context) => clusterServiceProblems(LAYOUT, value, context),
};

/** For heads too (service-head.ts), which are written like this under a key of their own. */
export function decodeClusterService(bytes: Uint8Array): Result<ClusterServiceRecord, string> {
  const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
  return read.ok ? ok(withZeros(read.value, ZEROS) as unknown as ClusterServiceRecord) : read;
}

/** `texts`: of the fields that are in a text already. */
export function encodeClusterService(value: ClusterServiceRecord, texts?: ReadonlyMap<string, string>): Uint8Array {
  return encodeShaped(value, SHAPE, texts);
}

const ZEROS = {
  ...{ frontends: {}, backends: {}, labels: {}, selector: {} },
  ...{ includeExternal: false, shared: false, clusterID: 0 },
} satisfies Partial<ClusterServiceRecord>;

export function clusterServiceProblems(
  layout: KeyLayout,
  value: ClusterServiceRecord,
  context: RecordContext,
): readonly RecordProblem[] {
  return [
    ...namingProblems(layout, value, serviceKey(value.namespace, value.name), context),
    ...portsProblems('frontends', value.frontends),
    ...portsProblems('backends', value.backends),
  ];
}

/** Whether it names what its key does, and the cluster that it comes from. `suffix`: of the key that it names itself. */
export function namingProblems(
  layout: KeyLayout,
  value: Pick<ClusterServiceRecord, 'cluster' | 'clusterID' | 'namespace' | 'name'>,
  suffix: string,
  { key, cluster, clusterId }: RecordContext,
): readonly RecordProblem[] {
  const parts = parseRecordKey(layout, key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const problems: RecordProblem[] = [];
  if (parts.value.cluster !== cluster) {
    problems.push(misfit('key', `names cluster ${parts.value.cluster}, not ${cluster}`));
  }
  if (value.cluster !== cluster) problems.push(misfit('cluster', `is "${value.cluster}", not ${cluster}`));
  if (value.clusterID !== clusterId) problems.push(misfit('clusterID', `is ${value.clusterID}, not ${clusterId}`));
  if (suffix !== parts.value.suffix) {
    problems.push(misfit('name', `${suffix} is not what the key names, ${parts.value.suffix}`));
  }
  const named = serviceKey(value.namespace, value.name);
  const parsed = parseServiceKey(named);
  if (!parsed.ok) problems.push(misfit('name', `${named}: ${parsed.error}`));
  return problems;
}

export function portsProblems(field: string, ports: PortsByAddress): readonly RecordProblem[] {
  const problems: RecordProblem[] = [];
  const seen = new Set<string>();
  for (const [address, byName] of Object.entries(ports)) {
    const parsed = parseAddress(address);
    if (!parsed.ok) problems.push(misfit(field, `"${address}": ${parsed.error}`));
    // Which of the two entries counts would depend on the reader.
    else if (seen.has(parsed.value)) problems.push(misfit(field, `names ${parsed.value} twice, once as "${address}"`));
    else seen.add(parsed.value);
    for (const [name, { Protocol: protocol }] of Object.entries(byName)) {
      if (!(PROTOCOLS as readonly string[]).includes(protocol)) {
        problems.push(misfit(field, `${address}, port "${name}": protocol "${protocol}" is not TCP, UDP or SCTP`));
      }
    }
  }
  return problems;
}

/** The same value with only the backends that `keep` accepts; the same object when it accepts all. */
export function withBackends(value: ClusterServiceRecord, keep: (address: IpAddress) => boolean): ClusterServiceRecord {
  const all = Object.entries(value.backends);
  const kept = all.filter(([address]) => {
    const parsed = parseAddress(address);
    return parsed.ok && keep(parsed.value);
  });
  return kept.length === all.length ? value : { ...value, backends: Object.fromEntries(kept) };
}
