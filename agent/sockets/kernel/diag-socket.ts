// A socket of NETLINK_SOCK_DIAG, made in one network namespace, where it stays whoever uses it: asks for the connected sockets
// there and closes one. The kernel prepares an answer while it is asked, so nothing here ever waits.

import { closeSync } from 'node:fs';
import type { Family } from '../../../mesh/model/address.ts';
import { errnoText } from '../../../runtime/errno.ts';
import { OperationalError } from '../../../runtime/errors.ts';
import { type DiagReply, destroyRequest, listRequest, parseReply, type SocketName } from '../inet-diag.ts';
import type { ConnectedSocket, Destruction, NamespaceSockets, SocketProtocol } from '../port.ts';
import { type LoadedLibc, loadLibc } from './libc.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const MSG_DONTWAIT = 0x40;
const ENOENT = 2;
const EINTR = 4;
const ESTALE = 116;
/** The kernel fills at most 32 KiB of an answer at once: some 300 sockets, less than a millisecond. */
const ANSWER_BYTES_MAX = 64 * 1024;

export class DiagSocket implements NamespaceSockets {
  readonly #libc: LoadedLibc;
  readonly #fd: number;
  readonly #answer = new Uint8Array(ANSWER_BYTES_MAX);
  #sequence = 0;
  #closed = false;

  constructor(libc: LoadedLibc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
  }

  *list(family: Family, protocol: SocketProtocol): Iterable<readonly ConnectedSocket[]> {
    const sequence = this.#next();
    this.#send(listRequest(family, protocol, sequence));
    for (;;) {
      const { sockets, ended } = this.#receive(protocol, sequence);
      yield sockets;
      if (ended === undefined) continue;
      if (ended !== 0) throw diagError(`list ${protocol} sockets`, ended);
      return;
    }
  }

  destroy(socket: SocketName): Destruction {
    const sequence = this.#next();
    this.#send(destroyRequest(socket, sequence));
    for (;;) {
      const { ended } = this.#receive(socket.protocol, sequence);
      if (ended === undefined) continue;
      if (ended === 0) return 'destroyed';
      return ended === ENOENT || ended === ESTALE ? 'gone' : { errno: ended };
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #next(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  #send(request: Uint8Array): void {
    if (this.#closed) throw new Error('the socket is closed');
    const sent = this.#call(() => this.#libc.calls.send(this.#fd, request, request.length, 0));
    if (sent < 0) throw diagError('ask for sockets', this.#libc.errno());
  }

  #receive(protocol: SocketProtocol, sequence: number): DiagReply {
    const length = this.#call(() => this.#libc.calls.recv(this.#fd, this.#answer, ANSWER_BYTES_MAX, MSG_DONTWAIT));
    if (length < 0) throw diagError('read sockets', this.#libc.errno());
    const reply = parseReply(this.#answer.subarray(0, length), protocol, sequence);
    if (reply.ok) return reply.value;
    throw new OperationalError({
      code: 'SOCKETS_FAILED',
      operation: 'read sockets',
      reason: `the kernel answered what cannot be read: ${reply.error}`,
    });
  }

  #call(call: () => number): number {
    for (;;) {
      const result = call();
      if (result >= 0 || this.#libc.errno() !== EINTR) return result;
    }
  }
}

/** In the namespace that the calling thread is in. */
export function openDiagSocket(): DiagSocket {
  const libc = loadLibc();
  const fd = libc.calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) throw diagError('open a socket of NETLINK_SOCK_DIAG', libc.errno());
  return new DiagSocket(libc, fd);
}

function diagError(operation: string, errno: number): OperationalError {
  return new OperationalError({
    code: 'SOCKETS_FAILED',
    operation,
    reason: errnoText(errno),
    // The kernel has no handler for a kind of socket that it was not built to tell of.
    hint:
      errno === ENOENT
        ? 'use a kernel with CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG and CONFIG_INET_UDP_DIAG, or load inet_diag, tcp_diag and udp_diag'
        : 'run as root, or grant CAP_NET_ADMIN and CAP_SYS_ADMIN',
  });
}
