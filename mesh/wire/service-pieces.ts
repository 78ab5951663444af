// What a service in pieces means: its head, and the union of what its slices say of backends. And the way back: a whole service as
// head and slices. Pure, and the only place with the rule for an address that several slices name (both sides of a move, or one
// slice for each set of ports): it is one backend, with the ports of all; where they say different things of one port, one host
// name or one zone, the slice counts whose name sorts first.

import type { ClusterServiceRecord, PortValue } from './cluster-service.ts';
import type { ServiceHeadRecord } from './service-head.ts';
import type { ServiceSliceRecord } from './service-slice.ts';

/** The whole service, in whatever order the slices come. A slice's unknown fields have no place in it. */
export function composeService(
  head: ServiceHeadRecord,
  slices: Iterable<Pick<ServiceSliceRecord, 'slice' | keyof Union>>,
): ClusterServiceRecord {
  return { ...head, ...uniteSlices(slices) };
}

/** What is said of backends, address by address. */
export type Union = Pick<ClusterServiceRecord, 'backends' | 'hostnames' | 'zones'>;

export function uniteSlices(slices: Iterable<Pick<ServiceSliceRecord, 'slice' | keyof Union>>): Union {
  const sorted = [...slices].sort((a, b) => (a.slice < b.slice ? -1 : a.slice > b.slice ? 1 : 0));
  const backends = new Map<string, PortsByName>();
  const hostnames = new Map<string, string>();
  const zones = new Map<string, unknown>();
  for (const slice of sorted) {
    for (const [address, ports] of Object.entries(slice.backends)) {
      const known = backends.get(address);
      backends.set(address, known === undefined ? ports : unitePorts(known, ports));
    }
    addMissing(hostnames, slice.hostnames);
    addMissing(zones, slice.zones);
  }
  return {
    backends: Object.fromEntries(backends),
    ...filled('hostnames', Object.fromEntries(hostnames)),
    ...filled('zones', Object.fromEntries(zones)),
  };
}

type PortsByName = Readonly<Record<string, PortValue>>;

/** What two slices say of the ports of one address: what the first says of a name stays. */
export const unitePorts = (first: PortsByName, second: PortsByName): PortsByName => ({ ...second, ...first });

function addMissing<T>(to: Map<string, T>, from: Readonly<Record<string, T>> = {}): void {
  for (const [address, value] of Object.entries(from)) if (!to.has(address)) to.set(address, value);
}

const filled = <N extends string, T extends object>(name: N, value: T): { readonly [K in N]?: T } =>
  Object.keys(value).length === 0 ? {} : ({ [name]: value } as { readonly [K in N]: T });

export interface ServicePieces {
  readonly head: ServiceHeadRecord;
  readonly slices: readonly ServiceSliceRecord[];
}

/** The service in pieces, each backend in the slice that `sliceOf` names. */
export function splitService(
  service: ClusterServiceRecord,
  sliceOf: (address: string, index: number) => string,
): ServicePieces {
  const { cluster, namespace, name, clusterID, hostnames = {}, zones = {} } = service;
  const addresses = new Map<string, string[]>();
  for (const [at, address] of Object.keys(service.backends).entries()) {
    const slice = sliceOf(address, at);
    const known = addresses.get(slice);
    if (known === undefined) addresses.set(slice, [address]);
    else known.push(address);
  }
  const slices = [...addresses].map(
    ([slice, own]): ServiceSliceRecord => ({
      ...{ cluster, namespace, name, slice, clusterID },
      backends: only(service.backends, own),
      ...filled('hostnames', only(hostnames, own)),
      ...filled('zones', only(zones, own)),
    }),
  );
  return { head: headOf(service), slices };
}

/** Everything of a service but its backends. */
export function headOf(service: ClusterServiceRecord): ServiceHeadRecord {
  const { hostnames: _hostnames, zones: _zones, ...rest } = service;
  return { ...rest, backends: {} };
}

const only = <T>(map: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> =>
  Object.fromEntries(names.flatMap((name) => (Object.hasOwn(map, name) ? [[name, map[name] as T]] : [])));
