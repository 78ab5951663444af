// One stored record of one cluster while it is judged: what came, what of it counts, what is wrong with it, and what becomes of it
// here. Mutable, and owned by the evaluation (evaluation.ts), which is its one writer.

import type { ClusterName } from '../model/names.ts';
import { addressInKey, isKeyOfAddress } from '../wire/ip-identity.ts';
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

/** What most records have nothing of. */
interface Unusual {
  readonly rejected: readonly RecordProblem[];
  readonly faults: readonly Fault[];
  readonly holds: readonly Hold[];
  readonly heldSince: number | undefined;
  readonly observedId: number | undefined;
}

/** One for all records of a kind in a cluster. */
export interface RecordOwner {
  readonly cluster: ClusterName;
  readonly kind: RecordValue['kind'];
}

interface Admission {
  readonly admitted: Uint8Array | undefined;
  readonly from: Uint8Array | undefined;
}

const NOT_ADMITTED: Admission = { admitted: undefined, from: undefined };
/** What is stored is admitted as it is: true of nearly every record, and no object of its own. */
const AS_STORED = 'as stored';

/**
 * There are as many as there are endpoints in a mesh, so that what can be told from its bytes or its key is not kept beside them. It has no
 * private methods: each instance would have a mark that says so.
 */
export class RecordState {
  readonly #owner: RecordOwner;
  readonly key: string;
  /** As the index of claims has them; its to write. */
  claims: Claims = NO_CLAIMS;
  #raw: Uint8Array | undefined = undefined;
  #admission: Admission | typeof AS_STORED = NOT_ADMITTED;
  /**
   * The identity's number alone: the good value is that of `raw`, and either the identity, or an endpoint that has it and is at the
   * address that the key names.
   */
  #good: GoodValue | number | undefined = undefined;
  #unusual: Unusual | undefined = undefined;

  constructor(owner: RecordOwner, key: string) {
    this.#owner = owner;
    this.key = key;
  }

  get cluster(): ClusterName {
    return this.#owner.cluster;
  }

  get kind(): RecordValue['kind'] {
    return this.#owner.kind;
  }

  /** The address, or the range, that the key of an endpoint names. */
  get address(): string {
    return addressInKey(this.key);
  }

  /** As it is stored at its cluster; undefined once it is deleted there. */
  get raw(): Uint8Array | undefined {
    return this.#raw;
  }

  set raw(bytes: Uint8Array | undefined) {
    // The good value, and what is admitted, stay those of the bytes before, until the new ones are read and judged.
    if (bytes === this.#raw) return;
    this.#good = this.good;
    if (this.#admission === AS_STORED) this.#admission = { admitted: this.#raw, from: this.#raw };
    this.#raw = bytes;
  }

  /** What goes on to this cluster's own state; undefined while nothing may. See AdmittedRecords, which writes it. */
  get admitted(): Uint8Array | undefined {
    return this.#admission === AS_STORED ? this.#raw : this.#admission.admitted;
  }

  set admitted(admitted: Uint8Array | undefined) {
    this.#admission = admissionOf(this.#raw, admitted, this.admittedFrom);
  }

  /** The stored bytes that `admitted` was made from. */
  get admittedFrom(): Uint8Array | undefined {
    return this.#admission === AS_STORED ? this.#raw : this.#admission.from;
  }

  set admittedFrom(from: Uint8Array | undefined) {
    this.#admission = admissionOf(this.#raw, this.admitted, from);
  }

  get good(): GoodValue | undefined {
    if (typeof this.#good !== 'number') return this.#good;
    if (this.#raw === undefined) return undefined;
    const value: RecordValue =
      this.kind === 'ip'
        ? { kind: 'ip', identity: this.#good, text: this.address }
        : { kind: 'identities', number: this.#good };
    return { bytes: this.#raw, value, problems: NONE };
  }

  set good(good: GoodValue | undefined) {
    const isUsual = good !== undefined && good.bytes === this.#raw && good.problems.length === 0;
    this.#good = isUsual ? (numberIn(this.key, good.value) ?? good) : good;
  }

  /** Why `raw` cannot be used (CM-REC-001); then `good` is an earlier value, or there is none. */
  get rejected(): readonly RecordProblem[] {
    return this.#unusual?.rejected ?? NONE;
  }

  set rejected(rejected: readonly RecordProblem[]) {
    if (this.#unusual !== undefined || rejected.length > 0) this.#unusual = changed(this.#unusual, { rejected });
  }

  get faults(): readonly Fault[] {
    return this.#unusual?.faults ?? NONE;
  }

  set faults(faults: readonly Fault[]) {
    if (this.#unusual !== undefined || faults.length > 0) this.#unusual = changed(this.#unusual, { faults });
  }

  get holds(): readonly Hold[] {
    return this.#unusual?.holds ?? NONE;
  }

  set holds(holds: readonly Hold[]) {
    if (this.#unusual !== undefined || holds.length > 0) this.#unusual = changed(this.#unusual, { holds });
  }

  /** Since when something of it has been withheld. */
  get heldSince(): number | undefined {
    return this.#unusual?.heldSince;
  }

  set heldSince(heldSince: number | undefined) {
    if (this.#unusual !== undefined || heldSince !== undefined) this.#unusual = changed(this.#unusual, { heldSince });
  }

  /** The cluster id that `raw` carries, where that is of interest. */
  get observedId(): number | undefined {
    return this.#unusual?.observedId;
  }

  set observedId(observedId: number | undefined) {
    if (this.#unusual !== undefined || observedId !== undefined) this.#unusual = changed(this.#unusual, { observedId });
  }
}

/** Undefined where a number is not all that the value says. */
function numberIn(key: string, value: RecordValue): number | undefined {
  if (value.kind === 'identities') return value.number;
  return value.kind === 'ip' && isKeyOfAddress(key, value.text) ? value.identity : undefined;
}

function admissionOf(
  raw: Uint8Array | undefined,
  admitted: Uint8Array | undefined,
  from: Uint8Array | undefined,
): Admission | typeof AS_STORED {
  if (admitted === undefined && from === undefined) return NOT_ADMITTED;
  return admitted === raw && from === raw ? AS_STORED : { admitted, from };
}

function changed(before: Unusual | undefined, change: Partial<Unusual>): Unusual | undefined {
  const unusual = { ...USUAL, ...before, ...change };
  const { rejected, faults, holds, heldSince, observedId } = unusual;
  const isUsual = rejected.length + faults.length + holds.length === 0 && (heldSince ?? observedId) === undefined;
  return isUsual ? undefined : unusual;
}

/** Nearly every record has nothing of most lists; one empty list for all of them is a tenth of what a large mesh takes. */
const NONE: readonly never[] = [];
export const orNone = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list);
const USUAL: Unusual = { rejected: NONE, faults: NONE, holds: NONE, heldSince: undefined, observedId: undefined };
