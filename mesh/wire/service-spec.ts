// STABLE: `clustermesh/v1/services/<cluster>/<namespace>/<name>`, JSON: how a cluster exports a global and shared service, as far as
// Cilium's ClusterService does not say it. The fields are those of Cilium's MCSAPIServiceSpec (v1.20 pkg/clustermesh/mcsapi/types),
// so that exports of the Multi-Cluster Services API can be compared with it one day. It is no such export: under Cilium's key every
// Cilium peer would import the service.

import { type ClusterName, parseServiceKey, type ServiceKey, serviceKey } from '../model/names.ts';
import { ok } from '../model/result.ts';
import { CLIENT_IP_TIMEOUT_SECONDS, PROTOCOLS } from '../model/service.ts';
import {
  decodeShaped,
  encodeShaped,
  list,
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
  VALUE_BYTES_MAX,
} from './record.ts';
import { KEY_LAYOUTS, parseRecordKey, recordKeys, stateKey } from './state-keys.ts';
import { parseTime } from './time.ts';

export interface SpecPort {
  /** Absent for the one port without a name. */
  readonly name?: string;
  readonly protocol: string;
  readonly appProtocol?: string;
  readonly port: number;
}

export const SERVICE_TYPES = ['ClusterSetIP', 'Headless'] as const;
export const SESSION_AFFINITIES = ['None', 'ClientIP'] as const;
export const INTERNAL_TRAFFIC_POLICIES = ['Cluster', 'Local'] as const;
export const IP_FAMILIES = ['IPv4', 'IPv6'] as const;

/** What is a choice is a text here until it has been validated. */
export interface ServiceSpecRecord {
  readonly cluster: string;
  readonly name: string;
  readonly namespace: string;
  /** Of the service's own, those that its owner exports; absent for none. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** RFC 3339; absent where nobody knows, which counts as later than every time. */
  readonly exportCreationTimestamp?: string;
  readonly ports: readonly SpecPort[];
  /** One of SERVICE_TYPES. */
  readonly type: string;
  /** One of SESSION_AFFINITIES. */
  readonly sessionAffinity: string;
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
  /** Of IP_FAMILIES, the preferred one first; absent where the cluster does not say. */
  readonly ipFamilies?: readonly string[];
  /** One of INTERNAL_TRAFFIC_POLICIES; absent for the first. */
  readonly internalTrafficPolicy?: string;
  /** Absent for no preference. Kubernetes adds values to the list, so any text is one. */
  readonly trafficDistribution?: string;
}

const SHAPE = object({
  cluster: required(text),
  name: required(text),
  namespace: required(text),
  annotations: omitEmpty(map(text)),
  labels: omitEmpty(map(text)),
  exportCreationTimestamp: omitEmpty(text),
  ports: optional(
    list(
      object({
        name: omitEmpty(text),
        protocol: required(text),
        appProtocol: omitEmpty(text),
        port: required(whole(PORT_MAX)),
      }),
    ),
  ),
  type: required(text),
  sessionAffinity: required(text),
  sessionAffinityConfig: omitEmpty(
    object({ clientIP: omitEmpty(object({ timeoutSeconds: omitEmpty(whole(CLIENT_IP_TIMEOUT_SECONDS.max)) })) }),
  ),
  ipFamilies: omitEmpty(list(text)),
  internalTrafficPolicy: omitEmpty(text),
  trafficDistribution: omitEmpty(text),
});
const LAYOUT = KEY_LAYOUTS.specs;

export const serviceSpecKey = (cluster: ClusterName, service: ServiceKey): string => stateKey(LAYOUT, cluster, service);

export const serviceSpecKind: RecordKind<ServiceSpecRecord> = {
  ...recordKeys(LAYOUT),
  decode(bytes) {
    const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
    return read.ok ? ok(withZeros(read.value, { ports: [] }) as unknown as ServiceSpecRecord) : read;
  },
  encode: (value) => encodeShaped(value, SHAPE),
  validate: (value, context) => [...nameProblems(value, context), ...choiceProblems(value), ...portProblems(value)],
};

function nameProblems(value: ServiceSpecRecord, { key, cluster }: RecordContext): readonly RecordProblem[] {
  const parts = parseRecordKey(LAYOUT, key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const problems: RecordProblem[] = [];
  const { cluster: keyCluster, suffix } = parts.value;
  if (keyCluster !== cluster) problems.push(misfit('key', `names cluster ${keyCluster}, not ${cluster}`));
  if (value.cluster !== cluster) problems.push(misfit('cluster', `is "${value.cluster}", not ${cluster}`));
  const named = serviceKey(value.namespace, value.name);
  if (named !== suffix) problems.push(misfit('name', `${named} is not what the key names, ${suffix}`));
  const parsed = parseServiceKey(named);
  if (!parsed.ok) problems.push(misfit('name', `${named}: ${parsed.error}`));
  return problems;
}

function choiceProblems(value: ServiceSpecRecord): readonly RecordProblem[] {
  const problems: RecordProblem[] = [];
  const choose = (field: string, given: string, choices: readonly string[]) => {
    if (!choices.includes(given)) problems.push(misfit(field, `"${given}" is none of ${choices.join(', ')}`));
  };
  choose('type', value.type, SERVICE_TYPES);
  choose('sessionAffinity', value.sessionAffinity, SESSION_AFFINITIES);
  if (value.internalTrafficPolicy)
    choose('internalTrafficPolicy', value.internalTrafficPolicy, INTERNAL_TRAFFIC_POLICIES);
  const families = value.ipFamilies ?? [];
  for (const [at, family] of families.entries()) {
    choose(`ipFamilies[${at}]`, family, IP_FAMILIES);
    if (families.indexOf(family) < at) problems.push(misfit(`ipFamilies[${at}]`, `"${family}" is twice in the list`));
  }
  const time = value.exportCreationTimestamp ? parseTime(value.exportCreationTimestamp) : undefined;
  if (time?.ok === false) {
    problems.push(misfit('exportCreationTimestamp', `"${value.exportCreationTimestamp}": ${time.error}`));
  }
  return problems;
}

/** Ports match by name, so one name has one port. */
function portProblems({ ports }: ServiceSpecRecord): readonly RecordProblem[] {
  const problems: RecordProblem[] = [];
  const names = new Set<string>();
  for (const [at, { name: given, protocol, port }] of ports.entries()) {
    const name = given ?? '';
    if (names.has(name)) problems.push(misfit(`ports[${at}].name`, `"${name}" is twice in the list`));
    names.add(name);
    if (!(PROTOCOLS as readonly string[]).includes(protocol)) {
      problems.push(misfit(`ports[${at}].protocol`, `"${protocol}" is not TCP, UDP or SCTP`));
    }
    if (port === 0) problems.push(misfit(`ports[${at}].port`, 'is 0'));
  }
  return problems;
}
