// What of a cluster's records goes on to this cluster's own state, by key: a look at the records themselves, which know it. Of a
// large mesh a map beside them would be a tenth of what admission keeps.

import type { RecordState } from './record-state.ts';

export class AdmittedRecords implements ReadonlyMap<string, Uint8Array> {
  readonly #records: ReadonlyMap<string, RecordState>;
  #size = 0;

  constructor(records: ReadonlyMap<string, RecordState>) {
    this.#records = records;
  }

  get size(): number {
    return this.#size;
  }

  /** For the one writer of the records. `undefined`: nothing of it goes on. */
  admit(record: RecordState, bytes: Uint8Array | undefined): void {
    this.#size += (bytes === undefined ? 0 : 1) - (record.admitted === undefined ? 0 : 1);
    record.admitted = bytes;
  }

  get(key: string): Uint8Array | undefined {
    return this.#records.get(key)?.admitted;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, Uint8Array]> {
    for (const { key, admitted } of this.#records.values()) if (admitted !== undefined) yield [key, admitted];
    return undefined;
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): MapIterator<Uint8Array> {
    for (const [, admitted] of this.entries()) yield admitted;
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[string, Uint8Array]> {
    return this.entries();
  }

  forEach(visit: (admitted: Uint8Array, key: string, map: ReadonlyMap<string, Uint8Array>) => void): void {
    for (const [key, admitted] of this.entries()) visit(admitted, key, this);
  }
}
