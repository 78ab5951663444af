// What the programs remember of sockets that they led to a backend, behind the port. Read in the kernel socket by socket: a
// whole map of them has a quarter of a million rows, and only few sockets are ever asked about.

import type { Family } from '../../mesh/model/address.ts';
import { familyOf } from '../../mesh/model/address.ts';
import { parseReverseSk, reverseSkKey } from '../maps/layout.ts';
import { REVERSE_SK_VALUE } from '../maps/structs.ts';
import type { ConnectedSocket, DialledServices, SocketPlace } from '../sockets/port.ts';
import { datapathError, ERRNO } from './failure.ts';
import type { Libbpf } from './libbpf.ts';

/** Descriptors of the object's, valid while it is open. */
export type DialledFds = Readonly<Record<Family, number>>;

export class KernelDialled implements DialledServices {
  readonly #calls: Libbpf;
  readonly #fds: DialledFds;

  constructor(calls: Libbpf, fds: DialledFds) {
    this.#calls = calls;
    this.#fds = fds;
  }

  serviceOf({ cookie, peer }: Pick<ConnectedSocket, 'cookie' | 'peer'>): SocketPlace | undefined {
    const family = familyOf(peer.address);
    const key = reverseSkKey({ cookie, backend: peer });
    const value = new Uint8Array(REVERSE_SK_VALUE[family].size);
    const status = this.#calls.lookup(this.#fds[family], key, value);
    if (status === -ERRNO.ENOENT) return undefined;
    if (status < 0) throw datapathError({ step: 'read sockets', subject: 'reverse_sk', errno: -status });
    return parseReverseSk(key, value)?.service;
  }
}
