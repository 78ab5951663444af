// Whose an address is that a peer's pods have: what the peer's records say of it, and of the peer's nodes, once admitted.

import type { ClusterName, IpAddress } from './names.ts';

export interface PeerAddressRef {
  readonly cluster: ClusterName;
  /** As a Prefix is written, mostly of a single address: agents hold one for each pod of the mesh, and need no more of it. */
  readonly prefix: string;
}

export interface PeerAddress extends PeerAddressRef {
  readonly identity: number;
  /** The address of the node that has it. */
  readonly host: IpAddress | undefined;
  /** Of encryption; 0 for none. */
  readonly keyIndex: number;
  /** `namespace/name`. */
  readonly pod: string | undefined;
}

export interface PeerNodeRef {
  readonly cluster: ClusterName;
  readonly name: string;
}

export interface PeerNode extends PeerNodeRef {
  readonly addresses: readonly IpAddress[];
}
