// What a program writes comes back to it through its watch. Where it has said that it holds the bytes anyway, what comes back are those
// bytes, and no copy is made of them: a bootstrap of a large mesh would else make and drop an allocation for every record.

import type { Write } from './port.ts';

/** More than is ever under way at once; what never comes back, because it was not written after all, is pushed out by others. */
const SENT_MAX = 4_096;

export class SentValues {
  readonly #values = new Map<string, Uint8Array>();

  note(writes: readonly Write[]): void {
    for (const write of writes) {
      this.#values.delete(write.key);
      if (write.type === 'put' && write.shared === true) this.#values.set(write.key, write.value);
    }
    for (const key of this.#values.keys()) {
      if (this.#values.size <= SENT_MAX) break;
      this.#values.delete(key);
    }
  }

  /** The bytes that were sent under the key, where they are `received`; else a copy of that, which may be part of a large message. */
  own(key: string, received: Uint8Array): Uint8Array {
    const sent = this.#values.get(key);
    if (sent === undefined || Buffer.compare(sent, received) !== 0) return new Uint8Array(received);
    this.#values.delete(key);
    return sent;
  }
}
