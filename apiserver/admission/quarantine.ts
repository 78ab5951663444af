// What is withheld of a peer, as it is kept: the record as the peer wrote it, and why it is withheld. Made when it is looked at, from
// the judgement, which stays the one place that knows.

import { catalogueRow } from '../../mesh/conflict/catalogue.ts';
import type { RecordState } from '../../mesh/conflict/record-state.ts';
import { encodeQuarantined, type QuarantinedRecord } from '../../mesh/wire/quarantine.ts';
import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';

export function quarantinedRecord({ key, raw, holds, rejected, heldSince }: RecordState): QuarantinedRecord {
  const codes = [...new Set(holds.map(({ code }) => code))].sort();
  const parts = new Set(holds.map(({ part }) => part));
  const [mistake] = rejected;
  const what = parts.has('record') ? '' : ` (only ${[...parts].sort().join(' and ')})`;
  const detail = mistake === undefined ? '' : `: ${mistake.field} ${mistake.reason}`;
  return {
    key,
    value: Buffer.from(raw?.subarray(0, VALUE_BYTES_MAX) ?? new Uint8Array()).toString('base64'),
    findings: [...new Set(holds.map(({ fingerprint }) => fingerprint))].sort(),
    codes,
    reason: `${codes.map((code) => catalogueRow(code).title).join('; ')}${what}${detail}`,
    since: new Date(heldSince ?? 0).toISOString(),
  };
}

export const encodedQuarantine = (record: RecordState): Uint8Array => encodeQuarantined(quarantinedRecord(record));

/** Another map as it would be with other values, each made when it is asked for. */
export class MappedView<V, T> implements ReadonlyMap<string, T> {
  readonly #source: ReadonlyMap<string, V>;
  readonly #map: (value: V) => T;

  constructor(source: ReadonlyMap<string, V>, map: (value: V) => T) {
    this.#source = source;
    this.#map = map;
  }

  get size(): number {
    return this.#source.size;
  }

  get(key: string): T | undefined {
    const value = this.#source.get(key);
    return value === undefined ? undefined : this.#map(value);
  }

  has(key: string): boolean {
    return this.#source.has(key);
  }

  keys(): MapIterator<string> {
    return this.#source.keys();
  }

  *values(): MapIterator<T> {
    for (const value of this.#source.values()) yield this.#map(value);
    return undefined;
  }

  *entries(): MapIterator<[string, T]> {
    for (const [key, value] of this.#source) yield [key, this.#map(value)];
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[string, T]> {
    return this.entries();
  }

  forEach(visit: (value: T, key: string, map: ReadonlyMap<string, T>) => void): void {
    for (const [key, value] of this.#source) visit(this.#map(value), key, this);
  }
}
