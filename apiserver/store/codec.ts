// etcd's messages to the values of port.ts and back. Values are copied out of the received message: they are kept for long,
// and a view of 100 bytes would keep a message of megabytes alive. Those of one page share some memory (slab.ts), and
// those that this program has written itself are the bytes that it holds (sent-values.ts). Keys that are no UTF-8 text are left out and reported:
// nobody in a mesh writes any, and text could not name them without loss.

import { isUtf8 } from 'node:buffer';
import type { Revision } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { messages } from './etcd-wire.ts';
import { decimalOf, exactNumber, int64Of, storeIdOf, watchIdOf } from './int64.ts';
import { keyBytes } from './key-range.ts';
import type { WatchMessage } from './mirror-port.ts';
import { compactEntry } from './once-written.ts';
import type { Condition, KeyValue, StoreEvent, Write } from './port.ts';
import type { SentValues } from './sent-values.ts';
import { Slab } from './slab.ts';

type KeyValueMessage = messages.KeyValue.$Properties;
type EventMessage = messages.Event.$Properties;
type HeaderMessage = messages.ResponseHeader.$Properties;

/** Told about each key that is not text. */
export type OnForeignKey = (key: Uint8Array) => void;

const DELETE = 1;
const EQUAL = 0;
const MOD = 2;

export function positionOf(header: HeaderMessage | null | undefined): Position {
  return { storeId: storeIdOf(header?.clusterId), revision: exactNumber(header?.revision) as Revision };
}

export function keyValuesOf(
  kvs: readonly KeyValueMessage[] | null | undefined,
  onForeignKey: OnForeignKey,
): readonly KeyValue[] {
  const entries: KeyValue[] = [];
  const slab = new Slab((kvs ?? []).map(({ value }) => value ?? NO_BYTES));
  for (const kv of kvs ?? []) {
    const entry = keyValueOf(kv, onForeignKey, (value) => slab.copy(value));
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

export function watchMessageOf(
  response: messages.WatchResponse.$Properties,
  onForeignKey: OnForeignKey,
  sent: SentValues,
): WatchMessage {
  const watchId = watchIdOf(response.watchId);
  if (response.canceled === true) {
    const compactRevision = exactNumber(response.compactRevision);
    return { type: 'canceled', watchId, compactRevision, reason: response.cancelReason ?? '' };
  }
  const { storeId, revision } = positionOf(response.header);
  if (response.created === true) return { type: 'created', watchId, storeId, revision };
  const last = response.events?.at(-1);
  if (last === undefined) return { type: 'progress', watchId, storeId, revision, requested: watchId === -1 };
  const events: StoreEvent[] = [];
  for (const event of response.events ?? []) {
    const decoded = eventOf(event, onForeignKey, sent);
    if (decoded !== undefined) events.push(decoded);
  }
  const lastRevision = exactNumber(last.kv?.modRevision);
  return { type: 'events', watchId, storeId, events, lastRevision, complete: response.fragment !== true };
}

export function compareOf(condition: Condition): messages.Compare.$Properties {
  return { result: EQUAL, target: MOD, key: keyBytes(condition.key), modRevision: condition.modRevision };
}

export function requestOf(write: Write): messages.RequestOp.$Properties {
  const key = keyBytes(write.key);
  if (write.type === 'delete') return { requestDeleteRange: { key } };
  const lease = write.lease === undefined ? {} : { lease: int64Of(write.lease) };
  return { requestPut: { key, value: write.value, ...lease } };
}

function keyValueOf(
  kv: KeyValueMessage,
  onForeignKey: OnForeignKey,
  own: (value: Uint8Array, key: string) => Uint8Array,
): KeyValue | undefined {
  const key = keyTextOf(kv.key, onForeignKey);
  if (key === undefined) return undefined;
  return compactEntry({
    key,
    value: own(kv.value ?? NO_BYTES, key),
    createRevision: exactNumber(kv.createRevision),
    modRevision: exactNumber(kv.modRevision),
    version: exactNumber(kv.version),
    lease: decimalOf(kv.lease),
  });
}

function eventOf(event: EventMessage, onForeignKey: OnForeignKey, sent: SentValues): StoreEvent | undefined {
  if (event.type !== DELETE) {
    const kv = keyValueOf(event.kv ?? {}, onForeignKey, (value, key) => sent.own(key, value));
    return kv === undefined ? undefined : { type: 'put', kv };
  }
  const key = keyTextOf(event.kv?.key, onForeignKey);
  if (key === undefined) return undefined;
  return { type: 'delete', key, modRevision: exactNumber(event.kv?.modRevision) };
}

const NO_BYTES = new Uint8Array(0);

function keyTextOf(bytes: Uint8Array | null | undefined, onForeignKey: OnForeignKey): string | undefined {
  const key = bytes ?? NO_BYTES;
  if (isUtf8(key)) return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8');
  onForeignKey(key);
  return undefined;
}
