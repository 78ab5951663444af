// Carries out a round: writes the rows step by step, in batches that never reach across steps, and lets the image follow what
// has landed. It decides nothing but this: a row that finds its map full takes its services out of the round, and everything
// else goes on. Any other failure ends the round, because nobody knows then what is in the maps.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { PackedRows } from '../maps/packed.ts';
import { type BatchOutcome, type MapName, mapNameOf, type ServiceMaps } from '../maps/port.ts';
import type { Pause } from '../pause.ts';
import { byMap, type Change, encodeKey, encodeRow, type Put, type Removal } from './change.ts';
import type { MapImage } from './image.ts';
import type { OwnedPuts, Owners, Steps } from './owned-puts.ts';

/** Large enough that a call's own cost vanishes (measured: from 64 rows on), small enough to be over in half a millisecond. */
export const BATCH_ROWS_MAX = 1_024;

export type MapFailure = NonNullable<BatchOutcome['failure']> & { readonly map: MapName };

export interface Execution {
  readonly written: number;
  readonly removed: number;
  /** Services whose rows did not all land. */
  readonly refused: ReadonlyMap<ServiceKey, MapFailure>;
  /** What ended the round early, if something did. */
  readonly failure: MapFailure | undefined;
}

export interface ExecutorDeps {
  readonly maps: ServiceMaps;
  readonly image: MapImage;
  /** Room for a batch of each map; what is in it means nothing. */
  readonly buffers: Readonly<Record<MapName, PackedRows>>;
  readonly now: () => number;
  readonly pause: Pause;
}

export async function execute(steps: Steps, deps: ExecutorDeps): Promise<Execution> {
  const executor = new Executor(deps);
  for (const puts of steps.puts) {
    await executor.put(mapNameOf(puts.role, 4), puts[4]);
    await executor.put(mapNameOf(puts.role, 6), puts[6]);
  }
  for (const rows of steps.removals) await executor.remove(rows);
  return executor.outcome;
}

class Executor {
  readonly #deps: ExecutorDeps;
  readonly #refused = new Map<ServiceKey, MapFailure>();
  #written = 0;
  #removed = 0;
  #failure: MapFailure | undefined;

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  get outcome(): Execution {
    return { written: this.#written, removed: this.#removed, refused: this.#refused, failure: this.#failure };
  }

  async put(map: MapName, all: OwnedPuts): Promise<void> {
    let rows = this.#refused.size === 0 ? all : all.wanted(0, this.#isWanted);
    let from = 0;
    while (from < rows.length && this.#failure === undefined) {
      const { applied, failure } = await this.#write(map, rows.puts, from);
      this.#written += applied;
      this.#landed(rows.puts, from, applied);
      await this.#deps.pause();
      from += applied;
      if (failure === undefined) continue;
      for (const service of rows.owners[from] ?? []) this.#refused.set(service, { ...failure, map });
      if (failure.code !== 'MAP_FULL') this.#failure = { ...failure, map };
      rows = rows.wanted(from + 1, this.#isWanted);
      from = 0;
    }
  }

  /** As many rows as a batch takes. */
  #write(map: MapName, puts: readonly Put[], from: number): Promise<BatchOutcome> {
    const buffer = this.#deps.buffers[map];
    buffer.clear();
    const end = Math.min(from + buffer.capacity, puts.length);
    for (let row = from; row < end; row += 1) encodeRow(puts[row] as Put, buffer);
    return this.#deps.maps.update(map, buffer);
  }

  async remove(rows: readonly Removal[]): Promise<void> {
    for (let at = 0; at < rows.length && this.#failure === undefined; at += BATCH_ROWS_MAX) {
      const batch = rows.slice(at, at + BATCH_ROWS_MAX);
      for (const [map, changes] of byMap(batch)) {
        const { applied, failure } = await this.#deps.maps.remove(map, changes.map(encodeKey));
        this.#removed += applied;
        this.#landed(changes, 0, applied);
        if (failure === undefined) continue;
        this.#failure = { ...failure, map };
        return;
      }
      await this.#deps.pause();
    }
  }

  /** A row is written as long as one of its services still wants it; a row without owners always. */
  readonly #isWanted = (owners: Owners): boolean =>
    this.#refused.size === 0 || owners.length === 0 || owners.some((service) => !this.#refused.has(service));

  #landed(changes: readonly Change[], from: number, applied: number): void {
    const now = this.#deps.now();
    for (let at = from; at < from + applied; at += 1) {
      const change = changes[at];
      if (change !== undefined) this.#deps.image.apply(change, now);
    }
  }
}
