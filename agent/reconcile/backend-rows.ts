// The rows of backends as they stand in the maps, by id, with how many slots lead to each. A backend that no slot leads to is an
// orphan: it is taken away when readers have let go of it, so it is remembered since when.

import type { BackendState } from '../../mesh/model/service.ts';
import { Paged } from '../desired/paged.ts';
import type { Target } from '../desired/targets.ts';
import type { BackendRecord, Removal } from './change.ts';

/** What is known of an id beside its target, in one number: these two, and above them the slots that lead to it. */
const EXACT = 1;
const TERMINATING = 2;
const REFERENCE = 4;

export class BackendRows {
  readonly #targets = new Paged<Target>();
  /** Also of ids without a row that slots lead to. */
  readonly #facts = new Paged<number>();
  /** Since when; the oldest first. */
  readonly #orphans = new Map<number, number>();
  /** Rows that came before the slots that are to lead to them, as nearly all do: orphans only where those did not follow. */
  #newcomers: number[] = [];
  /** When the last of them came. */
  #newestAt = 0;

  get size(): number {
    return this.#targets.size;
  }

  /** Rows that slots lead to. */
  get inUse(): number {
    this.#sift();
    return this.#targets.size - this.#orphans.size;
  }

  has(id: number): boolean {
    return this.#targets.has(id);
  }

  get(id: number): (BackendRecord & { readonly exact: boolean }) | undefined {
    const target = this.#targets.get(id);
    if (target === undefined) return undefined;
    const facts = this.#factsOf(id);
    return { target, state: (facts & TERMINATING) !== 0 ? 'terminating' : 'active', exact: (facts & EXACT) !== 0 };
  }

  /** Whether the row has the very bytes that this program would write. */
  holds(id: number, target: Target, state: BackendState): boolean {
    return this.#targets.get(id) === target && this.#factsOf(id) % REFERENCE === bitsOf(state, true);
  }

  put(id: number, { target, state }: BackendRecord, exact: boolean, now: number): void {
    const references = this.#references(id);
    this.#targets.set(id, target);
    this.#facts.set(id, references * REFERENCE + bitsOf(state, exact));
    if (references !== 0) return;
    this.#newestAt = now;
    this.#newcomers.push(id);
  }

  /** Whether there was one. */
  delete(id: number): boolean {
    this.#sift();
    this.#orphans.delete(id);
    const references = this.#references(id);
    if (references === 0) this.#facts.delete(id);
    else this.#facts.set(id, references * REFERENCE);
    return this.#targets.delete(id);
  }

  /** One slot more leads to it, or one less. */
  refer(id: number, by: 1 | -1, now: number): void {
    const facts = this.#factsOf(id) + by * REFERENCE;
    if (facts >= REFERENCE) {
      this.#facts.set(id, facts);
      if (this.#orphans.size > 0) this.#orphans.delete(id);
      return;
    }
    if (this.#targets.has(id)) {
      this.#sift();
      this.#facts.set(id, facts);
      this.#orphans.set(id, now);
    } else this.#facts.delete(id);
  }

  *[Symbol.iterator](): IterableIterator<[number, BackendRecord & { readonly exact: boolean }]> {
    for (const [id] of this.#targets) {
      const row = this.get(id);
      if (row !== undefined) yield [id, row];
    }
  }

  /** Takes away those that no slot has led to for that long. */
  *removalsOfOrphans(forMs: number, now: number): Iterable<Extract<Removal, { type: 'remove-backend' }>> {
    this.#sift();
    for (const [id, since] of this.#orphans) {
      if (since + forMs > now) return;
      const target = this.#targets.get(id);
      if (target !== undefined) yield { type: 'remove-backend', id, family: target.family };
    }
  }

  /** Since when there is an orphan. */
  get orphanSince(): number | undefined {
    this.#sift();
    for (const since of this.#orphans.values()) return since;
    return undefined;
  }

  /** Newcomers that no slot leads to are orphans; since all of them were there is early enough. */
  #sift(): void {
    if (this.#newcomers.length === 0) return;
    for (const id of this.#newcomers) {
      if (this.#references(id) === 0 && !this.#orphans.has(id)) this.#orphans.set(id, this.#newestAt);
    }
    this.#newcomers = [];
  }

  #factsOf(id: number): number {
    return this.#facts.get(id) ?? 0;
  }

  #references(id: number): number {
    return Math.floor(this.#factsOf(id) / REFERENCE);
  }
}

const bitsOf = (state: BackendState, exact: boolean): number =>
  (exact ? EXACT : 0) + (state === 'terminating' ? TERMINATING : 0);
