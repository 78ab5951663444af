// STABLE: `clustermesh/v1/local/services/<namespace>/<name>`, JSON LocalService: a global service of the own cluster with what
// Cilium's ClusterService has no place for (affinity, states, services that are not shared). Not visible to peers. Those who know
// the pieces (local-slice.ts) read them instead: this is for replicas of older versions, and for the time before all pieces are there.

import { parseAddress } from '../model/address.ts';
import { parseServiceKey, type ServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import {
  type Affinity,
  type Backend,
  type BackendState,
  CLIENT_IP_TIMEOUT_SECONDS,
  type LocalService,
  type NamedPort,
  PROTOCOLS,
} from '../model/service.ts';
import {
  decodeShaped,
  encodeElement,
  encodeShaped,
  flag,
  list,
  map,
  object,
  omitEmpty,
  required,
  text,
  whole,
} from './json-shape.ts';
import { PORT_MAX, UINT32_MAX, VALUE_BYTES_MAX } from './record.ts';

export const LOCAL_SERVICES_PREFIX = 'clustermesh/v1/local/services/';

export const localServiceKey = (service: ServiceKey): string => `${LOCAL_SERVICES_PREFIX}${service}`;

export const PORT_SHAPE = object({ name: required(text), protocol: required(text), port: required(whole(PORT_MAX)) });
const BACKEND_SHAPE = object({
  address: required(text),
  cluster: required(text),
  clusterId: required(whole(UINT32_MAX)),
  state: required(text),
  ports: required(list(PORT_SHAPE)),
});
const SHAPE = object({
  key: required(text),
  frontends: required(list(text)),
  ports: required(list(PORT_SHAPE)),
  global: required(flag),
  shared: required(flag),
  affinity: required(text),
  clientIPTimeoutSeconds: omitEmpty(whole(CLIENT_IP_TIMEOUT_SECONDS.max)),
  createdSeconds: omitEmpty(whole(UINT32_MAX)),
  backends: required(list(BACKEND_SHAPE)),
  labels: required(map(text)),
  selector: required(map(text)),
});
const AFFINITIES: readonly string[] = ['none', 'local', 'remote'] satisfies readonly Affinity[];
const STATES: readonly string[] = ['active', 'terminating'] satisfies readonly BackendState[];

export const encodeLocalService = (service: LocalService): Uint8Array => encodeShaped(service, SHAPE);

/** As it stands in the list of the value. */
export const encodeLocalBackend = (backend: Backend): string => encodeElement(backend, BACKEND_SHAPE);

export function decodeLocalService(bytes: Uint8Array): Result<LocalService, string> {
  const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
  if (!read.ok) return read;
  const service = read.value as unknown as LocalService;
  const problem = problemOf(service);
  return problem === undefined ? ok(service) : err(problem);
}

function problemOf({ key, affinity, frontends, ports, backends }: LocalService): string | undefined {
  const parsed = parseServiceKey(key);
  if (!parsed.ok) return `key: ${parsed.error}`;
  if (!AFFINITIES.includes(affinity)) return `affinity "${affinity}" is unknown`;
  const frontend = frontends.find((address) => !parseAddress(address).ok);
  if (frontend !== undefined) return `frontend "${frontend}" is no address`;
  if (!ports.every(isPort)) return 'ports holds something that is no port';
  for (const { address, state, ports: own } of backends) {
    if (!parseAddress(address).ok) return `backend "${address}" is no address`;
    if (!STATES.includes(state)) return `backend ${address}: state "${state}" is unknown`;
    if (!own.every(isPort)) return `backend ${address}: ports holds something that is no port`;
  }
  return undefined;
}

export const isPort = ({ protocol, port }: NamedPort): boolean => PROTOCOLS.includes(protocol) && port >= 1;
