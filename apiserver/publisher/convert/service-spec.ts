// How a shared service is exported, as peers read and compare it (mesh/wire/service-spec.ts). Without objects of the Multi-Cluster
// Services API an export is as old as its Service, and of the labels and annotations those are exported that the owner names:
// the others describe one cluster's copy (its release, its tools), and would differ everywhere.

import { familyOf } from '../../../mesh/model/address.ts';
import type { LocalService, NamedPort } from '../../../mesh/model/service.ts';
import type { ServiceSpecRecord, SpecPort } from '../../../mesh/wire/service-spec.ts';
import { formatTime } from '../../../mesh/wire/time.ts';
import { exportedNames } from '../../sources/annotations.ts';
import type { IpFamily, ServiceObject, TextMap } from '../../sources/objects.ts';
import type { ClusterSettings } from '../settings.ts';

/** Absent when the service is not shared. `local` is what `service` is converted to. */
export function serviceSpec(
  service: ServiceObject,
  local: LocalService,
  cluster: Pick<ClusterSettings, 'name'>,
): ServiceSpecRecord | undefined {
  if (!local.shared) return undefined;
  const exported = exportedNames(service.annotations);
  const { clientIPTimeoutSeconds: timeoutSeconds, createdAt, trafficDistribution } = service;
  return {
    cluster: cluster.name,
    name: service.name,
    namespace: service.namespace,
    annotations: only(service.annotations, exported.annotations),
    labels: only(service.labels, exported.labels),
    ...(createdAt === undefined ? {} : { exportCreationTimestamp: formatTime(createdAt) }),
    ports: service.ports.map((port) => specPort(port, service.appProtocols)),
    type: service.clusterIPs.length === 0 ? 'Headless' : 'ClusterSetIP',
    sessionAffinity: timeoutSeconds === undefined ? 'None' : 'ClientIP',
    ...(timeoutSeconds === undefined ? {} : { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }),
    ipFamilies: familiesOf(service),
    internalTrafficPolicy: service.internalTrafficPolicy ?? 'Cluster',
    ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
  };
}

function only(map: TextMap, names: readonly string[]): TextMap {
  const there = names.filter((name) => Object.hasOwn(map, name)).sort();
  return Object.fromEntries(there.map((name) => [name, map[name] ?? '']));
}

const specPort = ({ name, protocol, port }: NamedPort, appProtocols: TextMap = {}): SpecPort => ({
  name,
  protocol,
  ...(Object.hasOwn(appProtocols, name) ? { appProtocol: appProtocols[name] ?? '' } : {}),
  port,
});

/** As the service says, else as its addresses are; of a headless one that says nothing they are not known. */
function familiesOf({ ipFamilies, clusterIPs }: ServiceObject): readonly IpFamily[] {
  return ipFamilies ?? [...new Set(clusterIPs.map((address): IpFamily => (familyOf(address) === 4 ? 'IPv4' : 'IPv6')))];
}
