// STABLE: writes and reads the rows of the service maps, of both families: an address in a row decides which layout it has.
// Padding is zero: the kernel compares keys as raw bytes. A `parse` gives undefined for a row that no version of this program
// would write.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { address, byte, host16, host32, network16, putAddress, putHost16, putHost32, putNetwork16 } from './bytes.ts';
import {
  BACKEND_KEY,
  BACKEND_VALUE,
  CONNECTED_SOCKET,
  CONNECTION,
  type FamilyLayout,
  REVERSE_NAT_KEY,
  REVERSE_NAT_VALUE,
  REVERSE_SK_KEY,
  REVERSE_SK_VALUE,
  SERVICE_KEY,
  SERVICE_VALUE,
} from './structs.ts';

export type RowProtocol = 'TCP' | 'UDP';
export type BackendRowState = 'active' | 'terminating' | 'quarantined' | 'maintenance';

/** 0 and 0xffff mean none. */
export const REV_NAT_ID_MAX = 0xfffe;
/** 0 means none. */
export const BACKEND_ID_MAX = 0xffff_fffe;
/** Slots are numbered from 1; slot 0 is the master. */
export const MASTER_SLOT = 0;
/** Seconds: 24 bits of a master's first field; the others are Cilium's for a choice that we do not offer. */
const AFFINITY_TIMEOUT_MAX = 0xff_ffff;
/** In a master's flags: it has a session affinity. */
const FLAG_AFFINITY = 0x10;

const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17 } as const;
const BACKEND_STATES: readonly BackendRowState[] = ['active', 'terminating', 'quarantined', 'maintenance'];

/** Of an IPv4 address, the number, where it is known: then nobody reads the text again. */
interface ReadAddress {
  readonly v4?: number | undefined;
}

export interface ServiceRowKey {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: RowProtocol;
  /** 0 for the master, then 1 to count + qcount. */
  readonly slot: number;
}

export function serviceKey(row: ServiceRowKey): Uint8Array {
  const family = familyOf(row.address);
  const bytes = new Uint8Array(SERVICE_KEY[family].size);
  putServiceKey(bytes, 0, family, row, row.slot);
  return bytes;
}

/** A `put` writes a row, or its part, from `from` on, where zeros are. */
export function putServiceKey(
  bytes: Uint8Array,
  from: number,
  family: Family,
  { address, v4, port, protocol }: Omit<ServiceRowKey, 'slot'> & ReadAddress,
  slot: number,
): void {
  const at = SERVICE_KEY[family].offsets;
  putAddress(bytes, from + at.address, address, v4);
  putNetwork16(bytes, from + at.port, port);
  putHost16(bytes, from + at.slot, slot);
  bytes[from + at.protocol] = PROTOCOL_NUMBERS[protocol];
}

export function parseServiceKey(bytes: Uint8Array): ServiceRowKey | undefined {
  const at = parseServiceSlot(bytes, 0, bytes.length);
  const own = at && address(bytes, SERVICE_KEY[at.family].offsets.address, at.family);
  return own && { address: own, port: at.port, protocol: at.protocol, slot: at.slot };
}

export type ServiceSlot = Omit<ServiceRowKey, 'address'> & { readonly family: Family };

/** The key without its address, which is dearer to read, and which `serviceAddressAt` finds. */
export function parseServiceSlot(bytes: Uint8Array, from: number, size: number): ServiceSlot | undefined {
  const family = familyOfSize(SERVICE_KEY, size);
  if (family === undefined) return undefined;
  const at = SERVICE_KEY[family].offsets;
  const protocol = protocolOf(bytes[from + at.protocol]);
  if (protocol === undefined || bytes[from + at.scope] !== 0 || network16(bytes, from + at.pad) !== 0) return undefined;
  return { family, port: network16(bytes, from + at.port), protocol, slot: host16(bytes, from + at.slot) };
}

/** Where in a key its address begins. */
export const serviceAddressAt = (family: Family): number => SERVICE_KEY[family].offsets.address;

export interface ServiceRowValue {
  /** In a slot; 0 in a master, which has a timeout there if it has an affinity. */
  readonly backendId: number;
  /** In a master: how many slots, from 1 on, take new connections. */
  readonly count: number;
  /** In a master: the timeout of its session affinity in seconds; 0 without. */
  readonly affinityTimeout: number;
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
  /** Seconds of session affinity. @default 0, none */
  readonly affinityTimeout?: number;
}

export function masterValue(row: MasterRow): Uint8Array {
  const bytes = new Uint8Array(SERVICE_VALUE.size);
  putMasterValue(bytes, 0, row);
  return bytes;
}

export function putMasterValue(
  bytes: Uint8Array,
  from: number,
  { count, qcount = 0, revNatId, affinityTimeout = 0 }: MasterRow,
): void {
  const at = SERVICE_VALUE.offsets;
  if (affinityTimeout > 0) {
    putHost32(bytes, from + at.backend_id, affinityTimeout);
    bytes[from + at.flags] = FLAG_AFFINITY;
  }
  putHost16(bytes, from + at.count, count);
  putHost16(bytes, from + at.qcount, qcount);
  putNetwork16(bytes, from + at.rev_nat_id, revNatId);
}

export function slotValue({ backendId, revNatId }: Pick<ServiceRowValue, 'backendId' | 'revNatId'>): Uint8Array {
  const bytes = new Uint8Array(SERVICE_VALUE.size);
  putSlotValue(bytes, 0, backendId, revNatId);
  return bytes;
}

export function putSlotValue(bytes: Uint8Array, from: number, backendId: number, revNatId: number): void {
  putHost32(bytes, from + SERVICE_VALUE.offsets.backend_id, backendId);
  putNetwork16(bytes, from + SERVICE_VALUE.offsets.rev_nat_id, revNatId);
}

export function parseServiceValue(bytes: Uint8Array, from = 0, size = bytes.length): ServiceRowValue | undefined {
  if (size !== SERVICE_VALUE.size) return undefined;
  const at = SERVICE_VALUE.offsets;
  const flags = byte(bytes, from + at.flags);
  const first = host32(bytes, from + at.backend_id);
  const hasAffinity = (flags & FLAG_AFFINITY) !== 0;
  return {
    backendId: hasAffinity ? 0 : first,
    affinityTimeout: hasAffinity ? first % (AFFINITY_TIMEOUT_MAX + 1) : 0,
    count: host16(bytes, from + at.count),
    revNatId: network16(bytes, from + at.rev_nat_id),
    flags,
    flags2: byte(bytes, from + at.flags2),
    qcount: host16(bytes, from + at.qcount),
  };
}

export function backendKey(id: number): Uint8Array {
  const bytes = new Uint8Array(BACKEND_KEY.size);
  putBackendKey(bytes, 0, id);
  return bytes;
}

export function putBackendKey(bytes: Uint8Array, from: number, id: number): void {
  putHost32(bytes, from + BACKEND_KEY.offsets.backend_id, id);
}

export function parseBackendKey(bytes: Uint8Array, from = 0, size = bytes.length): number | undefined {
  return size === BACKEND_KEY.size ? host32(bytes, from + BACKEND_KEY.offsets.backend_id) : undefined;
}

export interface BackendRow {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: RowProtocol;
  readonly state: BackendRowState;
  readonly clusterId: number;
}

export function backendValue(row: BackendRow): Uint8Array {
  const family = familyOf(row.address);
  const bytes = new Uint8Array(BACKEND_VALUE[family].size);
  putBackendValue(bytes, 0, family, row, row.state);
  return bytes;
}

export function putBackendValue(
  bytes: Uint8Array,
  from: number,
  family: Family,
  { address, v4, port, protocol, clusterId }: Omit<BackendRow, 'state'> & ReadAddress,
  state: BackendRowState,
): void {
  const at = BACKEND_VALUE[family].offsets;
  putAddress(bytes, from + at.address, address, v4);
  putNetwork16(bytes, from + at.port, port);
  bytes[from + at.protocol] = PROTOCOL_NUMBERS[protocol];
  bytes[from + at.state] = BACKEND_STATES.indexOf(state);
  putHost16(bytes, from + at.cluster_id, clusterId);
}

export function parseBackendValue(bytes: Uint8Array, from = 0, size = bytes.length): BackendRow | undefined {
  const family = familyOfSize(BACKEND_VALUE, size);
  if (family === undefined) return undefined;
  const at = BACKEND_VALUE[family].offsets;
  const own = address(bytes, from + at.address, family);
  const protocol = protocolOf(bytes[from + at.protocol]);
  const state = BACKEND_STATES[bytes[from + at.state] ?? BACKEND_STATES.length];
  if (own === undefined || protocol === undefined || state === undefined) return undefined;
  const [port, clusterId] = [network16(bytes, from + at.port), host16(bytes, from + at.cluster_id)];
  return { address: own, port, protocol, state, clusterId };
}

export function reverseNatKey(id: number): Uint8Array {
  const bytes = new Uint8Array(REVERSE_NAT_KEY.size);
  putReverseNatKey(bytes, 0, id);
  return bytes;
}

export function putReverseNatKey(bytes: Uint8Array, from: number, id: number): void {
  putNetwork16(bytes, from + REVERSE_NAT_KEY.offsets.rev_nat_id, id);
}

export function parseReverseNatKey(bytes: Uint8Array, from = 0, size = bytes.length): number | undefined {
  return size === REVERSE_NAT_KEY.size ? network16(bytes, from + REVERSE_NAT_KEY.offsets.rev_nat_id) : undefined;
}

export interface ReverseNatRow {
  readonly address: IpAddress;
  readonly port: number;
}

export function reverseNatValue(row: ReverseNatRow): Uint8Array {
  const family = familyOf(row.address);
  const bytes = new Uint8Array(REVERSE_NAT_VALUE[family].size);
  putReverseNatValue(bytes, 0, family, row);
  return bytes;
}

export function putReverseNatValue(
  bytes: Uint8Array,
  from: number,
  family: Family,
  { address, v4, port }: ReverseNatRow & ReadAddress,
): void {
  const at = REVERSE_NAT_VALUE[family].offsets;
  putAddress(bytes, from + at.address, address, v4);
  putNetwork16(bytes, from + at.port, port);
}

export function parseReverseNatValue(bytes: Uint8Array, from = 0, size = bytes.length): ReverseNatRow | undefined {
  const family = familyOfSize(REVERSE_NAT_VALUE, size);
  if (family === undefined) return undefined;
  const at = REVERSE_NAT_VALUE[family].offsets;
  const own = address(bytes, from + at.address, family);
  return own === undefined ? undefined : { address: own, port: network16(bytes, from + at.port) };
}

/** The row that translates a socket's backend back to the service it dialled. */
export interface ReverseSkRow {
  readonly cookie: bigint;
  readonly backend: ReverseNatRow;
  readonly service: ReverseNatRow;
  readonly revNatId: number;
}

export function reverseSkKey({ cookie, backend }: Pick<ReverseSkRow, 'cookie' | 'backend'>): Uint8Array {
  const { size, offsets: at } = REVERSE_SK_KEY[familyOf(backend.address)];
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setBigUint64(at.cookie, cookie, true);
  putAddress(bytes, at.address, backend.address);
  putNetwork16(bytes, at.port, backend.port);
  return bytes;
}

export function reverseSkValue({ service, revNatId }: Pick<ReverseSkRow, 'service' | 'revNatId'>): Uint8Array {
  const { size, offsets: at } = REVERSE_SK_VALUE[familyOf(service.address)];
  const bytes = new Uint8Array(size);
  putAddress(bytes, at.address, service.address);
  putNetwork16(bytes, at.port, service.port);
  putNetwork16(bytes, at.rev_nat_id, revNatId);
  return bytes;
}

export function parseReverseSk(key: Uint8Array, value: Uint8Array): ReverseSkRow | undefined {
  const family = familyOfRow(REVERSE_SK_KEY, key);
  if (family === undefined || familyOfRow(REVERSE_SK_VALUE, value) !== family) return undefined;
  const from = REVERSE_SK_KEY[family].offsets;
  const to = REVERSE_SK_VALUE[family].offsets;
  const backend = address(key, from.address, family);
  const service = address(value, to.address, family);
  if (backend === undefined || service === undefined) return undefined;
  return {
    cookie: new DataView(key.buffer, key.byteOffset).getBigUint64(from.cookie, true),
    backend: { address: backend, port: network16(key, from.port) },
    service: { address: service, port: network16(value, to.port) },
    revNatId: network16(value, to.rev_nat_id),
  };
}

/** The row of a connected socket; undefined where nobody has the place. */
export function parseConnectedSocket(bytes: Uint8Array): ReverseSkRow | undefined {
  if (bytes.length !== CONNECTED_SOCKET.size) return undefined;
  const at = CONNECTION.offsets;
  const cookie = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at.cookie, true);
  const family = byte(bytes, at.family);
  if (cookie === 0n || (family !== 4 && family !== 6)) return undefined;
  const service = address(bytes, at.service_address, family);
  const backend = address(bytes, at.backend_address, family);
  if (service === undefined || backend === undefined) return undefined;
  return {
    cookie,
    backend: { address: backend, port: network16(bytes, at.backend_port) },
    service: { address: service, port: network16(bytes, at.service_port) },
    revNatId: network16(bytes, at.rev_nat_id),
  };
}

function protocolOf(number: number | undefined): RowProtocol | undefined {
  if (number === PROTOCOL_NUMBERS.TCP) return 'TCP';
  return number === PROTOCOL_NUMBERS.UDP ? 'UDP' : undefined;
}

const familyOfRow = (layouts: FamilyLayout, bytes: Uint8Array): Family | undefined =>
  familyOfSize(layouts, bytes.length);

const familyOfSize = (layouts: FamilyLayout, size: number): Family | undefined => {
  if (size === layouts[4].size) return 4;
  return size === layouts[6].size ? 6 : undefined;
};
