// An ipcache in memory: bounded like the kernel's, and looked up by the longest prefix. For `--datapath memory` and for tests,
// which can let it fail.

import { host32, putHost32 } from '../maps/bytes.ts';
import type { AddressMap, BatchOutcome, MapRow } from '../maps/port.ts';
import { RowTable } from '../maps/row-table.ts';
import { IPCACHE_KEY } from '../maps/structs.ts';

/** What the kernel answers for a full trie. */
const ERRNO_ENOSPC = 28;
const ADDRESS = IPCACHE_KEY.offsets.address;
/** As the kernel's dump has them. */
const CHUNK_ROWS = 4_096;
/** Bits of a key before its address. */
const STATIC_BITS = 32;

export class MemoryAddressMap implements AddressMap {
  readonly size: number;
  /** Asked before every row that is written or removed. */
  fault: (() => BatchOutcome['failure'] | undefined) | undefined;
  readonly #rows = new RowTable();

  constructor(size = 512_000) {
    this.size = size;
  }

  async *chunks(): AsyncGenerator<readonly MapRow[]> {
    let chunk: MapRow[] = [];
    for (const row of this.#rows) {
      chunk.push(row);
      if (chunk.length < CHUNK_ROWS) continue;
      yield chunk;
      chunk = [];
    }
    yield chunk;
  }

  async update(rows: readonly MapRow[]): Promise<BatchOutcome> {
    for (const [applied, { key, value }] of rows.entries()) {
      const full = this.#rows.size >= this.size && !this.#rows.has(key);
      const failure = this.fault?.() ?? (full ? this.#full() : undefined);
      if (failure !== undefined) return { applied, failure };
      this.#rows.set(key, value);
    }
    return { applied: rows.length };
  }

  async remove(keys: readonly Uint8Array[]): Promise<BatchOutcome> {
    for (const [applied, key] of keys.entries()) {
      const failure = this.fault?.();
      if (failure !== undefined) return { applied, failure };
      this.#rows.delete(key);
    }
    return { applied: keys.length };
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    for (let bits = host32(key, 0) - STATIC_BITS; bits >= 0; bits -= 1) {
      const masked = key.slice();
      putHost32(masked, 0, STATIC_BITS + bits);
      for (let at = bits; at < (masked.length - ADDRESS) * 8; at += 1) {
        const byte = ADDRESS + (at >> 3);
        masked[byte] = (masked[byte] ?? 0) & ~(0x80 >> (at & 7));
      }
      const found = this.#rows.get(masked);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #full(): NonNullable<BatchOutcome['failure']> {
    return { code: 'MAP_FULL', reason: `all ${this.size} entries are in use`, errno: ERRNO_ENOSPC };
  }
}
