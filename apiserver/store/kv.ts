// Keys and values over one connection: pages, single reads, transactions, status. Stateless.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { compareOf, keyValuesOf, type OnForeignKey, positionOf, requestOf } from './codec.ts';
import type { EtcdConnection } from './connection.ts';
import { EtcdWire } from './etcd-wire.ts';
import { assertWritesFit } from './failures.ts';
import { exactNumber } from './int64.ts';
import { restAfter, singleKey } from './key-range.ts';
import type { Page, PageRequest } from './mirror-port.ts';
import type { Condition, KeyValue, StoreStatus, TransactionOutcome, Write } from './port.ts';
import type { SentValues } from './sent-values.ts';

/** A page of 128 MiB over a slow link takes its time; a dead link is noticed by keepalive long before. */
const PAGE_TIMEOUT_MS = 60_000;

export class EtcdKeys {
  readonly #connection: EtcdConnection;
  readonly #onForeignKey: OnForeignKey;
  readonly #sent: SentValues;

  constructor(deps: {
    readonly connection: EtcdConnection;
    readonly onForeignKey: OnForeignKey;
    readonly sent: SentValues;
  }) {
    this.#connection = deps.connection;
    this.#onForeignKey = deps.onForeignKey;
    this.#sent = deps.sent;
  }

  async readPage({ range, revision, limit }: PageRequest, signal?: AbortSignal): Promise<Page> {
    const request = { key: range.start, rangeEnd: range.end, revision, limit };
    const subject = Buffer.from(range.start).toString('utf8');
    const response = await this.#connection.unary(EtcdWire.range, request, {
      operation: 'read',
      subject,
      ...(limit > 1 ? { timeoutMs: PAGE_TIMEOUT_MS } : {}),
      signal,
    });
    const lastKey = response.kvs?.at(-1)?.key;
    return {
      position: positionOf(response.header),
      entries: keyValuesOf(response.kvs, this.#onForeignKey),
      rest: response.more === true && lastKey ? restAfter(range, lastKey) : undefined,
    };
  }

  async get(key: string, signal?: AbortSignal): Promise<KeyValue | undefined> {
    const { start, end } = singleKey(key);
    const request = { key: start, rangeEnd: end, limit: 1 };
    const response = await this.#connection.unary(EtcdWire.range, request, { operation: 'read', subject: key, signal });
    return keyValuesOf(response.kvs, this.#onForeignKey)[0];
  }

  async transact(
    writes: readonly Write[],
    conditions: readonly Condition[],
    signal?: AbortSignal,
  ): Promise<TransactionOutcome> {
    assertWritesFit(writes.length);
    this.#sent.note(writes);
    const request = { compare: conditions.map(compareOf), success: writes.map(requestOf) };
    const subject = writes[0]?.key ?? conditions[0]?.key ?? 'nothing';
    const response = await this.#connection.unary(EtcdWire.txn, request, { operation: 'write', subject, signal });
    return { succeeded: response.succeeded === true, position: positionOf(response.header) };
  }

  async status(signal?: AbortSignal): Promise<StoreStatus> {
    const response = await this.#connection.unary(EtcdWire.status, {}, { operation: 'read status', signal });
    const position: Position = positionOf(response.header);
    return { ...position, version: response.version ?? '', sizeBytes: exactNumber(response.dbSize) };
  }
}
