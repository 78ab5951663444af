// Answers a Range as etcd does (applierV3backend.Range): filters and sorting look at everything before the limit counts, and the
// count is of the whole interval whatever is left out. Pure.

import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { messages } from '../store/etcd-wire.ts';
import type { KeyValue } from '../store/port.ts';
import type { KeyInterval } from './byte-key.ts';
import { sizeOf } from './event-ring.ts';
import type { DoorHistory } from './history.ts';
import {
  answerTooLarge,
  COMPACTED,
  FUTURE_REVISION,
  INVALID_SORT,
  NOT_READY,
  type Refusal,
  tooMany,
} from './refusals.ts';
import { numberOf, type RangeAnswer } from './wire.ts';

type RangeRequest = messages.RangeRequest.$Properties;

/** A page of 5,000 typical records is 2 MB. Where there is a limit, a page that would be larger ends earlier. */
export const RANGE_BYTES_MAX = 32 * 1024 * 1024;
/** To sort by anything but the key, all entries of the interval are looked at: this many take a tenth of a second. */
export const SORTED_ENTRIES_MAX = 100_000;

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

/** `onLooked` is told how many entries and changes were looked at: what the answer has cost. */
export function answerRange(
  history: DoorHistory,
  interval: KeyInterval,
  request: RangeRequest,
  onLooked: (count: number) => void,
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
  const count = history.countAt(interval, revision);
  const answer = { header: position, keysOnly, count };
  // Every change since is undone twice: for the count and for the entries.
  onLooked(2 * history.changesSince(revision));
  if (request.countOnly === true) return ok({ ...answer, entries: [], more: false });
  const source = sourceOf(history, interval, revision, selection.value, count);
  if (!source.ok) return source;
  const taken = take(counted(source.value, onLooked), selection.value, keysOnly);
  return taken.ok ? ok({ ...answer, ...taken.value }) : taken;
}

interface Selection {
  /** 0 for none. */
  readonly limit: number;
  readonly wanted: ((kv: KeyValue) => boolean) | undefined;
  readonly order: Order | 'by key';
  readonly sorts: boolean;
  readonly descending: boolean;
}

function selectionOf(request: RangeRequest): Result<Selection, Refusal> {
  const sortOrder: number = request.sortOrder ?? SORT_NONE;
  const order = ORDERS[request.sortTarget ?? 0];
  if (order === undefined || sortOrder < SORT_NONE || sortOrder > SORT_DESCEND) return err(INVALID_SORT);
  return ok({
    limit: Math.max(0, numberOf(request.limit)),
    wanted: filterOf(request),
    order,
    sorts: sortOrder !== SORT_NONE,
    descending: sortOrder === SORT_DESCEND,
  });
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

/** The entries in the order asked for. */
function sourceOf(
  history: DoorHistory,
  interval: KeyInterval,
  revision: number,
  { limit, wanted, order, sorts, descending }: Selection,
  count: number,
): Result<Iterable<KeyValue>, Refusal> {
  if (order === 'by key') return ok(history.entriesAt(interval, revision, descending ? 'descending' : 'ascending'));
  // A target without an order sorts what the limit has left over, and with a filter everything: etcd's way, and nobody's need.
  const fetch = sorts || wanted !== undefined || limit === 0 ? Number.POSITIVE_INFINITY : limit + 1;
  if (Math.min(fetch, count) > SORTED_ENTRIES_MAX) return err(TOO_MANY_TO_SORT);
  const entries: KeyValue[] = [];
  for (const kv of history.entriesAt(interval, revision)) {
    entries.push(kv);
    if (entries.length >= fetch) break;
  }
  return ok(entries.sort(descending ? (a, b) => order(b, a) : order));
}

function* counted(source: Iterable<KeyValue>, onLooked: (count: number) => void): Generator<KeyValue> {
  let looked = 0;
  try {
    for (const kv of source) {
      looked += 1;
      yield kv;
    }
  } finally {
    onLooked(looked);
  }
}

function take(
  source: Iterable<KeyValue>,
  { limit, wanted }: Selection,
  keysOnly: boolean,
): Result<{ readonly entries: readonly KeyValue[]; readonly more: boolean }, Refusal> {
  const entries: KeyValue[] = [];
  let bytes = 0;
  for (const kv of source) {
    if (wanted !== undefined && !wanted(kv)) continue;
    if (limit > 0 && entries.length === limit) return ok({ entries, more: true });
    bytes += keysOnly ? sizeOf(kv) - kv.value.length : sizeOf(kv);
    if (bytes > RANGE_BYTES_MAX) {
      // Who asks with a limit goes on where this ends; who asks for everything would take it for everything.
      return limit > 0 ? ok({ entries, more: true }) : err(answerTooLarge(RANGE_BYTES_MAX));
    }
    entries.push(kv);
  }
  return ok({ entries, more: false });
}

const TOO_MANY_TO_SORT = tooMany(`more than ${SORTED_ENTRIES_MAX} entries to sort by other than their keys`);
