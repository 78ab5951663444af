// The local cluster's objects in the subset of fields that a mesh reads: own types, already validated, with canonical
// addresses. Not the Kubernetes API: each source (manifest files, later informers) converts into these.

import type { IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { Prefix } from '../../mesh/model/prefix.ts';
import type { NamedPort, Protocol } from '../../mesh/model/service.ts';

export type ObjectKind = 'Namespace' | 'Service' | 'EndpointSlice' | 'Node' | 'Pod';

/** Which object; `key` is `name`, or `namespace/name` where the kind has namespaces. */
export interface ObjectRef {
  readonly kind: ObjectKind;
  readonly key: string;
}

export type TextMap = Readonly<Record<string, string>>;

export interface NamespaceObject {
  readonly kind: 'Namespace';
  readonly name: string;
  readonly labels: TextMap;
  readonly annotations: TextMap;
}

export type IpFamily = 'IPv4' | 'IPv6';

/** Of a Service, what only matters beside those of other clusters; absent where it is Kubernetes' default. */
export interface ExportFields {
  /** Milliseconds since the epoch. */
  readonly createdAt?: number;
  /** The preferred one first; absent where nobody has decided yet. */
  readonly ipFamilies?: readonly IpFamily[];
  readonly internalTrafficPolicy?: 'Local';
  readonly trafficDistribution?: string;
  /** By the name of the port. */
  readonly appProtocols?: TextMap;
}

export interface ServiceObject extends ExportFields {
  readonly kind: 'Service';
  readonly namespace: string;
  readonly name: string;
  readonly labels: TextMap;
  readonly annotations: TextMap;
  /** ExternalName: a name for something outside, which no backend answers for. */
  readonly external: boolean;
  /** Empty for headless services. */
  readonly clusterIPs: readonly IpAddress[];
  readonly ports: readonly NamedPort[];
  /** Absent unless `sessionAffinity` is ClientIP. */
  readonly clientIPTimeoutSeconds?: number;
  readonly selector: TextMap;
}

export interface SliceEndpoint {
  readonly addresses: readonly IpAddress[];
  /** As Kubernetes says: an unset `ready` is true, an unset `serving` is what `ready` is. */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly hostname: string | undefined;
  readonly zone: string | undefined;
  readonly zoneHints: readonly string[];
}

export interface EndpointSliceObject {
  readonly kind: 'EndpointSlice';
  readonly namespace: string;
  readonly name: string;
  /** The service that the slice's label names; absent when it belongs to none. */
  readonly service: ServiceKey | undefined;
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly NamedPort[];
}

export interface NodeAddress {
  /** InternalIP, ExternalIP, CiliumInternalIP, ...; names of hosts are left out. */
  readonly type: string;
  readonly address: IpAddress;
}

export interface NodeObject {
  readonly kind: 'Node';
  readonly name: string;
  readonly labels: TextMap;
  readonly addresses: readonly NodeAddress[];
  readonly podCIDRs: readonly Prefix[];
  readonly bootId: string;
}

export interface ContainerPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
}

export interface PodObject {
  readonly kind: 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly labels: TextMap;
  readonly serviceAccount: string;
  readonly nodeName: string | undefined;
  readonly hostNetwork: boolean;
  /** Succeeded or Failed: its addresses may be another pod's by now. */
  readonly finished: boolean;
  readonly addresses: readonly IpAddress[];
  readonly hostAddress: IpAddress | undefined;
  /** Only those with a name. */
  readonly ports: readonly ContainerPort[];
}

export type ClusterObject = NamespaceObject | ServiceObject | EndpointSliceObject | NodeObject | PodObject;

/** All objects by their keys. A live view: read it while working on a key, and do not keep it as a snapshot. */
export interface ClusterObjects {
  readonly namespaces: ReadonlyMap<string, NamespaceObject>;
  readonly services: ReadonlyMap<string, ServiceObject>;
  readonly endpointSlices: ReadonlyMap<string, EndpointSliceObject>;
  readonly nodes: ReadonlyMap<string, NodeObject>;
  readonly pods: ReadonlyMap<string, PodObject>;
}

export function objectKey(object: ClusterObject): string {
  return 'namespace' in object ? `${object.namespace}/${object.name}` : object.name;
}

export const refOf = (object: ClusterObject): ObjectRef => ({ kind: object.kind, key: objectKey(object) });

/** A ref as one text, for sets and queues. */
export const refText = ({ kind, key }: ObjectRef): string => `${kind} ${key}`;
