// The values of a snapshot as messages of mesh.proto, and back. Reading is strict: bytes come from another process, and what
// passes here reaches the kernel's maps. Texts and port lists that recur are kept once.

import { parseAddress } from '../model/address.ts';
import {
  type ClusterId,
  type ClusterName,
  type IpAddress,
  parseClusterId,
  parseClusterName,
  parseServiceKey,
  type Revision,
  type ServiceKey,
} from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type Backend, CLIENT_IP_TIMEOUT_SECONDS, type NamedPort, PROTOCOLS } from '../model/service.ts';
import { clientIPTimeoutOf, createdOf, type ServiceSpec } from '../snapshot/equality.ts';
import type { BackendRef } from '../snapshot/order.ts';
import { PortLists } from '../snapshot/port-lists.ts';
import type { Position } from '../snapshot/snapshot.ts';
import type { clustermesh } from './gen/mesh.js';
import { safeNumberOf } from './int64.ts';

export type PositionMessage = clustermesh.v1.Position.$Properties;
export type SpecMessage = clustermesh.v1.ServiceSpec.$Properties;
export type PortMessage = clustermesh.v1.Port.$Properties;
export type BackendMessage = clustermesh.v1.Backend.$Properties;
export type ClusterMessage = clustermesh.v1.ClusterEntry.$Properties;

/** An etcd cluster id, and behind it the epoch of what that etcd holds (epoch.ts). */
const STORE_ID = /^[0-9a-f]{16}(?:-[0-9a-f]{16})?$/;
/** A mesh has at most 511 clusters; more names are damage, and not worth keeping. */
const NAMES_MAX = 511;

export const positionMessage = ({ storeId, revision }: Position): PositionMessage => ({ storeId, revision });

export const specMessage = ({
  frontends,
  ports,
  clientIPTimeoutSeconds,
  createdSeconds,
}: ServiceSpec): SpecMessage => ({
  frontends: [...frontends],
  ports: ports.map(portMessage),
  ...(clientIPTimeoutSeconds === undefined ? {} : { clientIpTimeoutSeconds: clientIPTimeoutSeconds }),
  ...(createdSeconds === undefined ? {} : { createdSeconds }),
});

const portMessage = ({ name, protocol, port }: NamedPort): PortMessage => ({ name, protocol, port });

export const backendMessage = (backend: Backend): BackendMessage => ({
  address: backend.address,
  cluster: backend.cluster,
  clusterId: backend.clusterId,
  terminating: backend.state === 'terminating',
  ports: backend.ports.map(portMessage),
});

export const clusterMessages = (clusters: ReadonlyMap<ClusterName, ClusterId>): ClusterMessage[] =>
  [...clusters].map(([name, id]) => ({ name, id }));

export function parsePosition(message: PositionMessage | null | undefined): Result<Position, string> {
  const storeId = message?.storeId ?? '';
  if (!STORE_ID.test(storeId)) return err('position without the id of an etcd history');
  const revision = safeNumberOf(message?.revision ?? 0);
  if (revision === undefined || revision < 1) return err('position without a revision');
  return ok({ storeId, revision: revision as Revision });
}

export function parseClusters(
  messages: readonly ClusterMessage[],
): Result<ReadonlyMap<ClusterName, ClusterId>, string> {
  const clusters = new Map<ClusterName, ClusterId>();
  for (const message of messages) {
    const name = parseClusterName(message.name ?? '');
    if (!name.ok) return err(`cluster name ${name.error}`);
    const id = parseClusterId(message.id ?? 0, 511);
    if (!id.ok) return err(`cluster id ${id.error}`);
    if (clusters.has(name.value)) return err(`cluster ${name.value} twice`);
    clusters.set(name.value, id.value);
  }
  return ok(clusters);
}

/** Reads values, and keeps what recurs: cluster names, and the port lists that the backends of a service have in common. */
export class ValueReader {
  readonly #names = new Map<string, ClusterName>();
  readonly #portLists = new PortLists();

  key(text: string | null | undefined): Result<ServiceKey, string> {
    const key = parseServiceKey(text ?? '');
    return key.ok ? key : err(`service key ${key.error}`);
  }

  spec(message: SpecMessage): Result<ServiceSpec, string> {
    const ports = this.ports(message.ports ?? []);
    return ports.ok ? this.specWith(ports.value, message) : ports;
  }

  /** Of a message whose ports were read. */
  specWith(ports: readonly NamedPort[], message: Omit<SpecMessage, 'ports'>): Result<ServiceSpec, string> {
    const frontends: IpAddress[] = [];
    for (const text of message.frontends ?? []) {
      const address = parseAddress(text);
      if (!address.ok) return err(`frontend: ${address.error}`);
      frontends.push(address.value);
    }
    const seconds = message.clientIpTimeoutSeconds ?? 0;
    if (seconds > CLIENT_IP_TIMEOUT_SECONDS.max) return err(`session affinity of ${seconds} seconds`);
    return ok({
      frontends,
      ports,
      ...clientIPTimeoutOf({ clientIPTimeoutSeconds: seconds }),
      ...createdOf({ createdSeconds: message.createdSeconds ?? 0 }),
    });
  }

  backend(message: BackendMessage): Result<Backend, string> {
    const ref = this.ref(message);
    if (!ref.ok) return ref;
    const clusterId = this.clusterId(message.clusterId ?? 0);
    if (!clusterId.ok) return clusterId;
    const ports = this.ports(message.ports ?? []);
    if (!ports.ok) return ports;
    return ok({
      address: ref.value.address,
      cluster: ref.value.cluster,
      clusterId: clusterId.value,
      state: message.terminating === true ? 'terminating' : 'active',
      ports: ports.value,
    });
  }

  ref(message: { readonly address?: string | null; readonly cluster?: string | null }): Result<BackendRef, string> {
    const address = this.backendAddress(message.address ?? '');
    if (!address.ok) return address;
    const cluster = this.clusterName(message.cluster ?? '');
    return cluster.ok ? ok({ address: address.value, cluster: cluster.value }) : cluster;
  }

  backendAddress(text: string): Result<IpAddress, string> {
    const address = parseAddress(text);
    return address.ok ? address : err(`address of a backend: ${address.error}`);
  }

  clusterId(id: number): Result<ClusterId, string> {
    const parsed = parseClusterId(id, 511);
    return parsed.ok ? parsed : err(`cluster id of a backend ${parsed.error}`);
  }

  clusterName(text: string): Result<ClusterName, string> {
    const known = this.#names.get(text);
    if (known !== undefined) return ok(known);
    const name = parseClusterName(text);
    if (!name.ok) return err(`cluster name of a backend ${name.error}`);
    if (this.#names.size >= NAMES_MAX) this.#names.clear();
    this.#names.set(text, name.value);
    return name;
  }

  port(message: PortMessage): Result<NamedPort, string> {
    const protocol = PROTOCOLS.find((one) => one === message.protocol);
    if (protocol === undefined) return err('port without a known protocol');
    const port = message.port ?? 0;
    if (port < 1 || port > 65_535) return err('port outside 1 to 65535');
    return ok({ name: message.name ?? '', protocol, port });
  }

  ports(messages: readonly PortMessage[]): Result<readonly NamedPort[], string> {
    const ports: NamedPort[] = [];
    for (const message of messages) {
      const port = this.port(message);
      if (!port.ok) return port;
      ports.push(port.value);
    }
    return ok(this.portList(ports));
  }

  /** The list that says the same as this one and came first. */
  portList(ports: readonly NamedPort[]): readonly NamedPort[] {
    return this.#portLists.intern(ports);
  }
}
