// The door's answers as bytes, and what requests ask for as values. STABLE: etcd's API. The events of a watch are encoded once and
// copied into the answers of everybody who watches them.

import protobuf from 'protobufjs/minimal.js';
import type { Int64 } from '../../mesh/wire/int64.ts';
import { etcdserverpb as pb } from '../store/gen/etcd.js';
import { int64Of } from '../store/int64.ts';
import type { KeyValue } from '../store/port.ts';
import { bytesOf } from './byte-key.ts';
import type { KeptEvent } from './event-ring.ts';

type WireInt64 = NonNullable<pb.ResponseHeader.$Properties['clusterId']>;

/** One door is one member of a cluster of one: it leads itself, in its first term. */
const MEMBER_ID = 1;
const RAFT_TERM = 1;
/**
 * What clients compare with the releases of etcd whose progress answers run ahead of events, or whose open-ended watches
 * show too much: all before 3.6.14. The door does neither.
 */
const VERSION = '3.6.99-clustermesh';

export interface Header {
  /** etcd cluster id, 16 hexadecimal digits. */
  readonly storeId: string;
  readonly revision: number;
}

/** Signed, and as near as a number comes: larger ones than any revision stay larger than any revision. */
export function numberOf(value: Int64 | null | undefined): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === 'number') return value;
  return (value.high | 0) * 0x1_0000_0000 + (value.low >>> 0);
}

export interface RangeAnswer {
  readonly header: Header;
  readonly entries: readonly KeyValue[];
  readonly keysOnly: boolean;
  readonly more: boolean;
  readonly count: number;
}

export const encodeRange = (answer: RangeAnswer): Buffer => bufferOf(pb.RangeResponse.encode(rangeMessage(answer)));

/** Of a transaction that only reads. */
export function encodeRanges(header: Header, answers: readonly RangeAnswer[]): Buffer {
  const responses = answers.map((answer) => ({ responseRange: rangeMessage(answer) }));
  return bufferOf(pb.TxnResponse.encode({ header: headerMessage(header), succeeded: true, responses }));
}

const rangeMessage = ({ header, entries, keysOnly, more, count }: RangeAnswer): pb.RangeResponse.$Properties => ({
  header: headerMessage(header),
  kvs: entries.map((kv) => keyValueMessage(kv, keysOnly ? NO_BYTES : kv.value)),
  more,
  count,
});

export const encodeStatus = (header: Header, sizeBytes: number): Buffer =>
  bufferOf(
    pb.StatusResponse.encode({
      header: headerMessage(header),
      version: VERSION,
      dbSize: sizeBytes,
      dbSizeInUse: sizeBytes,
      leader: MEMBER_ID,
      raftTerm: RAFT_TERM,
      raftIndex: header.revision,
      raftAppliedIndex: header.revision,
    }),
  );

/** An answer about a watch that carries no events. */
export interface WatchNotice {
  readonly header: Header;
  readonly watchId: number;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
}

export const encodeNotice = ({ header, ...notice }: WatchNotice): Buffer =>
  bufferOf(pb.WatchResponse.encode({ header: headerMessage(header), ...notice }));

export interface WatchEvents {
  readonly header: Header;
  readonly watchId: number;
  /** Encoded: see `encodedEvent`. */
  readonly events: readonly Uint8Array[];
  /** The same revision goes on in the next answer. */
  readonly fragment: boolean;
}

export function encodeEvents({ header, watchId, events, fragment }: WatchEvents): Buffer {
  const writer = pb.WatchResponse.encode({ header: headerMessage(header), watchId, fragment });
  for (const event of events) writer.uint32(EVENTS_TAG).bytes(event);
  return bufferOf(writer);
}

/** The event, and behind it the entry before it where that is asked for: fields of a message may come one after the other. */
export function encodedEvent(kept: KeptEvent, withPrevious: boolean): Uint8Array {
  kept.encoded ??= encodeEvent(kept);
  const { previous } = kept.event;
  if (!withPrevious || previous === undefined) return kept.encoded;
  const writer = pb.Event.encode({ prevKv: keyValueMessage(previous) });
  return Buffer.concat([kept.encoded, writer.finish()]);
}

function encodeEvent({ key, event, revision }: KeptEvent): Uint8Array {
  if (event.type === 'put') return pb.Event.encode({ kv: keyValueMessage(event.kv) }).finish();
  return pb.Event.encode({ type: DELETE, kv: { key: bytesOf(key), modRevision: revision } }).finish();
}

const DELETE = 1;
/** Field 11 of WatchResponse, length-delimited. */
const EVENTS_TAG = (11 << 3) | 2;
const NO_BYTES = new Uint8Array(0);

const headerMessage = ({ storeId, revision }: Header): pb.ResponseHeader.$Properties => ({
  clusterId: unsignedOf(storeId),
  memberId: MEMBER_ID,
  revision,
  raftTerm: RAFT_TERM,
});

function keyValueMessage(kv: KeyValue, value = kv.value): pb.KeyValue.$Properties {
  return {
    key: Buffer.from(kv.key, 'utf8'),
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    version: kv.version,
    value,
    lease: kv.lease === '0' ? 0 : int64Of(kv.lease),
  };
}

/** The id hardly ever changes, and stands in every message. */
let lastId: { readonly hexadecimal: string; readonly value: WireInt64 } = { hexadecimal: '0', value: 0 };

function unsignedOf(hexadecimal: string): WireInt64 {
  if (lastId.hexadecimal !== hexadecimal) {
    const decimal = BigInt(`0x${hexadecimal}`).toString();
    lastId = { hexadecimal, value: protobuf.util.LongBits.from(decimal).toLong(true) as WireInt64 };
  }
  return lastId.value;
}

/** Wrapping the writer's memory costs no copy. */
function bufferOf(writer: protobuf.Writer): Buffer {
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
