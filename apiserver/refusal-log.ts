// Says once in a while whom a listener refuses, and why: a client that is refused tries again every few seconds.

import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

const SILENCE_MS = 60_000;
/** More addresses or reasons at a time than this are an attack, of which a thousand lines a minute say enough. */
const LINES_MAX = 1_000;

export interface RefusalLogDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly message: string;
}

export class RefusalLog {
  readonly #deps: RefusalLogDeps;
  readonly #said = new Set<string>();
  #since = 0;

  constructor(deps: RefusalLogDeps) {
    this.#deps = deps;
  }

  /** `address` is `host:port`. */
  note(address: string, reason: string): void {
    const now = this.#deps.clock.monotonic();
    if (now - this.#since > SILENCE_MS) {
      this.#said.clear();
      this.#since = now;
    }
    const line = `${address.slice(0, address.lastIndexOf(':'))} ${reason}`;
    if (this.#said.has(line) || this.#said.size >= LINES_MAX) return;
    this.#said.add(line);
    this.#deps.log.warn(this.#deps.message, { address, reason });
  }
}
