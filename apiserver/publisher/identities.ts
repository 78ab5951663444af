// The numbers of this cluster's security identities: one per label set, inside the cluster's range, the same after a restart.
// Two records in etcd, written and deleted together, hold an allocation: by number (its labels), and by labels (its number).
// The second decides: of two replicas that allocate for the same labels at once, one finds it there. Neither has a lease.

import { type IdentityRange, inRange } from '../../mesh/model/identity.ts';
import type { NumericIdentity } from '../../mesh/model/names.ts';
import { IDENTITY_ALLOCATIONS_PREFIX, identityAllocationKey } from '../../mesh/wire/identity-allocation.ts';
import { encodeText } from '../../mesh/wire/json.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Condition, KeyValue, Store, Write } from '../store/port.ts';
import { publisherFailures } from './failures.ts';
import {
  type AllocationRecord,
  IDENTITY_LABELS_PREFIX,
  identityLabelsKey,
  readAllocation,
  readLabelsNumber,
} from './identity-records.ts';

/**
 * How long a number stays its label set's after the last pod: as long as a lease, so that it outlives every trace of those
 * pods, and a workload that is scaled to nothing for a while comes back as the same.
 */
export const IDENTITY_GRACE_MS = 15 * 60_000;

/** Two writes and two conditions each, and the condition that this replica leads, within what etcd takes (128). */
const ALLOCATIONS_PER_TRANSACTION = 60;
/** Each attempt lost means that somebody else allocated in between. */
const ATTEMPTS_MAX = 10;

export interface IdentitiesDeps {
  readonly store: Store;
  readonly range: IdentityRange;
  readonly clock: Clock;
  /** Must hold for every write: that this replica leads. */
  readonly fence: Condition | undefined;
  /** Numbers that label sets had in an etcd that was lost: they get them again, so that nobody else's view changes. */
  readonly remembered: ReadonlyMap<string, NumericIdentity>;
  /** A label set has a number now, or no longer. */
  readonly onChange: (number: NumericIdentity, labels: string | undefined) => void;
}

export class Identities {
  readonly #deps: IdentitiesDeps;
  readonly #numbers = new Map<string, NumericIdentity>();
  /** Numbers that are given, or may be. */
  readonly #taken = new Set<number>();
  /** Picked for label sets whose allocation may or may not have been carried out. */
  readonly #picked = new Map<string, NumericIdentity>();
  /** Monotonic milliseconds. */
  readonly #unusedSince = new Map<string, number>();
  /** Label sets whose records are being deleted, or could not be told to be. */
  readonly #leaving = new Map<string, NumericIdentity>();
  #next: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: IdentitiesDeps) {
    this.#deps = deps;
    this.#next = this.#behindNewest();
  }

  /** By label text. */
  get numbers(): ReadonlyMap<string, NumericIdentity> {
    return this.#numbers;
  }

  get capacity(): number {
    const { min, max } = this.#deps.range;
    return max - min + 1;
  }

  /** Reads what has been allocated before, by whomever. */
  async load(signal: AbortSignal): Promise<void> {
    const { store, range } = this.#deps;
    const decisions = new Map<string, number>();
    for await (const { entries } of store.list(IDENTITY_LABELS_PREFIX, signal)) {
      for (const kv of entries) {
        const number = readLabelsNumber(kv);
        if (number !== undefined) decisions.set(kv.key, number);
      }
    }
    const records: AllocationRecord[] = [];
    for await (const { entries } of store.list(IDENTITY_ALLOCATIONS_PREFIX, signal)) {
      records.push(...entries.flatMap((kv) => readAllocation(kv) ?? []));
    }
    for (const number of decisions.values()) this.#taken.add(number);
    for (const { labels, number } of records.filter((record) => inRange(range, record.number))) {
      this.#taken.add(number);
      for (const [other, picked] of this.#picked) if (picked === number && other !== labels) this.#picked.delete(other);
      const decided = decisions.get(identityLabelsKey(labels));
      if (decided === number || (decided === undefined && (await this.#decide(labels, number, signal)))) {
        this.#remember(labels, number);
      }
    }
    this.#next = this.#behindNewest();
  }

  /** Gives each of the label sets a number; gives those for which there is none left. */
  allocate(labelSets: Iterable<string>, signal: AbortSignal): Promise<ReadonlySet<string>> {
    return this.#inTurn(async () => {
      const exhausted = new Set<string>();
      const missing = [...new Set(labelSets)].filter((labels) => !this.#numbers.has(labels));
      for (let at = 0; at < missing.length; at += ALLOCATIONS_PER_TRANSACTION) {
        const part = missing.slice(at, at + ALLOCATIONS_PER_TRANSACTION);
        if (await this.#allocateAll(part, signal)) continue;
        // Unless the numbers are used up, somebody else allocates too.
        if (this.#taken.size < this.capacity) await this.load(signal);
        for (const labels of part) if (!(await this.#allocateOne(labels, signal))) exhausted.add(labels);
      }
      return exhausted;
    });
  }

  /** Takes back the numbers of label sets that have not been in use for the grace period. */
  collect(isUsed: (labels: string) => boolean, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const now = this.#deps.clock.monotonic();
      for (const [labels, number] of [...this.#numbers]) {
        if (isUsed(labels)) {
          this.#unusedSince.delete(labels);
          continue;
        }
        const since = this.#unusedSince.get(labels) ?? now;
        this.#unusedSince.set(labels, since);
        if (now - since < IDENTITY_GRACE_MS) continue;
        // Forgotten first: whoever needs it from now on allocates, in turn, and finds the records or does not.
        this.#numbers.delete(labels);
        this.#unusedSince.delete(labels);
        this.#leaving.set(labels, number);
      }
      for (const [labels, number] of [...this.#leaving]) await this.#takeBack(labels, number, signal);
    });
  }

  /** All at once, as if nobody else allocated; false when one of them has to be looked at. */
  async #allocateAll(labelSets: readonly string[], signal: AbortSignal): Promise<boolean> {
    const writes: Write[] = [];
    const conditions: Condition[] = [];
    const picked = new Map<string, NumericIdentity>();
    for (const labels of labelSets) {
      const number = this.#pick(labels);
      if (number === undefined) return false;
      picked.set(labels, number);
      writes.push(...allocationWrites(labels, number));
      conditions.push(...absent(labels, number));
    }
    if (!(await this.#transact(writes, conditions, signal))) return false;
    for (const [labels, number] of picked) this.#remember(labels, number);
    return true;
  }

  /** False when there is no number left. */
  async #allocateOne(labels: string, signal: AbortSignal): Promise<boolean> {
    const { store } = this.#deps;
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !this.#numbers.has(labels); attempt += 1) {
      const decided = await store.get(identityLabelsKey(labels), signal);
      if (decided !== undefined && (await this.#adopt(labels, decided, signal))) return true;
      const number = this.#pick(labels);
      if (number === undefined) return false;
      const conditions = [
        { key: identityLabelsKey(labels), modRevision: decided?.modRevision ?? 0 },
        { key: identityAllocationKey(number), modRevision: 0 },
      ];
      if (await this.#transact(allocationWrites(labels, number), conditions, signal)) this.#remember(labels, number);
      else await this.load(signal);
    }
    if (this.#numbers.has(labels)) return true;
    throw publisherFailures.contended(labels, ATTEMPTS_MAX);
  }

  /** Makes the number that somebody wrote down for the labels the decided one; false when another has been meanwhile. */
  #decide(labels: string, number: NumericIdentity, signal: AbortSignal): Promise<boolean> {
    const key = identityLabelsKey(labels);
    const write = { type: 'put', key, value: encodeText(String(number)) } as const;
    return this.#transact([write], [{ key, modRevision: 0 }], signal);
  }

  /** Takes the number that was decided for the labels; false when that is somebody else's by now. */
  async #adopt(labels: string, decided: KeyValue, signal: AbortSignal): Promise<boolean> {
    const number = readLabelsNumber(decided);
    if (number === undefined || !inRange(this.#deps.range, number)) return false;
    const key = identityAllocationKey(number);
    const record = await this.#deps.store.get(key, signal);
    if (record === undefined) {
      const conditions = [
        { key, modRevision: 0 },
        { key: decided.key, modRevision: decided.modRevision },
      ];
      if (!(await this.#transact([{ type: 'put', key, value: encodeText(labels) }], conditions, signal))) return false;
    } else if (readAllocation(record)?.labels !== labels) return false;
    this.#taken.add(number);
    this.#remember(labels, number);
    return true;
  }

  async #takeBack(labels: string, number: NumericIdentity, signal: AbortSignal): Promise<void> {
    const keys = [identityLabelsKey(labels), identityAllocationKey(number)];
    await this.#transact(
      keys.map((key) => ({ type: 'delete', key })),
      [],
      signal,
    );
    this.#leaving.delete(labels);
    this.#taken.delete(number);
    this.#deps.onChange(number, undefined);
  }

  #pick(labels: string): NumericIdentity | undefined {
    const before = this.#picked.get(labels);
    if (before !== undefined) return before;
    const number = this.#free(this.#deps.remembered.get(labels)) ?? this.#nextFree();
    if (number === undefined) return undefined;
    this.#taken.add(number);
    this.#picked.set(labels, number);
    return number;
  }

  #free(number: NumericIdentity | undefined): NumericIdentity | undefined {
    return number === undefined || this.#taken.has(number) || !inRange(this.#deps.range, number) ? undefined : number;
  }

  #nextFree(): NumericIdentity | undefined {
    const { min, max } = this.#deps.range;
    if (this.#taken.size >= this.capacity) return undefined;
    for (let tried = 0; tried < this.capacity; tried += 1) {
      const number = this.#next > max || this.#next < min ? min : this.#next;
      this.#next = number + 1;
      if (!this.#taken.has(number)) return number as NumericIdentity;
    }
    return undefined;
  }

  /** A number is not given again right after it was collected, while others still know it, or before its owner asks for it. */
  #behindNewest(): number {
    let next: number = this.#deps.range.min;
    for (const number of this.#numbers.values()) next = Math.max(next, number + 1);
    for (const number of this.#deps.remembered.values()) next = Math.max(next, number + 1);
    return next;
  }

  #remember(labels: string, number: NumericIdentity): void {
    const picked = this.#picked.get(labels);
    if (picked !== undefined && picked !== number) this.#taken.delete(picked);
    this.#picked.delete(labels);
    this.#leaving.delete(labels);
    this.#taken.add(number);
    this.#numbers.set(labels, number);
    this.#deps.onChange(number, labels);
  }

  async #transact(writes: readonly Write[], conditions: readonly Condition[], signal: AbortSignal): Promise<boolean> {
    const { store, fence } = this.#deps;
    const all = fence === undefined ? conditions : [...conditions, fence];
    const { succeeded } = await store.transact(writes, all, signal);
    if (succeeded || fence === undefined) return succeeded;
    const held = await store.get(fence.key, signal);
    if (held?.modRevision !== fence.modRevision) throw publisherFailures.fenced();
    return false;
  }

  /** One after the other: what is decided about a label set is carried out before the next decision. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

const allocationWrites = (labels: string, number: NumericIdentity): readonly Write[] => [
  { type: 'put', key: identityLabelsKey(labels), value: encodeText(String(number)) },
  { type: 'put', key: identityAllocationKey(number), value: encodeText(labels) },
];

const absent = (labels: string, number: NumericIdentity): readonly Condition[] => [
  { key: identityLabelsKey(labels), modRevision: 0 },
  { key: identityAllocationKey(number), modRevision: 0 },
];
