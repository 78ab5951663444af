// Carries out a round: writes the rows step by step, in batches that never reach across steps, and lets the image follow what
// has landed. It decides nothing but this: a row that finds its map full takes its services out of the round, and everything
// else goes on. Any other failure ends the round, because nobody knows then what is in the maps.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { Pause } from '../desired/admit.ts';
import type { BatchOutcome, MapName, ServiceMaps } from '../maps/port.ts';
import { byMap, type Change, encodeKey, encodeValue, type Put, type Removal } from './change.ts';
import type { MapImage } from './image.ts';
import type { Owned, Steps } from './round.ts';

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
  readonly now: () => number;
  readonly pause: Pause;
}

/** Large enough that a call's own cost vanishes (measured: from 64 rows on), small enough to be over in a millisecond. */
const BATCH_ROWS_MAX = 256;

export async function execute(steps: Steps, deps: ExecutorDeps): Promise<Execution> {
  const executor = new Executor(deps);
  for (const rows of steps.puts) await executor.put(rows);
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

  async put(rows: readonly Owned<Put>[]): Promise<void> {
    let next = 0;
    while (next < rows.length && this.#failure === undefined) {
      const batch: Owned<Put>[] = [];
      for (; next < rows.length && batch.length < BATCH_ROWS_MAX; next += 1) {
        const row = rows[next];
        if (row !== undefined && this.#isWanted(row)) batch.push(row);
      }
      for (const [map, rows] of byMap(batch, ({ change }) => change)) await this.#putBatch(map, rows);
      await this.#deps.pause();
    }
  }

  async #putBatch(map: MapName, batch: readonly Owned<Put>[]): Promise<void> {
    let rest = batch.filter((row) => this.#isWanted(row));
    while (rest.length > 0 && this.#failure === undefined) {
      const bytes = rest.map(({ change }) => ({ key: encodeKey(change), value: encodeValue(change) }));
      const { applied, failure } = await this.#deps.maps.update(map, bytes);
      this.#written += applied;
      this.#landed(rest.slice(0, applied).map(({ change }) => change));
      if (failure === undefined) return;
      for (const service of rest[applied]?.owners ?? []) this.#refused.set(service, { ...failure, map });
      if (failure.code !== 'MAP_FULL') {
        this.#failure = { ...failure, map };
        return;
      }
      rest = rest.slice(applied + 1).filter((row) => this.#isWanted(row));
    }
  }

  async remove(rows: readonly Removal[]): Promise<void> {
    for (let at = 0; at < rows.length && this.#failure === undefined; at += BATCH_ROWS_MAX) {
      const batch = rows.slice(at, at + BATCH_ROWS_MAX);
      for (const [map, changes] of byMap(batch, (change) => change)) {
        const { applied, failure } = await this.#deps.maps.remove(map, changes.map(encodeKey));
        this.#removed += applied;
        this.#landed(changes.slice(0, applied));
        if (failure === undefined) continue;
        this.#failure = { ...failure, map };
        return;
      }
      await this.#deps.pause();
    }
  }

  /** A row is written as long as one of its services still wants it; a row without owners always. */
  #isWanted({ owners }: Owned<Put>): boolean {
    return owners.length === 0 || owners.some((service) => !this.#refused.has(service));
  }

  #landed(changes: readonly Change[]): void {
    const now = this.#deps.now();
    for (const change of changes) this.#deps.image.apply(change, now);
  }
}
