// Prefixes with something attached, asked which of them touch an address or another prefix. One hash table per prefix length,
// so that a question costs one look-up for each length in use (a handful), however many prefixes there are.

import type { Prefix } from '../model/prefix.ts';

interface Row<T> {
  readonly prefix: Prefix;
  readonly values: T[];
}

export class PrefixTable<T> {
  /** By family and length (`4/16`), then by the masked bits. */
  readonly #rows = new Map<string, Map<string, Row<T>>>();
  /** Lengths in use, with their family; few, so that a walk over them is cheap. */
  readonly #lengths: { readonly family: 4 | 6; readonly length: number; readonly rows: Map<string, Row<T>> }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  prefixes(): readonly Prefix[] {
    return this.#lengths.flatMap(({ rows }) => [...rows.values()].map(({ prefix }) => prefix));
  }

  values(): readonly T[] {
    return this.#lengths.flatMap(({ rows }) => [...rows.values()].flatMap(({ values }) => values));
  }

  add(prefix: Prefix, value: T): void {
    const name = `${prefix.family}/${prefix.length}`;
    let rows = this.#rows.get(name);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(name, rows);
      this.#lengths.push({ family: prefix.family, length: prefix.length, rows });
    }
    const bits = maskedBits(prefix.bytes, prefix.length);
    const row = rows.get(bits);
    if (row === undefined) rows.set(bits, { prefix, values: [value] });
    else row.values.push(value);
    this.#size += 1;
  }

  /** What is attached to prefixes that contain all of `prefix`. */
  covering(prefix: Prefix): readonly T[] {
    if (this.#size === 0) return [];
    const found: T[] = [];
    for (const { family, length, rows } of this.#lengths) {
      if (family !== prefix.family || length > prefix.length) continue;
      const row = rows.get(maskedBits(prefix.bytes, length));
      if (row !== undefined) found.push(...row.values);
    }
    return found;
  }

  /** What is attached to prefixes that share an address with `prefix`. */
  touching(prefix: Prefix): readonly T[] {
    const found = [...this.covering(prefix)];
    for (const { family, length, rows } of this.#lengths) {
      if (family !== prefix.family || length <= prefix.length) continue;
      // Narrower ones: only asked for wide prefixes (allocation ranges), of which there are few.
      const wanted = maskedBits(prefix.bytes, prefix.length);
      for (const row of rows.values()) {
        if (maskedBits(row.prefix.bytes, prefix.length) === wanted) found.push(...row.values);
      }
    }
    return found;
  }
}

function maskedBits(bytes: Uint8Array, length: number): string {
  let bits = '';
  const whole = length >> 3;
  for (let at = 0; at < whole; at += 1) bits += String.fromCharCode(bytes[at] ?? 0);
  const rest = length & 7;
  return rest === 0 ? bits : bits + String.fromCharCode((bytes[whole] ?? 0) & (0xff << (8 - rest)));
}
