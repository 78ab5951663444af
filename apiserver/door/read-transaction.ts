// A transaction that only reads: several ranges of one state, in one question. Whatever else etcd does in transactions is denied, as
// writes are. Pure.

import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { messages } from '../store/etcd-wire.ts';
import { sizeOf } from './event-ring.ts';
import { RANGE_BYTES_MAX } from './range.ts';
import { answerTooLarge, denied, type Refusal, TOO_MANY_OPERATIONS } from './refusals.ts';
import type { RangeAnswer } from './wire.ts';

type RangeRequest = messages.RangeRequest.$Properties;

/** etcd's own (`--max-txn-ops`). */
const OPERATIONS_MAX = 128;

export function readsIn({
  compare,
  success,
  failure,
}: messages.TxnRequest.$Properties): Result<readonly RangeRequest[], Refusal> {
  const reads = (success ?? []).flatMap(({ requestRange }) => requestRange ?? []);
  const others = (compare?.length ?? 0) + (failure?.length ?? 0) + ((success?.length ?? 0) - reads.length);
  if (others > 0) return err(denied('transactions may only read here'));
  return reads.length > OPERATIONS_MAX ? err(TOO_MANY_OPERATIONS) : ok(reads);
}

/** All that is read, or what keeps any of it from being read. The answer is as large as that of one range may be. */
export function answerReads(
  reads: readonly RangeRequest[],
  answer: (read: RangeRequest) => Result<RangeAnswer, Refusal>,
): Result<readonly RangeAnswer[], Refusal> {
  const answers: RangeAnswer[] = [];
  let bytes = 0;
  for (const read of reads) {
    const answered = answer(read);
    if (!answered.ok) return answered;
    for (const kv of answered.value.entries) bytes += sizeOf(kv);
    if (bytes > RANGE_BYTES_MAX) return err(answerTooLarge(RANGE_BYTES_MAX));
    answers.push(answered.value);
  }
  return ok(answers);
}
