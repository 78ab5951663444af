// Lets so many in at a time: where everybody who begins at once would make all of them late, as a hundred handshakes that share
// one processor do. A place is held for a limited time, so that who waits for an answer which never comes keeps nobody out for long.

import type { Clock } from './clock.ts';

export interface GatePlace {
  /** Keeps the place for so long, from now on. */
  hold(ms: number): void;
  leave(): void;
}

export class Gate {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(clock: Clock, places: number) {
    this.#clock = clock;
    this.#free = places;
  }

  /** In the order of asking. Rejects with the signal's reason when that aborts before. */
  async enter(holdMs: number, signal: AbortSignal): Promise<GatePlace> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let cancel = (): void => {};
    let left = false;
    const place: GatePlace = {
      hold: (ms) => {
        cancel();
        if (!left) cancel = this.#clock.after(ms, () => place.leave());
      },
      leave: () => {
        cancel();
        if (!left) this.#giveOn();
        left = true;
      },
    };
    place.hold(holdMs);
    return place;
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const come = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(come);
        reject(signal.reason);
      };
      this.#waiting.add(come);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #giveOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
