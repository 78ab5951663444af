// From stored bytes to the value that counts. A value that cannot be read, or does not fit its key and its cluster, is rejected, and
// the value before it stays, as long as that one still fits.

import type { ClusterName } from '../model/names.ts';
import type { Result } from '../model/result.ts';
import type { RecordContext, RecordProblem } from '../wire/record.ts';
import type { GoodValue, RecordState } from './record-state.ts';
import { type RecordValue, readRecord, validateRecord } from './record-value.ts';
import type { Standing } from './standing.ts';

/** The stored bytes, decoded; undefined when there are none. */
export type Decoded = Result<RecordValue, RecordProblem> | undefined;

export const decodeRecord = ({ kind, key, raw }: RecordState): Decoded =>
  raw === undefined ? undefined : readRecord(kind, key, raw);

export interface Acceptance {
  readonly good: GoodValue | undefined;
  readonly rejected: readonly RecordProblem[];
}

export function accept(record: RecordState, decoded: Decoded, standing: Standing): Acceptance {
  if (decoded === undefined || record.raw === undefined) return { good: undefined, rejected: [] };
  const fresh = decoded.ok
    ? judged(record, record.raw, decoded.value, standing)
    : { good: undefined, rejected: [decoded.error] };
  if (fresh.good !== undefined || record.good === undefined) return fresh;
  return { good: judged(record, record.good.bytes, record.good.value, standing).good, rejected: fresh.rejected };
}

function judged({ key }: RecordState, bytes: Uint8Array, value: RecordValue, standing: Standing): Acceptance {
  const context = contextOf(key, standing);
  // Without a valid cluster id nothing can be compared with it; such a cluster's records wait and are admitted nowhere.
  const problems = context === undefined ? [] : validateRecord(value, context);
  const rejected = problems.filter(({ code }) => code === 'CM-REC-001');
  return rejected.length > 0 ? { good: undefined, rejected } : { good: { bytes, value, problems }, rejected };
}

function contextOf(key: string, { id, width, claimedName }: Standing): RecordContext | undefined {
  // A cluster under another name than its own has one finding for that; its records are read under the name that they carry.
  const cluster = claimedName as ClusterName;
  return id === undefined ? undefined : { key, cluster, clusterId: id, maxConnectedClusters: width };
}
