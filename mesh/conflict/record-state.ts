// One stored record of one cluster while it is judged: what came, what of it counts, what is wrong with it, and what becomes of it
// here. Mutable, and owned by the evaluation (evaluation.ts), which is its one writer.

import type { ClusterName } from '../model/names.ts';
import type { RecordProblem } from '../wire/record.ts';
import { type Claims, NO_CLAIMS } from './claim-list.ts';
import type { Json, Party, Severity } from './finding.ts';
import type { Cause } from './holds.ts';
import type { RecordValue } from './record-value.ts';

/** Something wrong with a record, in the same way on every cluster. Faults with one fingerprint become one finding. */
export interface Fault extends Cause {
  readonly severity?: Severity;
  readonly subject: Party;
  readonly other?: Party;
  readonly winner?: string;
  readonly evidence: { readonly [key: string]: Json };
  /** Where it is about addresses: all of them, which one finding names together, whatever records of a service they are in. */
  readonly addresses?: readonly string[];
}

/** What is withheld of a record here, and why. */
export interface Hold extends Cause {
  /** The whole record, or some of its parts. */
  readonly part: 'record' | 'backends' | 'ports' | 'addresses';
  readonly count: number;
}

/** A value that decoded and fits its key: what counts until a better one comes. */
export interface GoodValue {
  readonly bytes: Uint8Array;
  readonly value: RecordValue;
  /** What is wrong with it beside its form: identity ranges, labels. */
  readonly problems: readonly RecordProblem[];
}

export interface RecordState {
  readonly cluster: ClusterName;
  readonly key: string;
  readonly kind: RecordValue['kind'];
  /** As it is stored at its cluster; undefined once it is deleted there. */
  raw: Uint8Array | undefined;
  /** Why `raw` cannot be used (CM-REC-001); then `good` is an earlier value, or there is none. */
  rejected: readonly RecordProblem[];
  good: GoodValue | undefined;
  /** As the index of claims has them; its to write. */
  claims: Claims;
  faults: readonly Fault[];
  holds: readonly Hold[];
  /** What goes on to this cluster's own state; undefined while nothing may. See AdmittedRecords, which writes it. */
  admitted: Uint8Array | undefined;
  /** The stored bytes that `admitted` was made from. */
  admittedFrom: Uint8Array | undefined;
  /** Since when something of it has been withheld. */
  heldSince: number | undefined;
  /** The cluster id that `raw` carries, where that is of interest. */
  observedId: number | undefined;
}

/** Nearly every record has nothing of most lists; one empty list for all of them is a tenth of what a large mesh takes. */
const NONE: readonly never[] = [];
export const orNone = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list);

export const newRecord = (cluster: ClusterName, key: string, kind: RecordValue['kind']): RecordState => ({
  cluster,
  key,
  kind,
  raw: undefined,
  rejected: NONE,
  good: undefined,
  claims: NO_CLAIMS,
  faults: NONE,
  holds: NONE,
  admitted: undefined,
  admittedFrom: undefined,
  heldSince: undefined,
  observedId: undefined,
});
