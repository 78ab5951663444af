// What the programs remember of sockets that they led to a backend, behind the port. Read in the kernel socket by socket: the maps
// of them have half a million rows, and only few sockets are ever asked about.

import type { Family } from '../../mesh/model/address.ts';
import { familyOf } from '../../mesh/model/address.ts';
import { parseConnectedSocket, parseReverseSk, type ReverseSkRow, reverseSkKey } from '../maps/layout.ts';
import { CONNECTED_SOCKET, REVERSE_SK_VALUE } from '../maps/structs.ts';
import type { ConnectedSocket, DialledServices, SocketPlace } from '../sockets/port.ts';
import { datapathError, ERRNO } from './failure.ts';
import type { Libbpf } from './libbpf.ts';
import { CONNECTED_SOCKETS } from './sizes.ts';

/** Descriptors of the object's, valid while it is open. */
export interface DialledFds {
  readonly connected: number;
  readonly reverse: Readonly<Record<Family, number>>;
}

type Asked = Pick<ConnectedSocket, 'cookie' | 'peer'>;

/** BPF_F_LOCK. */
const LOCKED = 4;
/** CONNECTED_SOCKETS is a power of two. */
const PLACE_MASK = BigInt(CONNECTED_SOCKETS - 1);

export class KernelDialled implements DialledServices {
  readonly #calls: Libbpf;
  readonly #fds: DialledFds;

  constructor(calls: Libbpf, fds: DialledFds) {
    this.#calls = calls;
    this.#fds = fds;
  }

  serviceOf(socket: Asked): SocketPlace | undefined {
    return this.#connected(socket) ?? this.#reverse(socket);
  }

  #connected({ cookie, peer }: Asked): SocketPlace | undefined {
    const place = Uint32Array.of(Number(cookie & PLACE_MASK));
    const value = new Uint8Array(CONNECTED_SOCKET.size);
    const status = this.#calls.lookupFlags(this.#fds.connected, place, value, LOCKED);
    if (status < 0) throw datapathError({ step: 'read sockets', subject: 'connected', errno: -status });
    const row = parseConnectedSocket(value);
    return row?.cookie === cookie && leadsTo(row, peer) ? row.service : undefined;
  }

  #reverse({ cookie, peer }: Asked): SocketPlace | undefined {
    const family = familyOf(peer.address);
    const key = reverseSkKey({ cookie, backend: peer });
    const value = new Uint8Array(REVERSE_SK_VALUE[family].size);
    const status = this.#calls.lookup(this.#fds.reverse[family], key, value);
    if (status === -ERRNO.ENOENT) return undefined;
    if (status < 0) throw datapathError({ step: 'read sockets', subject: 'reverse_sk', errno: -status });
    return parseReverseSk(key, value)?.service;
  }
}

const leadsTo = ({ backend }: ReverseSkRow, peer: SocketPlace): boolean =>
  backend.address === peer.address && backend.port === peer.port;
