// How much of one peer is taken in. What goes beyond is kept aside, unread, and moves up when there is room: of each key the
// latest bytes, of which nothing is made. How much each record takes is asked of whoever holds it.

import type { QuotaFact } from '../../mesh/conflict/facts.ts';
import type { Change } from './pace.ts';

export interface QuotaLimits {
  readonly records: number;
  readonly bytes: number;
}

/** Four times what the largest clusters known to us publish. */
export const DEFAULT_QUOTA: QuotaLimits = { records: 1_000_000, bytes: 512 * 1024 * 1024 };

/** The bytes of the record that is taken in under the key; undefined where none is. */
export type SizeTakenIn = (key: string) => number | undefined;

export class PeerQuota {
  readonly #limits: QuotaLimits;
  readonly #sizeOf: SizeTakenIn;
  readonly #excess = new Map<string, Uint8Array>();
  #records = 0;
  #bytes = 0;

  constructor(limits: QuotaLimits, sizeOf: SizeTakenIn) {
    this.#limits = limits;
    this.#sizeOf = sizeOf;
  }

  get fact(): Pick<QuotaFact, 'records' | 'bytes' | 'recordsMax' | 'bytesMax' | 'excess'> {
    const { records, bytes } = this.#limits;
    return {
      records: this.#records,
      bytes: this.#bytes,
      recordsMax: records,
      bytesMax: bytes,
      excess: this.#excess.size,
    };
  }

  /** Of what is kept aside. */
  get excessKeys(): Iterable<string> {
    return this.#excess.keys();
  }

  has(key: string): boolean {
    return this.#sizeOf(key) !== undefined || this.#excess.has(key);
  }

  /** How many records are taken in. */
  get size(): number {
    return this.#records;
  }

  /**
   * What is to be taken in because of this change, before the next one: nothing, the change itself, and whatever there is room for
   * now.
   */
  change(key: string, value: Uint8Array | undefined): readonly Change[] {
    this.#excess.delete(key);
    if (value === undefined) return this.#drop(key);
    if (this.#fits(key, value)) return [this.#take(key, value), ...this.#moveUp()];
    this.#excess.set(key, value);
    return [];
  }

  #drop(key: string): readonly Change[] {
    const size = this.#sizeOf(key);
    if (size === undefined) return [];
    this.#records -= 1;
    this.#bytes -= size;
    return [{ key, value: undefined }, ...this.#moveUp()];
  }

  #take(key: string, value: Uint8Array): Change {
    const size = this.#sizeOf(key);
    if (size === undefined) this.#records += 1;
    this.#bytes += value.length - (size ?? 0);
    return { key, value };
  }

  #fits(key: string, value: Uint8Array): boolean {
    const size = this.#sizeOf(key);
    const records = this.#records + (size === undefined ? 1 : 0);
    return records <= this.#limits.records && this.#bytes + value.length - (size ?? 0) <= this.#limits.bytes;
  }

  /** In the order in which they came, as far as they fit. */
  #moveUp(): readonly Change[] {
    const moved: Change[] = [];
    for (const [key, value] of this.#excess) {
      if (!this.#fits(key, value)) break;
      this.#excess.delete(key);
      moved.push(this.#take(key, value));
    }
    return moved;
  }
}
