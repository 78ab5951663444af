// STABLE: `clustermesh/v1/slices/<cluster>/<namespace>/<name>/<slice>`, JSON: the backends of a global and shared service that one
// EndpointSlice of its cluster names. They mean nothing without the head of the service (service-head.ts); what head and slices
// mean together is service-pieces.ts.

import { parseAddress } from '../model/address.ts';
import { type ClusterName, isDnsSubdomain, parseServiceKey, type ServiceKey, serviceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { namingProblems, PORTS_SHAPE, type PortsByAddress, portsProblems } from './cluster-service.ts';
import { anything, decodeShaped, encodeShaped, map, object, omitEmpty, required, text, whole } from './json-shape.ts';
import {
  misfit,
  type RecordContext,
  type RecordKind,
  type RecordProblem,
  UINT32_MAX,
  VALUE_BYTES_MAX,
} from './record.ts';
import { KEY_LAYOUTS, recordKeys, stateKey } from './state-keys.ts';

export interface ServiceSliceRecord {
  readonly cluster: string;
  readonly namespace: string;
  /** Of the service. */
  readonly name: string;
  /** Of the slice. */
  readonly slice: string;
  readonly clusterID: number;
  /** Addresses in their canonical form, so that the same one in two slices is the same name. */
  readonly backends: PortsByAddress;
  readonly hostnames?: Readonly<Record<string, string>>;
  readonly zones?: Readonly<Record<string, unknown>>;
}

const SHAPE = object({
  cluster: required(text),
  namespace: required(text),
  name: required(text),
  slice: required(text),
  clusterID: required(whole(UINT32_MAX)),
  backends: required(PORTS_SHAPE),
  hostnames: omitEmpty(map(text)),
  zones: omitEmpty(map(anything)),
});
const LAYOUT = KEY_LAYOUTS.slices;

/** What identifies a slice within its cluster. */
export interface SliceName {
  readonly service: ServiceKey;
  readonly slice: string;
}

export const serviceSliceKey = (cluster: ClusterName, { service, slice }: SliceName): string =>
  stateKey(LAYOUT, cluster, `${service}/${slice}`);

/** Of the suffix of a slice's key: `<namespace>/<name>/<slice>`. */
export function parseSliceName(suffix: string): Result<SliceName, string> {
  const slash = suffix.lastIndexOf('/');
  const slice = suffix.slice(slash + 1);
  if (slash < 0 || !isDnsSubdomain(slice)) return err('slice is not an RFC 1123 subdomain');
  const service = parseServiceKey(suffix.slice(0, slash));
  return service.ok ? ok({ service: service.value, slice }) : service;
}

export const serviceSliceKind: RecordKind<ServiceSliceRecord> = {
  ...recordKeys(LAYOUT),
  decode(bytes) {
    const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
    return read.ok ? ok(read.value as unknown as ServiceSliceRecord) : read;
  },
  encode: (value) => encodeShaped(value, SHAPE),
  validate: (value, context) => [
    ...sliceNamingProblems(value, context),
    ...portsProblems('backends', value.backends),
    ...Object.keys(value.backends).flatMap(formProblems),
  ],
};

/** What is wrong with it beside its backends. */
export function sliceNamingProblems(
  value: Pick<ServiceSliceRecord, 'cluster' | 'clusterID' | 'namespace' | 'name' | 'slice'>,
  context: RecordContext,
): readonly RecordProblem[] {
  const problems = namingProblems(LAYOUT, value, `${serviceKey(value.namespace, value.name)}/${value.slice}`, context);
  if (isDnsSubdomain(value.slice)) return problems;
  return [...problems, misfit('slice', `"${value.slice}" is not an RFC 1123 subdomain`)];
}

function formProblems(address: string): readonly RecordProblem[] {
  const parsed = parseAddress(address);
  if (!parsed.ok || parsed.value === address) return [];
  return [misfit('backends', `"${address}" is not how ${parsed.value} is written`)];
}
