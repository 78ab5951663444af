// Carries out a round: writes the rows step by step, in batches that never reach across steps, and lets the image follow what
// has landed. It decides nothing but this: a row that finds its map full takes its services out of the round, and everything
// else goes on. Any other failure ends the round, because nobody knows then what is in the maps.

import type { ServiceKey } from '../../mesh/model/names.ts';
import { type BatchOutcome, MAP_NAMES, type MapName, type ServiceMaps } from '../maps/port.ts';
import type { Pause } from '../pause.ts';
import { BATCH_ROWS_MAX, type Batch } from './batch.ts';
import { byMap, type Change, encodeKey, mapOf, type Removal } from './change.ts';
import type { MapImage } from './image.ts';
import type { OwnedPuts, Owners } from './owned-puts.ts';
import type { Steps } from './round.ts';

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
  /** Empty ones, to write with; they are left empty. */
  readonly batches: Readonly<Record<MapName, Batch>>;
  readonly now: () => number;
  readonly pause: Pause;
}

export async function execute(steps: Steps, deps: ExecutorDeps): Promise<Execution> {
  const executor = new Executor(deps);
  for (const puts of steps.puts) await executor.put(puts);
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

  async put({ puts, owners }: OwnedPuts): Promise<void> {
    const { batches } = this.#deps;
    for (let row = 0; row < puts.length && this.#failure === undefined; row += 1) {
      const put = puts[row];
      const own = owners[row];
      if (put === undefined || own === undefined || !this.#isWanted(own)) continue;
      const map = mapOf(put);
      batches[map].add(put, own);
      if (batches[map].isFull) await this.#write(map, batches[map]);
    }
    for (const map of MAP_NAMES) if (batches[map].puts.length > 0) await this.#write(map, batches[map]);
  }

  /** Writes the rows of the batch that are still wanted, and leaves it empty. */
  async #write(map: MapName, batch: Batch): Promise<void> {
    if (this.#refused.size > 0) batch.keep(0, this.#isWanted);
    while (batch.puts.length > 0 && this.#failure === undefined) {
      const { applied, failure } = await this.#deps.maps.update(map, batch.rows);
      this.#written += applied;
      this.#landed(batch.puts, applied);
      await this.#deps.pause();
      if (failure === undefined) break;
      for (const service of batch.ownersOf(applied)) this.#refused.set(service, { ...failure, map });
      if (failure.code !== 'MAP_FULL') this.#failure = { ...failure, map };
      batch.keep(applied + 1, this.#isWanted);
    }
    batch.clear();
  }

  async remove(rows: readonly Removal[]): Promise<void> {
    for (let at = 0; at < rows.length && this.#failure === undefined; at += BATCH_ROWS_MAX) {
      const batch = rows.slice(at, at + BATCH_ROWS_MAX);
      for (const [map, changes] of byMap(batch)) {
        const { applied, failure } = await this.#deps.maps.remove(map, changes.map(encodeKey));
        this.#removed += applied;
        this.#landed(changes, applied);
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

  #landed(changes: readonly Change[], applied: number): void {
    const now = this.#deps.now();
    for (let at = 0; at < applied; at += 1) {
      const change = changes[at];
      if (change !== undefined) this.#deps.image.apply(change, now);
    }
  }
}
