// Rows of one map on their way into it: their bytes, and what they are in terms of the domain, for whoever has to know which of
// them landed. Reused from batch to batch.

import { PackedRows } from '../maps/packed.ts';
import type { MapInfo } from '../maps/port.ts';
import { encodeRow, type Put } from './change.ts';
import { OwnedPuts, type Owners } from './owned-puts.ts';

/** Large enough that a call's own cost vanishes (measured: from 64 rows on), small enough to be over in half a millisecond. */
export const BATCH_ROWS_MAX = 1_024;

export class Batch {
  readonly rows: PackedRows;
  readonly #put = new OwnedPuts();

  constructor(info: MapInfo) {
    this.rows = new PackedRows(info, BATCH_ROWS_MAX);
  }

  get puts(): readonly Put[] {
    return this.#put.puts;
  }

  get isFull(): boolean {
    return this.rows.length === BATCH_ROWS_MAX;
  }

  ownersOf(row: number): Owners {
    return this.#put.owners[row] ?? [];
  }

  add(put: Put, owners: Owners): void {
    encodeRow(put, this.rows);
    this.#put.add(put, owners);
  }

  clear(): void {
    this.rows.clear();
    this.#put.clear();
  }

  /** Keeps the rows from `from` on that are still wanted. */
  keep(from: number, isWanted: (owners: Owners) => boolean): void {
    const rest = this.puts.slice(from).map((put, index) => [put, this.ownersOf(from + index)] as const);
    this.clear();
    for (const [put, owners] of rest) if (isWanted(owners)) this.add(put, owners);
  }
}
