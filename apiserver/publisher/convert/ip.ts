// A pod's addresses as Cilium's IPIdentityPair: which identity answers behind an address, and on which node.

import { familyOf } from '../../../mesh/model/address.ts';
import type { IpAddress, NumericIdentity } from '../../../mesh/model/names.ts';
import type { IpIdentityRecord } from '../../../mesh/wire/ip-identity.ts';
import type { NodeObject, PodObject } from '../../sources/objects.ts';

/** A pod on the host's network has the node's addresses, which its node record says; of a finished one they are free again. */
export const publishedAddresses = (pod: PodObject): readonly IpAddress[] =>
  pod.hostNetwork || pod.finished ? [] : pod.addresses;

export function ipIdentityRecord(
  pod: PodObject,
  address: IpAddress,
  { identity, host }: { readonly identity: NumericIdentity; readonly host: IpAddress | undefined },
): IpIdentityRecord {
  return {
    IP: address,
    Mask: null,
    HostIP: host ?? '',
    ID: identity,
    Key: 0,
    Metadata: '',
    K8sNamespace: pod.namespace,
    K8sPodName: pod.name,
    K8sServiceAccount: pod.serviceAccount,
    ...(pod.ports.length === 0
      ? {}
      : { NamedPorts: pod.ports.map(({ name, port, protocol }) => ({ Name: name, Port: port, Protocol: protocol })) }),
  };
}

/** The address by which other nodes reach the pod's node: as the pod says, else the node's first internal one, IPv4 first. */
export function hostAddress(pod: PodObject, node: NodeObject | undefined): IpAddress | undefined {
  if (pod.hostAddress !== undefined) return pod.hostAddress;
  const internal = node?.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address) ?? [];
  return internal.find((address) => familyOf(address) === 4) ?? internal[0];
}
