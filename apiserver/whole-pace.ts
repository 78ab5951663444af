// How often the whole values of a service are written: Cilium's, the one for replicas of older versions, and the copy of a peer's. They
// have all backends in one value, so a change of one costs in proportion to all, here and in every reader. After a pause they are
// written at once; while a large service goes on changing, the changes of a while are written together. What our own programs
// read, the pieces, never waits.

import type { ServiceKey } from '../mesh/model/names.ts';
import type { Clock } from '../runtime/clock.ts';

/** As many as an EndpointSlice holds: a value of that size costs about what its piece does. */
export const AT_ONCE_BACKENDS_MAX = 100;
/**
 * Between two writes of a service, for each of its backends. Composing one from nothing costs about 5 µs a backend, and reading one
 * two to three times that in each reader: so a service that never stops changing costs about a hundredth of a core at most.
 */
export const WHOLE_MS_PER_BACKEND = 1;

export interface WholePaceDeps<K> {
  readonly clock: Clock;
  /** The time has come for a service that had to wait. */
  readonly onDue: (service: K) => void;
}

/** `K`: what a service is called by. */
export class WholePace<K = ServiceKey> {
  readonly #deps: WholePaceDeps<K>;
  readonly #writtenAt = new Map<K, number>();
  readonly #waiting = new Map<K, () => void>();

  constructor(deps: WholePaceDeps<K>) {
    this.#deps = deps;
  }

  /** Services whose whole value is to be written later. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether they may be written now, which they then are. Otherwise `onDue` is called when it may. `backends`: 0 when it is removed. */
  mayWrite(service: K, backends: number): boolean {
    const { clock, onDue } = this.#deps;
    const now = clock.monotonic();
    const pause = backends > AT_ONCE_BACKENDS_MAX ? backends * WHOLE_MS_PER_BACKEND : 0;
    const wait = (this.#writtenAt.get(service) ?? -Infinity) + pause - now;
    if (pause > 0 && wait > 0) {
      if (this.#waiting.has(service)) return false;
      const cancel = clock.after(wait, () => {
        this.#waiting.delete(service);
        onDue(service);
      });
      this.#waiting.set(service, cancel);
      return false;
    }
    this.#waiting.get(service)?.();
    this.#waiting.delete(service);
    if (pause === 0) this.#writtenAt.delete(service);
    else this.#writtenAt.set(service, now);
    return true;
  }

  /** Nobody is called any more. */
  stop(): void {
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}
