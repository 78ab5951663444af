// A Pod of a manifest: where it runs, its addresses, and the labels and service account that make its identity.

import type { IpAddress } from '../../../mesh/model/names.ts';
import type { ContainerPort, PodObject } from '../objects.ts';
import type { Fields } from './fields.ts';
import type { ObjectMeta } from './read-meta.ts';

const DEFAULT_SERVICE_ACCOUNT = 'default';

export function readPod({ namespace, name, labels }: ObjectMeta, fields: Fields): PodObject {
  const spec = fields.at('spec').map();
  const status = fields.at('status').map();
  const phase = status.at('phase').text();
  return {
    kind: 'Pod',
    namespace,
    name,
    labels,
    serviceAccount: spec.at('serviceAccountName').text() || DEFAULT_SERVICE_ACCOUNT,
    nodeName: spec.at('nodeName').text(),
    hostNetwork: spec.at('hostNetwork').flag() ?? false,
    finished: phase === 'Succeeded' || phase === 'Failed',
    addresses: readPodAddresses(status),
    hostAddress: status.at('hostIP').address(),
    ports: spec.at('containers').items().flatMap(readNamedPorts),
  };
}

function readPodAddresses(status: Fields): readonly IpAddress[] {
  const many = status
    .at('podIPs')
    .items()
    .map((item) => item.at('ip'));
  const given = many.length > 0 ? many : [status.at('podIP')];
  return [...new Set(given.flatMap((field) => field.address() ?? []))];
}

function readNamedPorts(container: Fields): readonly ContainerPort[] {
  return container
    .at('ports')
    .items()
    .flatMap((item) => {
      const name = item.at('name').text();
      const port = item.at('containerPort').port();
      const protocol = item.at('protocol').protocol();
      return name === undefined ? [] : [{ name, port, protocol }];
    });
}
