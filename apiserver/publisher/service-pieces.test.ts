import { expect, test } from 'vitest';
import type { ClusterId, ClusterName, IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import { clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import type { EndpointSliceObject, ServiceObject } from '../sources/objects.ts';
import type { SliceRef } from '../sources/service-slices.ts';
import { localHead } from './convert/service.ts';
import { ServicePieces } from './service-pieces.ts';

const ONE = 'test/one' as ServiceKey;
const SERVICE: ServiceObject = {
  ...{ kind: 'Service', namespace: 'test', name: 'one', labels: {}, selector: {} },
  annotations: { 'service.cilium.io/global': 'true', 'service.cilium.io/shared': 'true' },
  ...{ external: false, clusterIPs: ['10.96.0.1' as IpAddress], ports: [{ name: 'http', protocol: 'TCP', port: 80 }] },
};

const sliceOf = (name: string, address: string): EndpointSliceObject => ({
  ...{ kind: 'EndpointSlice', namespace: 'test', name, service: ONE },
  endpoints: [
    {
      ...{ addresses: [address as IpAddress], ready: true, serving: true, terminating: false },
      ...{ hostname: undefined, zone: undefined, zoneHints: [] },
    },
  ],
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
});

test('a whole value says what the pieces say as they were written, also while objects are others whose turn is to come', () => {
  const objects = new Map([
    ['a', sliceOf('a', '10.3.0.1')],
    ['b', sliceOf('b', '10.3.0.2')],
    ['c', sliceOf('c', '10.3.0.3')],
  ]);
  const pieces = new ServicePieces({
    cluster: { name: 'west' as ClusterName, id: 3 as ClusterId },
    slices: { slicesOf: () => [...objects.values()], sliceOf: ({ slice }: SliceRef) => objects.get(slice) },
    set: () => {},
  });
  const addresses = () => {
    const whole = pieces.wholeForPeers(ONE);
    const read = whole && clusterServiceKind.decode(whole);
    return read?.ok === true ? Object.keys(read.value.backends) : undefined;
  };
  pieces.setService(ONE, localHead(SERVICE));
  expect(addresses()).toEqual(['10.3.0.1', '10.3.0.2', '10.3.0.3']);
  objects.set('a', sliceOf('a', '10.3.0.8'));
  objects.set('b', sliceOf('b', '10.3.0.9'));
  pieces.setSlice({ service: ONE, slice: 'b' });
  expect(addresses()).toEqual(['10.3.0.1', '10.3.0.3', '10.3.0.9']);
  pieces.setSlice({ service: ONE, slice: 'a' });
  expect(addresses()).toEqual(['10.3.0.3', '10.3.0.8', '10.3.0.9']);
});
