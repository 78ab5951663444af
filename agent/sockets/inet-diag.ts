// The part of the kernel's sock_diag protocol (NETLINK_SOCK_DIAG, linux/inet_diag.h) that finds connected sockets and closes
// one of them: the bytes of a request, and what a reply of the kernel says. Pure and strict: a reply that does not have the
// shape that it should is an error, never half a socket. Who asks, in which network namespace and why is not known here.

import { addressFromBytes, type Family } from '../../mesh/model/address.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { host16, host32, network16, putHost16, putHost32 } from '../maps/bytes.ts';
import type { ConnectedSocket, SocketProtocol } from './port.ts';

/** linux/sock_diag.h, linux/netlink.h. */
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const NLMSG_NOOP = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;

const FAMILY_NUMBERS: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const PROTOCOL_NUMBERS: Readonly<Record<SocketProtocol, number>> = { TCP: 6, UDP: 17 };

/** struct nlmsghdr: length, type, flags, sequence, port id. */
const HEADER = { size: 16, length: 0, type: 4, flags: 6, sequence: 8 } as const;
/** struct inet_diag_req_v2, after the header. */
const REQUEST = { size: 56, family: 0, protocol: 1, states: 4, id: 8 } as const;
/** struct inet_diag_msg, after the header; attributes follow it. */
const MESSAGE = { size: 72, family: 0, state: 1, id: 4 } as const;
/** struct inet_diag_sockid: ports and addresses in network order, then interface and cookie in the host's. */
const ID = { size: 48, port: 2, address: 20, cookie: 40 } as const;

const TCP_ESTABLISHED = 1;
const TCP_SYN_SENT = 2;
const TCP_FIN_WAIT1 = 4;
const TCP_FIN_WAIT2 = 5;
const TCP_CLOSE_WAIT = 8;
const bits = (...states: readonly number[]): number => states.reduce((all, state) => all | (1 << state), 0);
/**
 * States in which an application may still wait for its peer. A UDP socket is in the first of them exactly while it is
 * connected.
 */
const STATES: Readonly<Record<SocketProtocol, number>> = {
  UDP: bits(TCP_ESTABLISHED),
  TCP: bits(TCP_ESTABLISHED, TCP_SYN_SENT, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT),
};

/** Asks for all connected sockets of one kind. The answer comes in several datagrams. */
export function listRequest(family: Family, protocol: SocketProtocol, sequence: number): Uint8Array {
  const bytes = request(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence, family, protocol);
  putHost32(bytes, HEADER.size + REQUEST.states, STATES[protocol]);
  return bytes;
}

/** Asks to close a socket; `id` is as the kernel gave it, cookie included: no other socket can be meant. */
export function destroyRequest({ family, protocol, id }: SocketName, sequence: number): Uint8Array {
  const bytes = request(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, sequence, family, protocol);
  bytes.set(id, HEADER.size + REQUEST.id);
  return bytes;
}

export type SocketName = Pick<ConnectedSocket, 'family' | 'protocol' | 'id'>;

/** The name of no socket: cookies count from 1, and nothing is bound to port 0. */
export const NO_SOCKET: Uint8Array = new Uint8Array(ID.size);

function request(type: number, flags: number, sequence: number, family: Family, protocol: SocketProtocol): Uint8Array {
  const bytes = new Uint8Array(HEADER.size + REQUEST.size);
  putHost32(bytes, HEADER.length, bytes.length);
  putHost16(bytes, HEADER.type, type);
  putHost16(bytes, HEADER.flags, flags);
  putHost32(bytes, HEADER.sequence, sequence);
  bytes[HEADER.size + REQUEST.family] = FAMILY_NUMBERS[family];
  bytes[HEADER.size + REQUEST.protocol] = PROTOCOL_NUMBERS[protocol];
  return bytes;
}

/** One datagram of an answer. */
export interface DiagReply {
  readonly sockets: readonly ConnectedSocket[];
  /** Nothing more will come for this request; 0, or the errno that it failed with. Absent while there is more. */
  readonly ended?: number;
}

/** What a datagram says on the request of that sequence number; what belongs to another one, cut short before, is passed over. */
export function parseReply(bytes: Uint8Array, protocol: SocketProtocol, sequence: number): Result<DiagReply, string> {
  const sockets: ConnectedSocket[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER.size) return err(`${bytes.length - at} bytes are no header`);
    const length = host32(bytes, at + HEADER.length);
    if (length < HEADER.size || length > bytes.length - at) return err(`a message of ${length} bytes does not fit`);
    const type = host16(bytes, at + HEADER.type);
    const payload = bytes.subarray(at + HEADER.size, at + length);
    const asked = host32(bytes, at + HEADER.sequence) === sequence;
    at += align(length);
    if (!asked || type === NLMSG_NOOP) continue;
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      const status = statusOf(payload);
      return status === undefined ? err('an end without a status') : ok({ sockets, ended: status });
    }
    if (type !== SOCK_DIAG_BY_FAMILY) return err(`a message of type ${type} was not asked for`);
    const socket = parseSocket(payload, protocol);
    if (!socket.ok) return socket;
    sockets.push(socket.value);
  }
  return ok({ sockets });
}

/** A positive errno, or 0. */
function statusOf(payload: Uint8Array): number | undefined {
  if (payload.length < 4) return undefined;
  const status = host32(payload, 0) | 0;
  return status > 0 ? undefined : Math.abs(status);
}

function parseSocket(payload: Uint8Array, protocol: SocketProtocol): Result<ConnectedSocket, string> {
  if (payload.length < MESSAGE.size) return err(`${payload.length} bytes are no socket`);
  const family = payload[MESSAGE.family] === FAMILY_NUMBERS[4] ? 4 : 6;
  if (payload[MESSAGE.family] !== FAMILY_NUMBERS[family]) return err(`family ${payload[MESSAGE.family]} is neither`);
  // A copy: the buffer that it came in is used again.
  const id = Uint8Array.from(payload.subarray(MESSAGE.id, MESSAGE.id + ID.size));
  return ok({
    family,
    protocol,
    id,
    cookie: BigInt(host32(id, ID.cookie)) | (BigInt(host32(id, ID.cookie + 4)) << 32n),
    // An IPv4-mapped address comes out as the IPv4 address that it is.
    peer: {
      address: addressFromBytes(id.subarray(ID.address, ID.address + (family === 4 ? 4 : 16))),
      port: network16(id, ID.port),
    },
  });
}

/** Messages start at multiples of four bytes. */
const align = (length: number): number => (length + 3) & ~3;
