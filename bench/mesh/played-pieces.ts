// A played service as its cluster publishes it: Cilium's whole value, and beside it the head and the slices, with as many backends in
// each as Kubernetes puts into an EndpointSlice.

import type { ClusterName } from '../../mesh/model/names.ts';
import { serviceKey } from '../../mesh/model/names.ts';
import { type ClusterServiceRecord, clusterServiceKey, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { serviceHeadKey, serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { splitService } from '../../mesh/wire/service-pieces.ts';
import { serviceSliceKey, serviceSliceKind } from '../../mesh/wire/service-slice.ts';

const BACKENDS_PER_SLICE = 100;

/** Slices first, as the publisher writes them. */
export function publishedService(service: ClusterServiceRecord): readonly (readonly [string, Uint8Array])[] {
  const cluster = service.cluster as ClusterName;
  const key = serviceKey(service.namespace, service.name);
  const { head, slices } = splitService(service, (_, at) =>
    sliceName(service.name, Math.floor(at / BACKENDS_PER_SLICE)),
  );
  return [
    ...slices.map(
      (slice) =>
        [serviceSliceKey(cluster, { service: key, slice: slice.slice }), serviceSliceKind.encode(slice)] as const,
    ),
    [serviceHeadKey(cluster, key), serviceHeadKind.encode(head)],
    [clusterServiceKey(cluster, key), clusterServiceKind.encode(service)],
  ];
}

/** Keys of the slices behind those that the service needs now, as far as it has had them. */
export function slicesBehind(service: ClusterServiceRecord, has: (key: string) => boolean): readonly string[] {
  const key = serviceKey(service.namespace, service.name);
  const gone: string[] = [];
  for (let at = Math.ceil(Object.keys(service.backends).length / BACKENDS_PER_SLICE); ; at += 1) {
    const slice = serviceSliceKey(service.cluster as ClusterName, { service: key, slice: sliceName(service.name, at) });
    if (!has(slice)) return gone;
    gone.push(slice);
  }
}

const sliceName = (service: string, at: number): string => `${service}-${at}`;
