// Rows of one kernel map, in batches. A batch is written in calls of a bounded number of rows, and the event loop gets a turn
// between them: the calls are synchronous (see libbpf.ts), and a whole map takes tens of milliseconds. Batches for hash maps came
// with 5.6, the links that attach our programs with 5.7; for tries, which got theirs later, see single-calls.ts.

import { closeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PackedRows } from '../maps/packed.ts';
import type { BatchOutcome, MapInfo, MapRow } from '../maps/port.ts';
import { datapathError, ERRNO, writeFailure } from './failure.ts';
import type { Libbpf } from './libbpf.ts';

/**
 * Half a millisecond of writing. Larger calls save nothing: 425 to 509 ns a row at 1,024, 402 to 522 at 4,096.
 */
const ROWS_PER_CALL = 1024;
/** A bucket has one row on average; one of a million would be no hash any more. */
const MAX_BUCKET_ROWS = 1_048_576;
/** The kernel's cursor in a hash map is a bucket number of 4 bytes; in a trie it is a key. */
const CURSOR_BYTES_MIN = 4;

export interface KernelMapDeps {
  readonly calls: Libbpf;
  /** Owned: closed by `close`. */
  readonly fd: number;
  /** Stands in errors. */
  readonly name: string;
  readonly info: MapInfo;
}

export class KernelMap {
  readonly info: MapInfo;
  readonly #calls: Libbpf;
  readonly #fd: number;
  readonly #name: string;
  /** How many rows the buffers hold. */
  #room = 0;
  #keys = new Uint8Array(0);
  #values = new Uint8Array(0);
  readonly #count = new Uint32Array(1);
  #closed = false;

  constructor({ calls, fd, name, info }: KernelMapDeps) {
    this.#calls = calls;
    this.#fd = fd;
    this.#name = name;
    this.info = info;
    this.#makeRoom(ROWS_PER_CALL);
  }

  get size(): number {
    return this.info.maxEntries;
  }

  async update(rows: readonly MapRow[] | PackedRows): Promise<BatchOutcome> {
    const packed = rows instanceof PackedRows ? rows : PackedRows.of(rows, this.info);
    const { keySize, valueSize, maxEntries } = this.info;
    if (packed.keySize !== keySize || packed.valueSize !== valueSize)
      throw new RangeError(`${this.#name}: rows of ${packed.keySize} and ${packed.valueSize} bytes do not fit`);
    for (let from = 0; from < packed.length; from += ROWS_PER_CALL) {
      if (from > 0) await nextTurn();
      const length = Math.min(ROWS_PER_CALL, packed.length - from);
      this.#count[0] = length;
      const keys = from === 0 ? packed.keys : packed.keys.subarray(from * keySize);
      const values = from === 0 ? packed.values : packed.values.subarray(from * valueSize);
      const status = this.#calls.updateBatch(this.#open(), keys, values, this.#count, null);
      if (status < 0) return { applied: from + this.#written(length), failure: writeFailure(-status, maxEntries) };
    }
    return { applied: packed.length };
  }

  async remove(keys: readonly Uint8Array[]): Promise<BatchOutcome> {
    for (let from = 0; from < keys.length; from += ROWS_PER_CALL) {
      if (from > 0) await nextTurn();
      const chunk = keys.slice(from, from + ROWS_PER_CALL);
      for (const [index, key] of chunk.entries()) this.#put(this.#keys, this.info.keySize, index, key);
      const outcome = this.#removeFilled(chunk.length);
      if (outcome.failure !== undefined) return { ...outcome, applied: from + outcome.applied };
    }
    return { applied: keys.length };
  }

  async count(): Promise<number> {
    let count = 0;
    for await (const some of this.#walk(() => this.#counted())) count += some;
    return count;
  }

  /** Of the longest prefix, where the map is a trie. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.info.valueSize);
    const status = this.#calls.lookup(this.#open(), key, value);
    if (status === 0) return value;
    if (status === -ERRNO.ENOENT) return undefined;
    throw datapathError({ step: 'look up', subject: this.#name, errno: -status });
  }

  async dump(): Promise<readonly MapRow[]> {
    const rows: MapRow[] = [];
    for await (const some of this.chunks()) for (const row of some) rows.push(row);
    return rows;
  }

  /** All rows as bytes, as many together as a call gives. */
  async read(): Promise<readonly PackedRows[]> {
    const { keySize, valueSize } = this.info;
    const parts: PackedRows[] = [];
    const taken = () => {
      const count = this.#counted();
      const [keys, values] = [this.#keys.subarray(0, count * keySize), this.#values.subarray(0, count * valueSize)];
      return PackedRows.copyOf(keys, values, this.info);
    };
    for await (const part of this.#walk(taken)) if (part.length > 0) parts.push(part);
    return parts;
  }

  /** Every row, some at a time: a large map need not be in memory as a whole. */
  chunks(): AsyncGenerator<readonly MapRow[]> {
    return this.#walk(() => this.#takeRows());
  }

  /** `take` reads the buffers at once: after any wait, they may hold another call's rows. */
  async *#walk<T>(take: () => T): AsyncGenerator<T> {
    const cursor = new Uint8Array(Math.max(CURSOR_BYTES_MIN, this.info.keySize));
    for (let first = true; ; first = false) {
      if (!first) await nextTurn();
      this.#count[0] = this.#room;
      const from = first ? null : cursor;
      const status = this.#calls.lookupBatch(this.#open(), from, cursor, this.#keys, this.#values, this.#count, null);
      if (status === -ERRNO.ENOSPC && this.#room < MAX_BUCKET_ROWS) {
        // The bucket at the cursor is larger than the buffers, and none of its rows was given.
        this.#makeRoom(this.#room * 4);
        continue;
      }
      if (status < 0 && status !== -ERRNO.ENOENT)
        throw datapathError({ step: 'dump map', subject: this.#name, errno: -status });
      yield take();
      if (status === -ERRNO.ENOENT) return;
    }
  }

  #makeRoom(rows: number): void {
    this.#room = rows;
    this.#keys = new Uint8Array(rows * this.info.keySize);
    this.#values = new Uint8Array(rows * this.info.valueSize);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  /** The kernel stops at the first key that is absent: this goes on after it. */
  #removeFilled(length: number): BatchOutcome {
    for (let from = 0; from < length; ) {
      this.#count[0] = length - from;
      const keys = this.#keys.subarray(from * this.info.keySize);
      const status = this.#calls.deleteBatch(this.#open(), keys, this.#count, null);
      if (status === 0) return { applied: length };
      from += this.#written(length - from);
      if (status === -ERRNO.ENOENT) from += 1;
      else return { applied: from, failure: writeFailure(-status, this.info.maxEntries) };
    }
    return { applied: length };
  }

  #takeRows(): readonly MapRow[] {
    const { keySize, valueSize } = this.info;
    const count = this.#counted();
    const chunk = {
      keySize,
      valueSize,
      keys: this.#keys.slice(0, count * keySize),
      values: this.#values.slice(0, count * valueSize),
    };
    return Array.from({ length: count }, (_, index) => new RowInChunk(chunk, index));
  }

  #put(buffer: Uint8Array, size: number, index: number, part: Uint8Array): void {
    if (part.length !== size) throw new RangeError(`${this.#name}: ${size} bytes are right, not ${part.length}`);
    buffer.set(part, index * size);
  }

  #counted(): number {
    return this.#count[0] ?? 0;
  }

  /** Of `asked` rows, when a write failed: a call that is refused as a whole leaves the count as it was. */
  #written(asked: number): number {
    const counted = this.#counted();
    return counted === asked ? 0 : counted;
  }

  #open(): number {
    if (this.#closed) throw new Error('the maps are closed');
    return this.#fd;
  }
}

interface Chunk {
  readonly keySize: number;
  readonly valueSize: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** Its bytes are looked up when they are asked for: a view of them takes more memory than they do, and a dump has many rows. */
class RowInChunk implements MapRow {
  readonly #chunk: Chunk;
  readonly #index: number;

  constructor(chunk: Chunk, index: number) {
    this.#chunk = chunk;
    this.#index = index;
  }

  get key(): Uint8Array {
    const { keys, keySize } = this.#chunk;
    return keys.subarray(this.#index * keySize, (this.#index + 1) * keySize);
  }

  get value(): Uint8Array {
    const { values, valueSize } = this.#chunk;
    return values.subarray(this.#index * valueSize, (this.#index + 1) * valueSize);
  }
}
