// The rows of a map in memory, by their keys. Kept as text of one character a byte: a row then takes some 120 bytes, where arrays
// of bytes would take four times that, and whoever writes may reuse his buffers.

import type { MapRow } from './packed.ts';

export class RowTable {
  readonly #values = new Map<string, string>();

  get size(): number {
    return this.#values.size;
  }

  has(key: Uint8Array): boolean {
    return this.#values.has(textOf(key));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.#values.get(textOf(key));
    return value === undefined ? undefined : bytesOf(value);
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#values.set(textOf(key), textOf(value));
  }

  /** Whether there was one. */
  delete(key: Uint8Array): boolean {
    return this.#values.delete(textOf(key));
  }

  /** The bytes of each are the caller's. */
  *[Symbol.iterator](): IterableIterator<MapRow> {
    for (const [key, value] of this.#values) yield { key: bytesOf(key), value: bytesOf(value) };
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
