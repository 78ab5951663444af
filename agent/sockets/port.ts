// The ports through which sockets are found and closed: what the programs remember of a socket, and the sockets of a node's
// network namespaces. Adapters: agent/datapath (what programs remember), agent/sockets/kernel (the sockets).

import type { Family } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';

export type SocketProtocol = 'TCP' | 'UDP';
export const SOCKET_PROTOCOLS: readonly SocketProtocol[] = ['UDP', 'TCP'];

export interface SocketPlace {
  readonly address: IpAddress;
  readonly port: number;
}

export interface ConnectedSocket {
  /** Of the socket: one of IPv6 may have an IPv4 peer. */
  readonly family: Family;
  readonly protocol: SocketProtocol;
  /** The kernel's name for it, to be given back as it is. */
  readonly id: Uint8Array;
  /** The same number that programs know it by, and never another socket's while the machine runs. */
  readonly cookie: bigint;
  /** Whom it is connected to, after translation. */
  readonly peer: SocketPlace;
}

/** What the programs remember of sockets that they have led to a backend. */
export interface DialledServices {
  /** The service that the socket dialled when it was led to this peer; absent for one that reached it without a service. */
  serviceOf(socket: Pick<ConnectedSocket, 'cookie' | 'peer'>): SocketPlace | undefined;
}

/** `gone`: it was closed, or went elsewhere, since it was listed. A number is the errno of a kernel that refused. */
export type Destruction = 'destroyed' | 'gone' | { readonly errno: number };

/** One network namespace, entered. */
export interface NamespaceSockets {
  /** As many at a time as the kernel gives in one answer: at most some hundreds. Throws an OperationalError. */
  list(family: Family, protocol: SocketProtocol): Iterable<readonly ConnectedSocket[]>;
  destroy(socket: ConnectedSocket): Destruction;
  close(): void;
}

export interface NamespaceDoor {
  /** The inode of the namespace. */
  readonly id: number;
  /** Undefined where it is gone; throws an OperationalError where this process may not go in. The caller closes it. */
  open(): NamespaceSockets | undefined;
}

export interface NodeNamespaces {
  /** Those in which processes of the node run, each once, the own one first. */
  readonly doors: readonly NamespaceDoor[];
  /** Processes whose namespace this one may not know; they may be in others. */
  readonly hiddenProcesses: number;
}

export interface NodeSockets {
  namespaces(pause: () => Promise<void> | undefined): Promise<NodeNamespaces>;
}
