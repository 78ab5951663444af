// Answers a Range as etcd does (applierV3backend.Range): filters and sorting look at everything before the limit counts, and the
// count is of the whole interval whatever is left out. Pure.

import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { messages } from '../store/etcd-wire.ts';
import type { KeyValue } from '../store/port.ts';
import type { KeyInterval } from './byte-key.ts';
import { sizeOf } from './event-ring.ts';
import type { DoorHistory } from './history.ts';
import { answerTooLarge, COMPACTED, FUTURE_REVISION, INVALID_SORT, NOT_READY, type Refusal } from './refusals.ts';
import { numberOf, type RangeAnswer } from './wire.ts';

type RangeRequest = messages.RangeRequest.$Properties;

/** A page of 5,000 typical records is 2 MB. Larger answers are to be asked for in smaller pages. */
export const RANGE_BYTES_MAX = 32 * 1024 * 1024;

const SORT_NONE = 0;
const SORT_DESCEND = 2;

type Order = (a: KeyValue, b: KeyValue) => number;

/** By sort target. Entries come in the order of their keys, and sorting keeps the order of equal ones. */
const ORDERS: readonly (Order | 'by key')[] = [
  'by key',
  (a, b) => a.version - b.version,
  (a, b) => a.createRevision - b.createRevision,
  (a, b) => a.modRevision - b.modRevision,
  (a, b) => Buffer.compare(a.value, b.value),
];

export function answerRange(
  history: DoorHistory,
  interval: KeyInterval,
  request: RangeRequest,
): Result<RangeAnswer, Refusal> {
  const { position, oldestRevision } = history;
  if (position === undefined) return err(NOT_READY);
  const asked = numberOf(request.revision);
  if (asked > position.revision) return err(FUTURE_REVISION);
  const revision = asked > 0 ? asked : position.revision;
  if (revision < oldestRevision) return err(COMPACTED);
  const selection = selectionOf(request);
  if (!selection.ok) return selection;

  const keysOnly = request.keysOnly === true;
  const answer = { header: position, keysOnly, count: history.countAt(interval, revision) };
  if (request.countOnly === true) return ok({ ...answer, entries: [], more: false });
  const { entries, more } = select(history.entriesAt(interval, revision), selection.value);
  let bytes = 0;
  for (const kv of entries) bytes += keysOnly ? sizeOf(kv) - kv.value.length : sizeOf(kv);
  if (bytes > RANGE_BYTES_MAX) return err(answerTooLarge(RANGE_BYTES_MAX));
  return ok({ ...answer, entries, more });
}

interface Selection {
  /** 0 for none. */
  readonly limit: number;
  /** How many are looked at before sorting: one more than the limit tells whether there is more. */
  readonly fetch: number;
  readonly wanted: ((kv: KeyValue) => boolean) | undefined;
  readonly order: Order | 'by key';
  readonly descending: boolean;
}

function selectionOf(request: RangeRequest): Result<Selection, Refusal> {
  const sortOrder: number = request.sortOrder ?? SORT_NONE;
  const order = ORDERS[request.sortTarget ?? 0];
  if (order === undefined || sortOrder < SORT_NONE || sortOrder > SORT_DESCEND) return err(INVALID_SORT);
  const limit = Math.max(0, numberOf(request.limit));
  const wanted = filterOf(request);
  const looksAtAll = limit === 0 || sortOrder !== SORT_NONE || wanted !== undefined;
  const fetch = looksAtAll ? Number.POSITIVE_INFINITY : limit + 1;
  return ok({ limit, fetch, wanted, order, descending: sortOrder === SORT_DESCEND });
}

function filterOf(request: RangeRequest): ((kv: KeyValue) => boolean) | undefined {
  const [minMod, maxMod] = [numberOf(request.minModRevision), numberOf(request.maxModRevision)];
  const [minCreate, maxCreate] = [numberOf(request.minCreateRevision), numberOf(request.maxCreateRevision)];
  if (minMod === 0 && maxMod === 0 && minCreate === 0 && maxCreate === 0) return undefined;
  return ({ modRevision, createRevision }) =>
    (maxMod === 0 || modRevision <= maxMod) &&
    (minMod === 0 || modRevision >= minMod) &&
    (maxCreate === 0 || createRevision <= maxCreate) &&
    (minCreate === 0 || createRevision >= minCreate);
}

function select(
  from: Iterable<KeyValue>,
  { limit, fetch, wanted, order, descending }: Selection,
): { readonly entries: readonly KeyValue[]; readonly more: boolean } {
  const entries: KeyValue[] = [];
  for (const kv of from) {
    if (wanted === undefined || wanted(kv)) entries.push(kv);
    if (entries.length >= fetch) break;
  }
  if (order !== 'by key') entries.sort(descending ? (a, b) => order(b, a) : order);
  else if (descending) entries.reverse();
  const more = limit > 0 && entries.length > limit;
  return { entries: more ? entries.slice(0, limit) : entries, more };
}
