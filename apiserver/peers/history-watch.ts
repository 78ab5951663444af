// Notices when a peer's etcd is not the one that was followed, or is behind what was seen of it (CM-FRESH-003). That is over
// once a complete list has been compared, which may take a moment only; it is held for a while, so that it can be seen.

import type { HistoryLoss } from '../../mesh/conflict/facts.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Longer than metrics are usually scraped apart: what nobody could see was not found. */
const SEEN_MS = 30_000;

export class HistoryWatch {
  readonly #clock: Clock;
  #last: Position | undefined;
  #loss: HistoryLoss | undefined;
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A position that was reached, at any of the connections to the peer. */
  reached(position: Position): void {
    const last = this.#last;
    this.#last = position;
    if (last === undefined || (last.storeId === position.storeId && position.revision >= last.revision)) return;
    this.#loss = { before: textOf(last), after: textOf(position) };
    this.#since = this.#clock.monotonic();
  }

  /** `compared`: everything that the peer has now has been listed and compared. */
  look(compared: boolean): HistoryLoss | undefined {
    if (compared && this.#loss !== undefined && this.#clock.monotonic() - this.#since >= SEEN_MS)
      this.#loss = undefined;
    return this.#loss;
  }
}

const textOf = ({ storeId, revision }: Position): string => `${storeId}@${revision}`;
