// Records that were written and have not come back yet. What comes back as it was written needs no look: whatever it is to be since then,
// admission has told, and its key is in the queue. In a bootstrap that is nearly every event of the own etcd.

import type { StoreEvent, Write } from '../store/port.ts';

/** More than is ever under way at once; one that never comes back is pushed out by others. */
const RETURNING_MAX = 4_096;

export class ReturningWrites {
  readonly #values = new Map<string, Uint8Array>();
  #era = 0;

  /** Another one after each `clear`. */
  get era(): number {
    return this.#era;
  }

  /** Before they are sent; `era`: in which it was found that they are due. Only records that admission holds: of others it tells nothing. */
  expect(writes: readonly Write[], era: number): void {
    if (era !== this.#era) return;
    for (const write of writes) {
      if (write.type === 'put' && write.shared === true) this.#values.set(write.key, write.value);
    }
    for (const key of this.#values.keys()) {
      if (this.#values.size <= RETURNING_MAX) break;
      this.#values.delete(key);
    }
  }

  /**
   * These are looked at anew, by what stands there now: that does not tell what is on its way, so that this has to be looked at when it
   * has come.
   */
  forget(keys: Iterable<string>): void {
    if (this.#values.size > 0) for (const key of keys) this.#values.delete(key);
  }

  /** Whether it is what was written, and not looked at since: the very bytes, as the store gives them back (sent-values.ts). */
  takes(event: StoreEvent): boolean {
    if (event.type !== 'put' || this.#values.get(event.kv.key) !== event.kv.value) return false;
    this.#values.delete(event.kv.key);
    return true;
  }

  /** Nothing that was found to be due until now needs no look. */
  clear(): void {
    this.#era += 1;
    this.#values.clear();
  }
}
