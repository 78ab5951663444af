// From stored bytes to the value that counts. A value that cannot be read, or does not fit its key and its cluster, is rejected, and
// the value before it stays, as long as that one still fits.

import type { ClusterName } from '../model/names.ts';
import type { RecordContext, RecordProblem } from '../wire/record.ts';
import { type GoodValue, orNone, type RecordState } from './record-state.ts';
import { readRecord } from './record-value.ts';
import type { Standing } from './standing.ts';

export interface Acceptance {
  readonly good: GoodValue | undefined;
  readonly rejected: readonly RecordProblem[];
}

const NOTHING: Acceptance = { good: undefined, rejected: orNone([]) };

export function accept(record: RecordState, standing: Standing): Acceptance {
  const { raw, good } = record;
  if (raw === undefined) return NOTHING;
  const fresh = judged(record, raw, standing);
  if (fresh.good !== undefined || good === undefined) return fresh;
  return { good: judged(record, good.bytes, standing).good, rejected: fresh.rejected };
}

/** The cluster id that the stored bytes carry; undefined where they carry none or cannot be read. */
export function carriedId({ kind, key, raw }: RecordState): number | undefined {
  const read = raw === undefined ? undefined : readRecord(kind, key, raw);
  return read?.ok === true ? read.value.clusterId : undefined;
}

function judged({ kind, key }: RecordState, bytes: Uint8Array, standing: Standing): Acceptance {
  const read = readRecord(kind, key, bytes);
  if (!read.ok) return { good: undefined, rejected: [read.error] };
  const { value, problems: problemsIn } = read.value;
  const context = contextOf(key, standing);
  // Without a valid cluster id nothing can be compared with it; such a cluster's records wait and are admitted nowhere.
  const problems = context === undefined ? [] : problemsIn(context);
  const rejected = problems.filter(({ code }) => code === 'CM-REC-001');
  if (rejected.length > 0) return { good: undefined, rejected };
  return { good: { bytes, value, problems: orNone(problems) }, rejected: orNone(rejected) };
}

function contextOf(key: string, { id, width, recordsName }: Standing): RecordContext | undefined {
  // A cluster under another name than its own has one finding for that; its records are read under the name that they carry.
  const cluster = recordsName as ClusterName;
  return id === undefined ? undefined : { key, cluster, clusterId: id, maxConnectedClusters: width };
}
