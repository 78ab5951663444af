// How a mirror is doing, for status and metrics: its phase, when it last heard something, what failed last. Also decides how
// long a side that stands behind what is known may be taken for a replica that lags.

import type { Clock } from '../../runtime/clock.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import { isFailure, Meanings } from './failures.ts';
import type { MirrorState } from './port.ts';

export type MirrorHealthState = Omit<MirrorState, 'position'>;

export class MirrorHealth {
  readonly #clock: Clock;
  readonly #changed: () => void;
  #phase: MirrorState['phase'] = 'connecting';
  #staleSince: number | undefined;
  #lastHeard: number | undefined;
  #liveSince: number | undefined;
  #behindSince: number | undefined;
  #listed = 0;
  #lastError: Error | undefined;
  #disconnects = 0;

  /** `changed` is called for each change but mere signs of life. */
  constructor(deps: { readonly clock: Clock; readonly changed: () => void }) {
    this.#clock = deps.clock;
    this.#changed = deps.changed;
  }

  get state(): MirrorHealthState {
    return {
      phase: this.#phase,
      staleSince: this.#staleSince,
      lastHeard: this.#lastHeard,
      listed: this.#listed,
      lastError: this.#lastError,
      disconnects: this.#disconnects,
    };
  }

  /** For how long the watches have stood; undefined while they do not. */
  get liveMs(): number | undefined {
    return this.#liveSince === undefined ? undefined : this.#clock.monotonic() - this.#liveSince;
  }

  heard(): void {
    this.#lastHeard = this.#clock.monotonic();
  }

  connecting(): void {
    this.#staleSince ??= this.#lastHeard ?? this.#clock.monotonic();
    this.#phase = 'connecting';
    this.#changed();
  }

  listing(listed: number): void {
    this.#phase = 'listing';
    this.#listed = listed;
    this.#changed();
  }

  listComplete(): void {
    this.#behindSince = undefined;
  }

  live(): void {
    this.#phase = 'live';
    this.#liveSince = this.#clock.monotonic();
    this.#staleSince = undefined;
    this.#behindSince = undefined;
    this.#lastError = undefined;
    this.#changed();
  }

  ended(error: OperationalError): void {
    if (!isFailure(error, Meanings.futureRevision)) this.#behindSince = undefined;
    this.#lastError = error;
    if (this.#liveSince !== undefined) this.#disconnects += 1;
    this.#liveSince = undefined;
    this.connecting();
  }

  stopped(): void {
    this.#liveSince = undefined;
    this.connecting();
  }

  /** Called whenever the other side stands behind: false once that has gone on for `graceMs`. */
  mayLag(graceMs: number): boolean {
    const now = this.#clock.monotonic();
    this.#behindSince ??= now;
    return now - this.#behindSince < graceMs;
  }
}
