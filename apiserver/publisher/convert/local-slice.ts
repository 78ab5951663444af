// What the own cluster's view reads of one EndpointSlice. Pure; a slice without a backend that answers anybody has no record.

import type { IpAddress } from '../../../mesh/model/names.ts';
import type { BackendState } from '../../../mesh/model/service.ts';
import { comparePorts, compareText } from '../../../mesh/snapshot/order.ts';
import type { LocalSliceRecord } from '../../../mesh/wire/local-slice.ts';
import type { EndpointSliceObject } from '../../sources/objects.ts';
import type { ClusterSettings } from '../settings.ts';
import { statesOf } from './service.ts';

export function localSlice(
  slice: EndpointSliceObject,
  cluster: Pick<ClusterSettings, 'name' | 'id'>,
): LocalSliceRecord | undefined {
  const states = statesOf(slice);
  if (slice.service === undefined || states.size === 0) return undefined;
  return {
    ...{ key: slice.service, slice: slice.name, cluster: cluster.name, clusterId: cluster.id },
    ports: [...slice.ports].sort(comparePorts),
    ...{ active: only(states, 'active'), terminating: only(states, 'terminating') },
  };
}

const only = (states: ReadonlyMap<IpAddress, BackendState>, state: BackendState): readonly IpAddress[] =>
  [...states].flatMap(([address, own]) => (own === state ? [address] : [])).sort(compareText);
