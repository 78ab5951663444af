// STABLE: `cilium/state/services/v1/<cluster>/<namespace>/<name>`, JSON ClusterService. What a cluster says of a global and
// shared service. Source: Cilium v1.20 pkg/clustermesh/store.

import { parseAddress } from '../model/address.ts';
import { type ClusterName, type IpAddress, type ServiceKey, serviceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { PROTOCOLS } from '../model/service.ts';
import { checkFields, decodeObject, encodeObject, isObject, sortedMap } from './json.ts';
import { misfit, type RecordContext, type RecordKind, type RecordProblem, VALUE_BYTES_MAX } from './record.ts';
import { cacheKey, KEY_LAYOUTS, parseRecordKey, stateKey, statePrefix } from './state-keys.ts';

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

const LAYOUT = KEY_LAYOUTS.services;
const FIELD_ORDER = [
  'cluster',
  'namespace',
  'name',
  'frontends',
  'backends',
  'hostnames',
  'zones',
  'labels',
  'selector',
  'includeExternal',
  'shared',
  'clusterID',
];

export const clusterServiceKey = (cluster: ClusterName, service: ServiceKey): string =>
  stateKey(LAYOUT, cluster, service);

export const clusterServiceKind: RecordKind<ClusterServiceRecord> = {
  kind: 'services',
  statePrefix: statePrefix('services'),
  stateKey: (cluster, suffix) => stateKey(LAYOUT, cluster, suffix),
  cacheKey: (cluster, key) => cacheKey(LAYOUT, cluster, suffixOf(key)),
  parseKey: (key) => parseRecordKey(LAYOUT, key),
  decode,
  encode: (value) =>
    encodeObject(
      {
        ...value,
        frontends: sortedPorts(value.frontends),
        backends: sortedPorts(value.backends),
        labels: sortedMap(value.labels),
        selector: sortedMap(value.selector),
      },
      FIELD_ORDER,
    ),
  validate,
};

const suffixOf = (key: string): string => {
  const parts = parseRecordKey(LAYOUT, key);
  return parts.ok ? parts.value.suffix : key;
};

const sortedPorts = (ports: PortsByAddress): PortsByAddress =>
  sortedMap(Object.fromEntries(Object.entries(ports).map(([address, named]) => [address, sortedMap(named)])));

function decode(bytes: Uint8Array): Result<ClusterServiceRecord, string> {
  const object = decodeObject(bytes, VALUE_BYTES_MAX);
  if (!object.ok) return object;
  const wrong = checkFields(object.value, {
    cluster: 'string',
    namespace: 'string',
    name: 'string',
    frontends: 'object?',
    backends: 'object?',
    labels: 'object?',
    selector: 'object?',
    hostnames: 'object?',
    zones: 'object?',
    includeExternal: 'boolean?',
    shared: 'boolean?',
    clusterID: 'number?',
  });
  if (wrong !== undefined) return err(wrong);
  const { frontends, backends, labels, selector, includeExternal, shared, clusterID } = object.value;
  for (const [field, ports] of [['frontends', frontends] as const, ['backends', backends] as const]) {
    const problem = portsProblem(ports ?? {});
    if (problem !== undefined) return err(`${field}: ${problem}`);
  }
  // Go writes nil maps as null: the same as empty.
  return ok({
    ...object.value,
    frontends: frontends ?? {},
    backends: backends ?? {},
    labels: labels ?? {},
    selector: selector ?? {},
    includeExternal: includeExternal ?? false,
    shared: shared ?? false,
    clusterID: clusterID ?? 0,
  } as ClusterServiceRecord);
}

function portsProblem(ports: unknown): string | undefined {
  if (!isObject(ports)) return 'not a map of addresses';
  for (const [address, named] of Object.entries(ports)) {
    if (!isObject(named)) return `${address} is not a map of port names`;
    for (const [name, port] of Object.entries(named)) {
      if (!isObject(port)) return `${address}, port "${name}" is not an object`;
      const { Protocol: protocol, Port: number } = port;
      if (typeof protocol !== 'string') return `${address}, port "${name}": Protocol is not a string`;
      if (!Number.isInteger(number) || Number(number) < 0 || Number(number) > 65_535) {
        return `${address}, port "${name}": Port is not a whole number from 0 to 65535`;
      }
    }
  }
  return undefined;
}

function validate(value: ClusterServiceRecord, { key, cluster, clusterId }: RecordContext): readonly RecordProblem[] {
  const problems: RecordProblem[] = [];
  const parts = parseRecordKey(LAYOUT, key);
  if (!parts.ok) return [misfit('key', parts.error)];
  if (parts.value.cluster !== cluster)
    problems.push(misfit('key', `names cluster ${parts.value.cluster}, not ${cluster}`));
  if (value.cluster !== cluster) problems.push(misfit('cluster', `is "${value.cluster}", not ${cluster}`));
  if (value.clusterID !== clusterId) problems.push(misfit('clusterID', `is ${value.clusterID}, not ${clusterId}`));
  const named = serviceKey(value.namespace, value.name);
  if (named !== parts.value.suffix)
    problems.push(misfit('name', `${named} is not what the key names, ${parts.value.suffix}`));
  for (const [field, ports] of [['frontends', value.frontends] as const, ['backends', value.backends] as const]) {
    for (const [address, byName] of Object.entries(ports)) {
      const parsed = parseAddress(address);
      if (!parsed.ok) problems.push(misfit(field, `"${address}": ${parsed.error}`));
      for (const [name, { Protocol: protocol }] of Object.entries(byName)) {
        if (!(PROTOCOLS as readonly string[]).includes(protocol)) {
          problems.push(misfit(field, `${address}, port "${name}": protocol "${protocol}" is not TCP, UDP or SCTP`));
        }
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
