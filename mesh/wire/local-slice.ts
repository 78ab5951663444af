// STABLE: a LocalService (local-service.ts) in pieces, for the own cluster's view. Not visible to peers.
// `clustermesh/v1/local/heads/<namespace>/<name>`, JSON LocalService without backends;
// `clustermesh/v1/local/slices/<namespace>/<name>/<slice>`, JSON LocalSlice: the backends that one EndpointSlice names, whose ports
// Kubernetes says once for all of them. The pieces count while the canary is there, which is written when all of them are.

import { parseAddress } from '../model/address.ts';
import type { ClusterName, IpAddress, ServiceKey } from '../model/names.ts';
import { parseServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { NamedPort } from '../model/service.ts';
import { decodeShaped, encodeShaped, list, object, required, text, whole } from './json-shape.ts';
import { isPort, PORT_SHAPE } from './local-service.ts';
import { UINT32_MAX, VALUE_BYTES_MAX } from './record.ts';
import type { SliceName } from './service-slice.ts';
import { SYNCED_ROOT } from './synced.ts';

export const LOCAL_HEADS_PREFIX = 'clustermesh/v1/local/heads/';
export const LOCAL_SLICES_PREFIX = 'clustermesh/v1/local/slices/';

export const localHeadKey = (service: ServiceKey): string => `${LOCAL_HEADS_PREFIX}${service}`;
export const localSliceKey = ({ service, slice }: SliceName): string => `${LOCAL_SLICES_PREFIX}${service}/${slice}`;
/** The own canary of the pieces, where canaries are: so a publisher of a version without pieces removes it when it takes over. */
export const localPiecesCanary = (own: ClusterName): string =>
  `${SYNCED_ROOT}${own}/${LOCAL_SLICES_PREFIX.slice(0, -1)}`;

export interface LocalSliceRecord {
  readonly key: ServiceKey;
  readonly slice: string;
  readonly cluster: string;
  readonly clusterId: number;
  /** Of each backend. */
  readonly ports: readonly NamedPort[];
  /** Canonical, and in one of the two lists. */
  readonly active: readonly IpAddress[];
  readonly terminating: readonly IpAddress[];
}

const SHAPE = object({
  key: required(text),
  slice: required(text),
  cluster: required(text),
  clusterId: required(whole(UINT32_MAX)),
  ports: required(list(PORT_SHAPE)),
  active: required(list(text)),
  terminating: required(list(text)),
});

export const encodeLocalSlice = (slice: LocalSliceRecord): Uint8Array => encodeShaped(slice, SHAPE);

export function decodeLocalSlice(bytes: Uint8Array): Result<LocalSliceRecord, string> {
  const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
  if (!read.ok) return read;
  const slice = read.value as unknown as LocalSliceRecord;
  const problem = problemOf(slice);
  return problem === undefined ? ok(slice) : err(problem);
}

function problemOf({ key, ports, active, terminating }: LocalSliceRecord): string | undefined {
  const parsed = parseServiceKey(key);
  if (!parsed.ok) return `key: ${parsed.error}`;
  if (!ports.every(isPort)) return 'ports holds something that is no port';
  const bad = [...active, ...terminating].find((text) => {
    const address = parseAddress(text);
    return !address.ok || address.value !== text;
  });
  return bad === undefined ? undefined : `backend "${bad}" is no address in its canonical form`;
}
