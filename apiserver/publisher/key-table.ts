// What should be in etcd and what is there, key by key, and what follows from both. Pure state: it learns what is wanted from
// the publisher, and what is there from a list, from a mirror's events and from the outcome of the own writes.

import type { KeyValue, StoreEvent } from '../store/port.ts';
import { type KeyPlan, type KeyWritePlan, type Observed, planKey, sameBytes } from './write-plan.ts';

export interface KeyTableDeps {
  /** Under what a key is counted. */
  readonly kindOf: (key: string) => string;
  /** Whether a lease is one that this process renews. */
  readonly isOurs: (lease: string) => boolean;
}

const NO_LEASE = '0';

export class KeyTable {
  readonly #deps: KeyTableDeps;
  readonly #wanted = new Map<string, Uint8Array | 'absent'>();
  readonly #observed = new Map<string, Observed>();
  readonly #forced = new Set<string>();
  readonly #counts = new Map<string, number>();
  #mayPrune = false;
  #listedRevision = 0;

  constructor(deps: KeyTableDeps) {
    this.#deps = deps;
  }

  /** How many keys of a kind should be there. */
  count(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Whether the key should be there, and is. */
  isThere(key: string): boolean {
    return this.#wanted.get(key) instanceof Uint8Array && this.#observed.has(key);
  }

  /** False when that was wanted already. Undefined bytes: the key must not exist. */
  want(key: string, value: Uint8Array | undefined): boolean {
    const wanted = value ?? 'absent';
    const known = this.#wanted.get(key);
    if (wanted === known) return false;
    if (wanted instanceof Uint8Array && known instanceof Uint8Array && sameBytes(wanted, known)) return false;
    this.#wanted.set(key, wanted);
    const more = Number(wanted instanceof Uint8Array) - Number(known instanceof Uint8Array);
    const kind = this.#deps.kindOf(key);
    this.#counts.set(kind, this.count(kind) + more);
    return true;
  }

  /** The next plan for the key writes what is wanted, whatever is there. */
  force(key: string): void {
    this.#forced.add(key);
  }

  /** From now on, what nobody has mentioned is deleted, or not. */
  allowPruning(allowed: boolean): void {
    this.#mayPrune = allowed;
    for (const key of [...this.#wanted.keys()]) this.forgetAbsent(key);
  }

  /** Keys that are there and that nobody has mentioned. */
  leftovers(): readonly string[] {
    return [...this.#observed.keys()].filter((key) => !this.#wanted.has(key));
  }

  /** The keys that are there, by the lease that they hang on. */
  keysOfLeases(): ReadonlyMap<string, readonly string[]> {
    const keysOf = new Map<string, string[]>();
    for (const [key, { lease }] of this.#observed) {
      if (lease === NO_LEASE) continue;
      const keys = keysOf.get(lease);
      if (keys === undefined) keysOf.set(lease, [key]);
      else keys.push(key);
    }
    return keysOf;
  }

  plan(key: string): KeyPlan {
    return planKey({
      wanted: this.#wanted.get(key),
      observed: this.#observed.get(key),
      isOurs: this.#deps.isOurs,
      mayPrune: this.#mayPrune,
      forced: this.#forced.has(key),
    });
  }

  listed({ key, value, lease, modRevision }: KeyValue): void {
    this.#observed.set(key, { value, lease, modRevision });
  }

  /** Everything that was there at `revision` has been listed. */
  listComplete(revision: number): void {
    this.#listedRevision = revision;
  }

  /** Takes what happened to a key; true when that calls for a write. */
  observe(event: StoreEvent): boolean {
    const [key, seen] = event.type === 'put' ? [event.kv.key, event.kv.modRevision] : [event.key, event.modRevision];
    // Own writes are known already; what is older than they, or than the list, has been overtaken.
    if (seen <= Math.max(this.#observed.get(key)?.modRevision ?? 0, this.#listedRevision)) return false;
    if (event.type === 'put') this.listed(event.kv);
    else this.#observed.delete(key);
    return this.plan(key).action !== 'none';
  }

  /** A write was carried out; true when the key needs another. */
  wrote(key: string, plan: KeyWritePlan, at: { readonly lease: string; readonly revision: number }): boolean {
    // An event of a later change may have come before the answer.
    if ((this.#observed.get(key)?.modRevision ?? 0) <= at.revision) {
      if (plan.action === 'delete') this.#observed.delete(key);
      else this.#observed.set(key, { value: plan.value, lease: at.lease, modRevision: at.revision });
    }
    this.#forced.delete(key);
    this.forgetAbsent(key);
    return this.plan(key).action !== 'none';
  }

  /** Once everything that should be there is known, a key that must not be there needs no entry to say so. */
  forgetAbsent(key: string): void {
    if (this.#mayPrune && this.#wanted.get(key) === 'absent' && !this.#observed.has(key)) this.#wanted.delete(key);
  }
}
