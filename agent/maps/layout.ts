// STABLE: the bytes of the service maps' rows, byte for byte those of Cilium's IPv4 load-balancer maps, so that its tools can
// read ours. The C side is bpf/include/; a test compares the offsets here with the types in the compiled object. Addresses,
// ports and service ids are in network order, everything else in the host's, which has to be little endian. Padding is zero:
// the kernel compares keys as raw bytes. A `parse` gives undefined for a row that no version of this program would write.

import type { IpAddress } from '../../mesh/model/names.ts';

export type RowProtocol = 'TCP' | 'UDP';
export type BackendRowState = 'active' | 'terminating' | 'quarantined' | 'maintenance';

/** A struct in bpf/include/: its size, and the offset of every field by the field's name in C. */
export interface Layout<Field extends string = string> {
  readonly struct: string;
  readonly size: number;
  readonly offsets: Readonly<Record<Field, number>>;
}

const layout = <Field extends string>(
  struct: string,
  size: number,
  offsets: Readonly<Record<Field, number>>,
): Layout<Field> => ({ struct, size, offsets });

export const SERVICE_KEY = layout('service4_key', 12, {
  address: 0,
  port: 4,
  slot: 6,
  protocol: 8,
  scope: 9,
  pad: 10,
});
export const SERVICE_VALUE = layout('service4', 12, {
  backend_id: 0,
  count: 4,
  rev_nat_id: 6,
  flags: 8,
  flags2: 9,
  qcount: 10,
});
export const BACKEND_KEY = layout('backend4_key', 4, { backend_id: 0 });
export const BACKEND_VALUE = layout('backend4', 12, {
  address: 0,
  port: 4,
  protocol: 6,
  state: 7,
  cluster_id: 8,
  zone: 10,
  pad: 11,
});
export const REVERSE_NAT_KEY = layout('reverse_nat4_key', 2, { rev_nat_id: 0 });
export const REVERSE_NAT_VALUE = layout('reverse_nat4', 6, { address: 0, port: 4 });
/** Written by the programs alone, read by tests and tools. */
export const REVERSE_SK_KEY = layout('reverse_sk4_key', 16, { cookie: 0, address: 8, port: 12, pad: 14 });
export const REVERSE_SK_VALUE = layout('reverse_sk4', 8, { address: 0, port: 4, rev_nat_id: 6 });

export const LAYOUTS: readonly Layout[] = [
  SERVICE_KEY,
  SERVICE_VALUE,
  BACKEND_KEY,
  BACKEND_VALUE,
  REVERSE_NAT_KEY,
  REVERSE_NAT_VALUE,
  REVERSE_SK_KEY,
  REVERSE_SK_VALUE,
];

/** 0 and 0xffff mean none. */
export const REV_NAT_ID_MAX = 0xfffe;
/** 0 means none. */
export const BACKEND_ID_MAX = 0xffff_fffe;
/** Slots are numbered from 1; slot 0 is the master. */
export const MASTER_SLOT = 0;

const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17 } as const;
const BACKEND_STATES: readonly BackendRowState[] = ['active', 'terminating', 'quarantined', 'maintenance'];

export interface ServiceRowKey {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: RowProtocol;
  /** 0 for the master, then 1 to count + qcount. */
  readonly slot: number;
}

export function serviceKey({ address, port, protocol, slot }: ServiceRowKey): Uint8Array {
  const bytes = new Uint8Array(SERVICE_KEY.size);
  const at = SERVICE_KEY.offsets;
  putAddress(bytes, at.address, address);
  putNetwork16(bytes, at.port, port);
  putHost16(bytes, at.slot, slot);
  bytes[at.protocol] = PROTOCOL_NUMBERS[protocol];
  return bytes;
}

export function parseServiceKey(bytes: Uint8Array): ServiceRowKey | undefined {
  const at = SERVICE_KEY.offsets;
  const protocol = protocolOf(bytes[at.protocol]);
  if (bytes.length !== SERVICE_KEY.size || protocol === undefined) return undefined;
  if (bytes[at.scope] !== 0 || network16(bytes, at.pad) !== 0) return undefined;
  return {
    address: address(bytes, at.address),
    port: network16(bytes, at.port),
    protocol,
    slot: host16(bytes, at.slot),
  };
}

export interface ServiceRowValue {
  /** In a slot; 0 in a master. */
  readonly backendId: number;
  /** In a master: how many slots, from 1 on, take new connections. */
  readonly count: number;
  readonly revNatId: number;
  readonly flags: number;
  readonly flags2: number;
  /** In a master: how many slots after those only keep the connections they have. */
  readonly qcount: number;
}

export interface MasterRow {
  readonly count: number;
  /** @default 0 */
  readonly qcount?: number;
  readonly revNatId: number;
}

export function masterValue({ count, qcount = 0, revNatId }: MasterRow): Uint8Array {
  const bytes = new Uint8Array(SERVICE_VALUE.size);
  putHost16(bytes, SERVICE_VALUE.offsets.count, count);
  putHost16(bytes, SERVICE_VALUE.offsets.qcount, qcount);
  putNetwork16(bytes, SERVICE_VALUE.offsets.rev_nat_id, revNatId);
  return bytes;
}

export function slotValue({ backendId, revNatId }: Pick<ServiceRowValue, 'backendId' | 'revNatId'>): Uint8Array {
  const bytes = new Uint8Array(SERVICE_VALUE.size);
  putHost32(bytes, SERVICE_VALUE.offsets.backend_id, backendId);
  putNetwork16(bytes, SERVICE_VALUE.offsets.rev_nat_id, revNatId);
  return bytes;
}

export function parseServiceValue(bytes: Uint8Array): ServiceRowValue | undefined {
  if (bytes.length !== SERVICE_VALUE.size) return undefined;
  const at = SERVICE_VALUE.offsets;
  return {
    backendId: host32(bytes, at.backend_id),
    count: host16(bytes, at.count),
    revNatId: network16(bytes, at.rev_nat_id),
    flags: byte(bytes, at.flags),
    flags2: byte(bytes, at.flags2),
    qcount: host16(bytes, at.qcount),
  };
}

export function backendKey(id: number): Uint8Array {
  const bytes = new Uint8Array(BACKEND_KEY.size);
  putHost32(bytes, BACKEND_KEY.offsets.backend_id, id);
  return bytes;
}

export function parseBackendKey(bytes: Uint8Array): number | undefined {
  return bytes.length === BACKEND_KEY.size ? host32(bytes, BACKEND_KEY.offsets.backend_id) : undefined;
}

export interface BackendRow {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: RowProtocol;
  readonly state: BackendRowState;
  readonly clusterId: number;
}

export function backendValue({ address, port, protocol, state, clusterId }: BackendRow): Uint8Array {
  const bytes = new Uint8Array(BACKEND_VALUE.size);
  const at = BACKEND_VALUE.offsets;
  putAddress(bytes, at.address, address);
  putNetwork16(bytes, at.port, port);
  bytes[at.protocol] = PROTOCOL_NUMBERS[protocol];
  bytes[at.state] = BACKEND_STATES.indexOf(state);
  putHost16(bytes, at.cluster_id, clusterId);
  return bytes;
}

export function parseBackendValue(bytes: Uint8Array): BackendRow | undefined {
  const at = BACKEND_VALUE.offsets;
  const protocol = protocolOf(bytes[at.protocol]);
  const state = BACKEND_STATES[bytes[at.state] ?? BACKEND_STATES.length];
  if (bytes.length !== BACKEND_VALUE.size || protocol === undefined || state === undefined) return undefined;
  return {
    address: address(bytes, at.address),
    port: network16(bytes, at.port),
    protocol,
    state,
    clusterId: host16(bytes, at.cluster_id),
  };
}

export function reverseNatKey(id: number): Uint8Array {
  const bytes = new Uint8Array(REVERSE_NAT_KEY.size);
  putNetwork16(bytes, REVERSE_NAT_KEY.offsets.rev_nat_id, id);
  return bytes;
}

export function parseReverseNatKey(bytes: Uint8Array): number | undefined {
  return bytes.length === REVERSE_NAT_KEY.size ? network16(bytes, REVERSE_NAT_KEY.offsets.rev_nat_id) : undefined;
}

export interface ReverseNatRow {
  readonly address: IpAddress;
  readonly port: number;
}

export function reverseNatValue({ address, port }: ReverseNatRow): Uint8Array {
  const bytes = new Uint8Array(REVERSE_NAT_VALUE.size);
  putAddress(bytes, REVERSE_NAT_VALUE.offsets.address, address);
  putNetwork16(bytes, REVERSE_NAT_VALUE.offsets.port, port);
  return bytes;
}

export function parseReverseNatValue(bytes: Uint8Array): ReverseNatRow | undefined {
  if (bytes.length !== REVERSE_NAT_VALUE.size) return undefined;
  const at = REVERSE_NAT_VALUE.offsets;
  return { address: address(bytes, at.address), port: network16(bytes, at.port) };
}

/** The row that translates a socket's backend back to the service it dialled. */
export interface ReverseSkRow {
  readonly cookie: bigint;
  readonly backend: ReverseNatRow;
  readonly service: ReverseNatRow;
  readonly revNatId: number;
}

export function reverseSkKey({ cookie, backend }: Pick<ReverseSkRow, 'cookie' | 'backend'>): Uint8Array {
  const bytes = new Uint8Array(REVERSE_SK_KEY.size);
  const at = REVERSE_SK_KEY.offsets;
  new DataView(bytes.buffer).setBigUint64(at.cookie, cookie, true);
  putAddress(bytes, at.address, backend.address);
  putNetwork16(bytes, at.port, backend.port);
  return bytes;
}

export function reverseSkValue({ service, revNatId }: Pick<ReverseSkRow, 'service' | 'revNatId'>): Uint8Array {
  const bytes = new Uint8Array(REVERSE_SK_VALUE.size);
  const at = REVERSE_SK_VALUE.offsets;
  putAddress(bytes, at.address, service.address);
  putNetwork16(bytes, at.port, service.port);
  putNetwork16(bytes, at.rev_nat_id, revNatId);
  return bytes;
}

export function parseReverseSk(key: Uint8Array, value: Uint8Array): ReverseSkRow | undefined {
  if (key.length !== REVERSE_SK_KEY.size || value.length !== REVERSE_SK_VALUE.size) return undefined;
  const from = REVERSE_SK_KEY.offsets;
  const to = REVERSE_SK_VALUE.offsets;
  return {
    cookie: new DataView(key.buffer, key.byteOffset).getBigUint64(from.cookie, true),
    backend: { address: address(key, from.address), port: network16(key, from.port) },
    service: { address: address(value, to.address), port: network16(value, to.port) },
    revNatId: network16(value, to.rev_nat_id),
  };
}

function protocolOf(number: number | undefined): RowProtocol | undefined {
  if (number === PROTOCOL_NUMBERS.TCP) return 'TCP';
  return number === PROTOCOL_NUMBERS.UDP ? 'UDP' : undefined;
}

const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const network16 = (bytes: Uint8Array, at: number): number => (byte(bytes, at) << 8) | byte(bytes, at + 1);
const host16 = (bytes: Uint8Array, at: number): number => byte(bytes, at) | (byte(bytes, at + 1) << 8);
const host32 = (bytes: Uint8Array, at: number): number => host16(bytes, at) + host16(bytes, at + 2) * 0x10000;

function putNetwork16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function putHost16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

function putHost32(bytes: Uint8Array, at: number, value: number): void {
  putHost16(bytes, at, value);
  putHost16(bytes, at + 2, value >>> 16);
}

const address = (bytes: Uint8Array, at: number): IpAddress => bytes.subarray(at, at + 4).join('.') as IpAddress;

const DOT = 0x2e;
const ZERO = 0x30;

/** Reads the canonical text itself: this runs for every row of every change. */
function putAddress(bytes: Uint8Array, at: number, text: IpAddress): void {
  let octet = 0;
  let index = at;
  for (let position = 0; position < text.length; position += 1) {
    const code = text.charCodeAt(position);
    if (code === DOT) {
      bytes[index] = octet;
      index += 1;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  if (index !== at + 3 || octet > 255) throw new Error(`not an IPv4 address: ${text}`);
  bytes[index] = octet;
}
