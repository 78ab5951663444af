// Keys and values over one connection: pages, single reads, transactions, status. Stateless.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { compareOf, keyValuesOf, type OnForeignKey, positionOf, requestOf } from './codec.ts';
import type { EtcdConnection } from './connection.ts';
import { EtcdWire, type messages } from './etcd-wire.ts';
import { assertWritesFit, Meanings, storeFailure } from './failures.ts';
import { exactNumber } from './int64.ts';
import { type KeyRange, restAfter, singleKey } from './key-range.ts';
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

  async readPage(page: PageRequest, signal?: AbortSignal): Promise<Page> {
    const options = { ...readingOf([page]), signal };
    const response = await this.#connection.unary(EtcdWire.range, rangeRequestOf(page), options);
    return this.#pageOf(page.range, positionOf(response.header), response);
  }

  /** A transaction that only reads: etcd carries it out at one revision, and asks whether each of its ranges may be read. */
  async readPages(pages: readonly PageRequest[], signal?: AbortSignal): Promise<readonly Page[]> {
    const request = { success: pages.map((page) => ({ requestRange: rangeRequestOf(page) })) };
    const options = { ...readingOf(pages), signal };
    const { header, responses } = await this.#connection.unary(EtcdWire.txn, request, options);
    const position = positionOf(header);
    return pages.map(({ range }, index) => {
      const answer = responses?.[index]?.responseRange;
      if (!answer) throw storeFailure(Meanings.failed, { ...options, reason: 'the answer lacks one of the ranges' });
      return this.#pageOf(range, position, answer);
    });
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

  #pageOf(range: KeyRange, position: Position, { kvs, more }: messages.RangeResponse.$Properties): Page {
    const lastKey = kvs?.at(-1)?.key;
    return {
      position,
      entries: keyValuesOf(kvs, this.#onForeignKey),
      rest: more === true && lastKey ? restAfter(range, lastKey) : undefined,
    };
  }
}

const rangeRequestOf = ({ range, revision, limit }: PageRequest): messages.RangeRequest.$Properties => ({
  key: range.start,
  rangeEnd: range.end,
  revision,
  limit,
});

/** How errors call it, and how long it may take. */
function readingOf(pages: readonly PageRequest[]) {
  const subject = Buffer.from(pages[0]?.range.start ?? []).toString('utf8');
  const isLong = pages.some(({ limit }) => limit > 1);
  return { operation: 'read', subject, ...(isLong ? { timeoutMs: PAGE_TIMEOUT_MS } : {}) };
}
