// STABLE: `clustermesh/v1/local/services/<namespace>/<name>`, JSON LocalService: a global service of the own cluster with what
// Cilium's ClusterService has no place for (affinity, states, services that are not shared). Not visible to peers.

import { parseAddress } from '../model/address.ts';
import type { ServiceKey } from '../model/names.ts';
import { parseServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Backend, LocalService, NamedPort } from '../model/service.ts';
import { PROTOCOLS } from '../model/service.ts';
import { checkFields, decodeObject, encodeObject, isObject, sortedMap } from './json.ts';
import { VALUE_BYTES_MAX } from './record.ts';

export const LOCAL_SERVICES_PREFIX = 'clustermesh/v1/local/services/';

export const localServiceKey = (service: ServiceKey): string => `${LOCAL_SERVICES_PREFIX}${service}`;

const FIELD_ORDER = ['key', 'frontends', 'ports', 'global', 'shared', 'affinity', 'backends', 'labels', 'selector'];

export function encodeLocalService(service: LocalService): Uint8Array {
  return encodeObject(
    { ...service, labels: sortedMap(service.labels), selector: sortedMap(service.selector) },
    FIELD_ORDER,
  );
}

export function decodeLocalService(bytes: Uint8Array): Result<LocalService, string> {
  const object = decodeObject(bytes, VALUE_BYTES_MAX);
  if (!object.ok) return object;
  const wrong = checkFields(object.value, {
    key: 'string',
    frontends: 'array',
    ports: 'array',
    global: 'boolean',
    shared: 'boolean',
    affinity: 'string',
    backends: 'array',
    labels: 'object',
    selector: 'object',
  });
  if (wrong !== undefined) return err(wrong);
  const service = object.value as unknown as LocalService;
  const key = parseServiceKey(service.key);
  if (!key.ok) return err(`key: ${key.error}`);
  if (!['none', 'local', 'remote'].includes(service.affinity)) return err(`affinity "${service.affinity}" is unknown`);
  if (!service.frontends.every(isAddress)) return err('frontends holds something that is no address');
  if (!service.ports.every(isPort)) return err('ports holds something that is no port');
  return service.backends.every(isBackend) ? ok(service) : err('backends holds something that is no backend');
}

const isAddress = (value: unknown) => typeof value === 'string' && parseAddress(value).ok;

function isPort(value: unknown): value is NamedPort {
  if (!isObject(value)) return false;
  const { name, protocol, port } = value;
  const known = (PROTOCOLS as readonly unknown[]).includes(protocol);
  return typeof name === 'string' && known && Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535;
}

function isBackend(value: unknown): value is Backend {
  if (!isObject(value)) return false;
  const { address, cluster, clusterId, state, ports } = value;
  const placed = isAddress(address) && typeof cluster === 'string' && Number.isInteger(clusterId);
  return placed && (state === 'active' || state === 'terminating') && Array.isArray(ports) && ports.every(isPort);
}
