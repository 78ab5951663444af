// What records of different clusters have to do with each other: the same address, the same identity number, the same service. Kept
// current record by record. A change returns whoever must be judged again because of it, and nobody else.

import { compareBytes } from '../model/address.ts';
import type { ClusterName, ServiceKey } from '../model/names.ts';
import { serviceSpecKey } from '../wire/service-spec.ts';
import { addressesOf, type Claims, sameClaims } from './claim-list.ts';
import { ClaimIndex } from './claims.ts';
import { type Few, itemsOf, withItem, withoutItem } from './few.ts';
import { SliceIndex } from './pieces.ts';
import type { GoodValue, RecordState } from './record-state.ts';
import type { RecordValue } from './record-value.ts';
import { ServiceIndex } from './service-index.ts';
import { SpecIndex } from './spec-index.ts';

const NOBODY: readonly RecordState[] = [];

/** The workloads behind a record of backends may be others; `service` is the record or head that it is a part of. */
export type WorkloadListener = (record: RecordState, service: RecordState | undefined) => void;

export class RecordIndexes {
  readonly claims = new ClaimIndex<RecordState>();
  readonly services = new ServiceIndex();
  readonly specs = new SpecIndex();
  readonly slices = new SliceIndex();
  /** One a cluster. */
  readonly #publishers = new Map<number, Few<RecordState>>();
  readonly #endpoints = new Map<ClusterName, Map<number, Few<RecordState>>>();
  /** Numbers that several clusters publish. */
  readonly #collisions = new Set<number>();
  readonly #onWorkloads: WorkloadListener;

  constructor(onWorkloads: WorkloadListener) {
    this.#onWorkloads = onWorkloads;
  }

  /** All records that publish the number, one a cluster. */
  publishers(identity: number): readonly RecordState[] {
    return [...itemsOf(this.#publishers.get(identity))];
  }

  publisher(identity: number, cluster: ClusterName): RecordState | undefined {
    for (const record of itemsOf(this.#publishers.get(identity))) if (record.cluster === cluster) return record;
    return undefined;
  }

  /** The cluster's endpoints that carry the number. */
  endpoints(cluster: ClusterName, identity: number): Iterable<RecordState> {
    return itemsOf(this.#endpoints.get(cluster)?.get(identity));
  }

  /** In ascending order. */
  get collisions(): readonly number[] {
    return [...this.#collisions].sort((a, b) => a - b);
  }

  /** Records of other clusters whose judgement depends on what this record's cluster is, not only on what the record says. */
  neighbours({ good }: RecordState): readonly RecordState[] {
    if (good?.value.kind === 'services' || good?.value.kind === 'heads') return this.#disagreeing(good.value.key);
    if (good?.value.kind !== 'identities') return NOBODY;
    return this.#collisions.has(good.value.number) ? this.publishers(good.value.number) : NOBODY;
  }

  /** The record's value was `before`, and is now `record.good`. */
  update(record: RecordState, before: GoodValue | undefined): Iterable<RecordState> {
    const after = record.good;
    switch (record.kind) {
      case 'services':
      case 'heads':
        return this.#updateService(record, before?.value, after?.value);
      case 'identities':
        return this.#updateIdentity(record, before, after);
      case 'ip':
        this.#updateEndpoint(record, before?.value, after?.value);
        return NOBODY;
      case 'specs':
        this.#updateSpec(record, before?.value, after?.value);
        return NOBODY;
      case 'slices':
        this.#updateSlice(record, before?.value, after?.value);
        return NOBODY;
      case 'nodes':
        return NOBODY;
    }
  }

  /** What makes up a cluster's part of a service: the whole record alone, or the head with the slices. */
  partsOf(record: RecordState): readonly RecordState[] {
    const value = record.good?.value;
    return value?.kind === 'heads' ? [record, ...this.slices.of(record.cluster, value.key)] : [record];
  }

  claim(record: RecordState, claims: Claims): Iterable<RecordState> {
    if (sameClaims(record, claims)) return NOBODY;
    // Nodes have no workloads behind them.
    if (record.kind !== 'ip') return this.claims.replace(record, claims);
    const before = [...addressesOf(record)];
    const concerned = this.claims.replace(record, claims);
    for (const address of [...before, ...addressesOf(record)]) this.#relabelled(record.cluster, address);
    return concerned;
  }

  /** What is at the address has other labels than before, or may have: whoever sends there is told of. */
  #relabelled(cluster: ClusterName, address: string): void {
    for (const user of this.claims.using(address)) {
      if (user.cluster === cluster) this.#tellOf(user, user.good?.value);
    }
  }

  /** `value`: of the record, as it is or was. */
  #tellOf(record: RecordState, value: RecordValue | undefined): void {
    const isPart = record.kind === 'slices' && value?.kind === 'slices';
    this.#onWorkloads(record, isPart ? this.services.recordOf(value.key, record.cluster) : record);
  }

  #disagreeing(key: ServiceKey): readonly RecordState[] {
    return this.services.disagrees(key) ? this.#constituents(key) : NOBODY;
  }

  #constituents(key: ServiceKey): readonly RecordState[] {
    return this.services.constituents(key).flatMap(({ record }) => this.partsOf(record));
  }

  #updateService(record: RecordState, before?: RecordValue, after?: RecordValue): Iterable<RecordState> {
    const value = after ?? before;
    if (value?.kind !== 'services' && value?.kind !== 'heads') return NOBODY;
    this.#tellOf(record, value);
    const now = after?.kind === 'services' || after?.kind === 'heads' ? after : undefined;
    this.services.setUnshared(value.key, record.cluster, now !== undefined && now.shape === undefined);
    const changed = this.services.set(value.key, record, now?.shape);
    // The slices of a head that is gone belong to no constituent, and lost something with it.
    return changed ? [...this.#constituents(value.key), ...this.slices.of(record.cluster, value.key)] : NOBODY;
  }

  #updateSlice(record: RecordState, before?: RecordValue, after?: RecordValue): void {
    if (before?.kind === 'slices' && after === undefined) this.slices.delete(before.key, record);
    if (after?.kind === 'slices') this.slices.add(after.key, record);
    this.#tellOf(record, after ?? before);
  }

  #updateSpec(record: RecordState, before?: RecordValue, after?: RecordValue): void {
    const value = after ?? before;
    // Another cluster's key only counts for who is held back whole because of it (CM-ID-002).
    if (value?.kind !== 'specs' || record.key !== serviceSpecKey(record.cluster, value.key)) return;
    this.specs.set(value.key, record.cluster, after?.kind === 'specs' ? after.traits : undefined);
  }

  #updateIdentity(record: RecordState, before?: GoodValue, after?: GoodValue): Iterable<RecordState> {
    const value = (after ?? before)?.value;
    if (value?.kind !== 'identities') return NOBODY;
    const { number } = value;
    if (after === undefined) drop(this.#publishers, number, record);
    else this.#publishers.set(number, withItem(this.#publishers.get(number), record));
    if (this.publishers(number).length > 1) this.#collisions.add(number);
    else this.#collisions.delete(number);
    const same = before !== undefined && after !== undefined && compareBytes(before.bytes, after.bytes) === 0;
    if (same) return NOBODY;
    const endpoints = [...this.endpoints(record.cluster, number)];
    for (const endpoint of endpoints) {
      for (const address of addressesOf(endpoint)) this.#relabelled(record.cluster, address);
    }
    return [...this.publishers(number), ...endpoints];
  }

  #updateEndpoint(record: RecordState, before?: RecordValue, after?: RecordValue): void {
    const [old, now] = [before, after].map((value) => (value?.kind === 'ip' ? value.identity : undefined));
    if (old === now) return;
    // Where it is, and that it is there at all, its claims say.
    for (const address of addressesOf(record)) this.#relabelled(record.cluster, address);
    const byNumber = this.#endpoints.get(record.cluster) ?? new Map<number, Few<RecordState>>();
    this.#endpoints.set(record.cluster, byNumber);
    if (old !== undefined) drop(byNumber, old, record);
    if (now !== undefined) byNumber.set(now, withItem(byNumber.get(now), record));
    if (byNumber.size === 0) this.#endpoints.delete(record.cluster);
  }
}

function drop<K>(table: Map<K, Few<RecordState>>, key: K, record: RecordState): void {
  const left = withoutItem(table.get(key), record);
  if (left === undefined) table.delete(key);
  else table.set(key, left);
}
